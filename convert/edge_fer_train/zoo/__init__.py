"""Architectures. Their parameter counts are those of the papers, and tests assert them.

Every module of the table has ``build(size, channels, classes, *, dropout, data_format, ...)``, which returns a Keras
model with random weights: ``(batch, size, size, channels)`` float32 in, ``(batch, classes)`` probabilities out.
*data_format* is the order of axes in which it computes inside; input, output and weights are the same in both orders.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras

# import-linter does not see these imports: each module is imported by its name.
ARCHITECTURES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "cnn-1": ("cnn_1", {}),
    "cnn-2": ("cnn_2", {}),
    "fused-sum": ("fused", {"rule": "sum"}),
    "fused-product": ("fused", {"rule": "product"}),
    "mobilenet-v2": ("applications", {"application": "mobilenet_v2"}),
    "compact": ("compact", {}),
    "hybrid": ("hybrid", {}),
    "vgg19": ("applications", {"application": "vgg19"}),
    "sequential": ("sequential", {}),
    "resnet50": ("applications", {"application": "resnet50"}),
    "mobilenet": ("applications", {"application": "mobilenet"}),
    "openface": ("openface", {}),
    "vgg-face": ("vgg_face", {}),
}
"""By name: the module of this package, and the options that its ``build`` always gets."""


def build(name: str, *arguments: Any, **options: Any) -> keras.Model:
    """Build the architecture *name*; *arguments* and *options* go to its module's ``build``.

    Raises `BadInput` for an unknown name.
    """
    if name not in ARCHITECTURES:
        raise BadInput(f"no architecture {name!r}; pass one of: {', '.join(ARCHITECTURES)}")
    module_name, fixed = ARCHITECTURES[name]
    # Imported on demand, so that reading the table needs no Keras.
    module = import_module(f"edge_fer_train.zoo.{module_name}")
    model: keras.Model = module.build(*arguments, **fixed, **options)
    return model


def join(name: str, paths: Sequence[Path]) -> keras.Model:
    """Return the models at *paths* joined as the architecture *name* joins its networks.

    Raises `BadInput` for an architecture that joins none, and for models of different channels or classes.
    """
    from edge_fer_train import checkpoints
    from edge_fer_train.zoo import fused

    _, fixed = ARCHITECTURES.get(name, ("", {}))
    if "rule" not in fixed:
        raise BadInput(f"architecture {name!r} joins no scores; fused-sum and fused-product do")
    models = [checkpoints.load(path) for path in paths]
    ends = set()
    for model in models:
        channels = model.input_shape[-1]
        classes = model.output_shape[-1]
        ends.add(f"{channels} channels, {classes} classes")
    if len(ends) > 1:
        files = ", ".join(path.name for path in paths)
        differences = " and ".join(sorted(ends))
        raise BadInput(f"{files} have {differences}; join models with the same channels and classes")
    return fused.join(models, fixed["rule"])
