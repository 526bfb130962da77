"""Model files whose format is sound and whose content is hostile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fuzz import onnx_models, openvino_models, tflite_models

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from fuzz.bundles import Parts

CHANGES: Final[dict[str, Callable[[random.Random, bytes], tuple[bytes, str]]]] = {
    "tflite": tflite_models.change,
    "onnx": onnx_models.change,
    "xml": openvino_models.change,
}
"""By suffix of the file."""


def change(rng: random.Random, parts: Parts) -> str:
    """Change the graph of one of the bundle's models."""
    names = [name for name in sorted(parts.files) if name.rpartition(".")[2] in CHANGES]
    name = rng.choice(names)
    suffix = name.rpartition(".")[2]
    parts.files[name], done = CHANGES[suffix](rng, parts.files[name])
    return f"{suffix}: {done}"
