"""Whether a float32 form is still the model that was opened; if not, from which layer on it is another one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.dependencies import raise_broken_import
from edge_fer.errors import GateFailed
from edge_fer_convert import targets
from edge_fer_convert.parting import first_difference
from edge_fer_convert.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from edge_fer.progress import ProgressListener
    from edge_fer_convert.preparation import Prepared
    from edge_fer_convert.targets import Converter

SAME_MODEL: Final = 1e-2
"""Difference of scores up to which a float32 form counts as the model that was opened."""
COMPARED: Final = 200
"""Number of faces, at most, on which it is compared."""
SHOWN: Final = 2
"""Number of faces for which all layers are compared, where the scores differ."""


@dataclass(frozen=True)
class Fidelity:
    """Compares float32 forms with the model that was opened, as its own framework executes it."""

    prepared: Prepared
    progress: ProgressListener

    def check(self, runtime: str, converter: Converter, scores: NDArray[np.float32]) -> None:
        """Raise `GateFailed` unless *scores*, of the float32 form of *runtime*, are those of the opened model."""
        difference = float(np.abs(scores[self._compared] - self._expected).max())
        # Written so that NaN, which compares false, is refused as well.
        if difference <= SAME_MODEL:
            return
        layer = self._first_difference(converter)
        where = f", from the layer {layer} on" if layer else ""
        others = [target for target in self.prepared.job.targets if targets.runtime_of(target) != runtime]
        advice = f"leave its targets out (--targets {','.join(others)}), or " if others else ""
        raise GateFailed(
            f"{runtime}-float32 is not the model that was opened: scores differ by up to {difference:.3f}{where}; "
            f"{advice}save the model in another form"
        )

    @cached_property
    def _compared(self) -> NDArray[np.intp]:
        """The faces that forms are compared on, spread evenly over all of them."""
        faces = len(self.prepared.crops)
        return np.unique(np.linspace(0, faces - 1, min(faces, COMPARED)).astype(np.intp))

    @cached_property
    def _expected(self) -> NDArray[np.float32]:
        """The scores of the opened model for these faces."""
        self.progress.step("asking the opened model")
        model = self.prepared.job.model
        with quiet():
            return (model.original or model).scores(self._values(self._compared))

    def _values(self, faces: NDArray[np.intp]) -> NDArray[np.float32]:
        return self.prepared.job.metadata.preprocess.to_values(self.prepared.crops[faces])

    def _first_difference(self, converter: Converter) -> str | None:
        """Return the layer from which on *converter* computes something else, as far as that can be found."""
        try:
            values = self._values(self._compared[:SHOWN])
            right = self._layers(values)
            wrong = together(converter.tensors(converter.float32(), values))
            return first_difference(right, wrong)
        except Exception as exc:  # noqa: BLE001  (that the scores differ matters more than where they begin to)
            raise_broken_import(exc)
            return None

    def _layers(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what the layers of the opened model compute for *values*."""
        model = self.prepared.job.model
        layers = model.original.tensors(values) if model.original is not None else {}
        if not layers and model.tflite is not None:
            # The next best is what ONNX is made of.
            litert = targets.converter("litert")(model, values)
            layers = together(litert.tensors(litert.float32(), values))
        return layers


def together(tensors: Iterable[dict[str, NDArray[np.float32]]]) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of several faces as one array each, ``(n, ..., channels)``."""
    by_name: dict[str, list[NDArray[np.float32]]] = {}
    for of_one_face in tensors:
        for name, array in of_one_face.items():
            by_name.setdefault(name, []).append(array)
    return {name: np.concatenate(arrays) for name, arrays in by_name.items()}
