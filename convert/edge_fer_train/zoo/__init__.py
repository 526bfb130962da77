"""Architectures, one file each; parameter counts are those of the papers and are asserted in the tests.

Every module has ``build(size, channels, classes, *, dropout, data_format, ...)``, which returns a Keras model with
random weights: ``(batch, size, size, channels)`` float32 in, ``(batch, classes)`` probabilities out. *data_format* is
the order in which it computes inside; input, output and weights are the same in both.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras

ARCHITECTURES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "cnn-1": ("cnn_1", {}),
    "cnn-2": ("cnn_2", {}),
    "fused-sum": ("fused", {"rule": "sum"}),
    "fused-product": ("fused", {"rule": "product"}),
    "mobilenet-v2": ("mobilenet_v2", {}),
    "compact": ("compact", {}),
    "hybrid": ("hybrid", {}),
    "vgg19": ("vgg19", {}),
    "sequential": ("sequential", {}),
    "resnet50": ("resnet50", {}),
    "mobilenet": ("mobilenet", {}),
    "openface": ("openface", {}),
    "vgg-face": ("vgg_face", {}),
}
"""By name: the module and what is fixed of its options."""


def build(name: str, *arguments: Any, **options: Any) -> keras.Model:
    """Build the architecture *name*; the rest is passed on to its module's ``build``.

    Raises `BadInput` for a name that is none.
    """
    if name not in ARCHITECTURES:
        raise BadInput(f"no architecture {name!r}; pass one of: {', '.join(ARCHITECTURES)}")
    module, fixed = ARCHITECTURES[name]
    model: keras.Model = import_module(f"edge_fer_train.zoo.{module}").build(*arguments, **fixed, **options)
    return model


def join(name: str, paths: Sequence[Path]) -> keras.Model:
    """Return the models in *paths* joined as the architecture *name* joins its parts.

    Raises `BadInput` for an architecture that joins nothing, and for parts that see other faces or know other classes.
    """
    from edge_fer_train import checkpoints
    from edge_fer_train.zoo import fused

    rule = ARCHITECTURES.get(name, ("", {}))[1].get("rule")
    if rule is None:
        raise BadInput(f"architecture {name!r} joins no scores; fused-sum and fused-product do")
    parts = [checkpoints.load(path) for path in paths]
    ends = {(part.input_shape[-1], part.output_shape[-1]) for part in parts}
    if len(ends) > 1:
        told = " and ".join(f"{planes} planes, {classes} classes" for planes, classes in sorted(ends))
        raise BadInput(f"{', '.join(path.name for path in paths)} have {told}; only alike models are joined")
    return fused.join(parts, rule)
