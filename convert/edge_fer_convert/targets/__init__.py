"""Converters: what writes the model files of each runtime. One Protocol, one table; the three modules read alike."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from edge_fer.backends import ModelFile
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.graph import Graph
    from edge_fer_convert.model_metadata import ModelMetadata


@dataclass(frozen=True)
class Files:
    """A model as it is deployed: one file, or two in a format that keeps weights apart."""

    content: bytes
    weights: bytes = b""

    def __len__(self) -> int:
        """Return their size in bytes."""
        return len(self.content) + len(self.weights)

    def model_file(self, metadata: ModelMetadata, threads: int = 1) -> ModelFile:
        """Return them as a backend of the device loads them."""
        return ModelFile(self.content, metadata.preprocess, metadata.labels, threads, self.weights)


class Converter(Protocol):
    """Makes the targets of one runtime from one float model and one calibration set."""

    suffixes: ClassVar[tuple[str, ...]]
    """Suffix of the file, or of the two files."""
    methods: ClassVar[tuple[str, ...]]
    """Ways of choosing the ranges of activations, in words, best first."""
    has_int16: ClassVar[bool]
    """Whether the runtime executes 16-bit activations."""
    dynamic_in_words: ClassVar[str]
    """What `dynamic` does with the activations."""
    tools: ClassVar[tuple[str, ...]]
    """Distributions whose versions decide the bytes of the files."""

    def __init__(self, model: FloatModel, calibration: NDArray[np.float32]) -> None:
        """Take *model* and the ``(n, N, N, channels)`` values that it is calibrated with."""
        ...

    def float32(self) -> Files:
        """Return the model without quantization."""
        ...

    def static(
        self, method: str, float_layers: frozenset[str], bits: int = 8, *, weight_only: frozenset[str] = frozenset()
    ) -> Files:
        """Return the model with 8-bit weights and activations of *bits* bits; *float_layers* compute in float.

        *weight_only*, a subset of *float_layers* that `weight_only_layers` has named, keep 8-bit weights.
        """
        ...

    def weight_only_layers(self, float_layers: frozenset[str]) -> frozenset[str]:
        """Return the layers of *float_layers* for which 8-bit weights are possible and save much."""
        ...

    def dynamic(self, float_layers: frozenset[str]) -> Files:
        """Return the model with 8-bit weights and float activations, which kernels may quantize as they come.

        *float_layers* compute in float.
        """
        ...

    def graph(self) -> Graph:
        """Return the layers of the float model, under the names that *float_layers* takes."""
        ...

    def tensors(self, files: Files, values: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Yield, for each of *values*, the tensors that *files* compute: name → ``(1, ..., channels)``, dequantized.

        One image at a time: all tensors of one may take a hundred megabytes.
        """
        ...

    def stamp(self, files: Files, metadata: ModelMetadata) -> Files:
        """Return *files* with *metadata* in the place that the format has for it."""
        ...


# Imported by name when they are used, because each needs its own large packages. import-linter does not see these.
CONVERTERS: Final[dict[str, tuple[str, str]]] = {
    "litert": ("edge_fer_convert.targets.litert", "LiteRT"),
    "openvino": ("edge_fer_convert.targets.openvino", "OpenVINO"),
    "onnx": ("edge_fer_convert.targets.onnx", "Onnx"),
}
"""Runtime → module and class."""
TARGETS: Final = (
    "litert-int8", "litert-float32", "litert-dynamic", "openvino-int8", "openvino-float32", "onnx-int8", "onnx-float32",
)  # fmt: skip


def split_target(target: str) -> tuple[str, str]:
    """Return runtime and precision of *target*. Raises `BadInput` for an unknown target."""
    if target not in TARGETS:
        raise BadInput(f"no target {target!r}; known targets are {', '.join(TARGETS)}; for NPUs imx500, hailo, edgetpu")
    runtime, precision = target.split("-")
    return runtime, precision


def runtime_of(target: str) -> str:
    """Return the runtime of *target*, which may have a precision that only fallbacks have (``int16``)."""
    return target.partition("-")[0]


def converter(runtime: str) -> type[Converter]:
    """Return the class that writes the files of *runtime*."""
    module, name = CONVERTERS[runtime]
    converter_class: type[Converter] = getattr(importlib.import_module(module), name)
    return converter_class
