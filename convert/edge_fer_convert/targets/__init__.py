"""What writes the files of one runtime. One Protocol, one table; the three modules read alike, side by side."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer_convert.file_metadata import Card
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.graph import Graph


@dataclass(frozen=True)
class Files:
    """A model file as it is deployed, and the second one of a format that has two."""

    content: bytes
    weights: bytes = b""

    def __len__(self) -> int:
        return len(self.content) + len(self.weights)


class Converter(Protocol):
    """Makes the targets of one runtime out of one float model and one calibration set."""

    suffixes: ClassVar[tuple[str, ...]]
    """Of the file, or of the two."""
    methods: ClassVar[tuple[str, ...]]
    """Ways of choosing the ranges of activations, in words, best first."""
    has_int16: ClassVar[bool]
    """Whether activations of 16 bits are to be had."""
    tools: ClassVar[tuple[str, ...]]
    """Distributions whose versions decide what comes out."""

    def __init__(self, model: FloatModel, calibration: NDArray[np.float32]) -> None:
        """Take *model* and the ``(n, N, N, planes)`` values that it is calibrated with."""
        ...

    def float32(self) -> Files:
        """Return the model as it is."""
        ...

    def static(
        self, method: str, float_layers: frozenset[str], bits: int = 8, *, weight_only: frozenset[str] = frozenset()
    ) -> Files:
        """Return it with weights of 8 and activations of *bits* bits, and the layers *float_layers* in float.

        Those of *weight_only*, which `weight_only` has named, have weights of 8 bits all the same.
        """
        ...

    def weight_only_layers(self, float_layers: frozenset[str]) -> frozenset[str]:
        """Return the layers of *float_layers* that may have 8-bit weights and save much by it."""
        ...

    def dynamic(self, float_layers: frozenset[str]) -> Files:
        """Return it with weights of 8 bits and activations in float between its layers."""
        ...

    def graph(self) -> Graph:
        """Return the layers of the float model, under the names that *float_layers* takes."""
        ...

    def tensors(self, files: Files, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what flows in *files*: tensor name → ``(n, ..., channels)``, dequantized."""
        ...

    def stamp(self, files: Files, card: Card) -> Files:
        """Return *files* with *card* in the format's own place for such things."""
        ...


#: Runtime → module and class.
CONVERTERS: Final[dict[str, tuple[str, str]]] = {
    "litert": ("edge_fer_convert.targets.litert", "LiteRT"),
    "openvino": ("edge_fer_convert.targets.openvino", "OpenVINO"),
    "onnx": ("edge_fer_convert.targets.onnx", "Onnx"),
}
TARGETS: Final = (
    "litert-int8", "litert-float32", "litert-dynamic", "openvino-int8", "openvino-float32", "onnx-int8", "onnx-float32",
)  # fmt: skip


def split(target: str) -> tuple[str, str]:
    """Return runtime and precision of *target*. Raises `BadInput` for one that is not known."""
    if target not in TARGETS:
        raise BadInput(f"no target {target!r}; known targets are {', '.join(TARGETS)}")
    runtime, precision = target.split("-")
    return runtime, precision


def runtime_of(target: str) -> str:
    """Return the runtime of *target*, which may be of any precision that a target falls back to."""
    return target.partition("-")[0]


def converter(runtime: str) -> type[Converter]:
    """Return the class that writes the files of *runtime*."""
    module, name = CONVERTERS[runtime]
    found: type[Converter] = getattr(importlib.import_module(module), name)
    return found
