"""Bundle + backend → scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from edge_fer import backends, bundle
from edge_fer.errors import BackendError, BadInput, GoldenMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.bundle import Bundle, Target

#: Largest difference of a golden score that still is the same computation. int8: two steps of 1/256, what LiteRT
#: differs by between its kernels with and without XNNPACK (with it, x86-64 and arm64 are bit-identical). float32: 40
#: times what those were seen to differ by. OpenVINO chooses by the machine what it computes int8 models in.
GOLDEN_TOLERANCE = {"litert-int8": 2.5 / 256, "onnx-int8": 2.5 / 256}
GOLDEN_TOLERANCE_FLOAT32 = 1e-4
GOLDEN_TOLERANCE_OTHER = 0.1


@dataclass(frozen=True)
class GoldenCheck:
    """How the golden answers came out on this machine."""

    inputs: int
    worst: float
    """Largest difference of any score."""
    tolerance: float
    same_label: int
    """On how many inputs the winning label is the workstation's."""

    @property
    def passed(self) -> bool:
        """Whether this machine computes what the workstation computed."""
        return self.worst <= self.tolerance


class Classifier:
    """Scores faces with one target of a bundle. A context manager; closing releases the model."""

    def __init__(
        self, model: Bundle, target: str | None = None, *, backend: str | None = None, threads: int = 1
    ) -> None:
        if not 1 <= threads <= 64:
            raise BadInput(f"threads is {threads}; pass 1 to 64")
        self.bundle = model
        self.target = model.target(target)
        self.labels = model.manifest.labels
        self.preprocess = model.manifest.preprocess
        weights = model.read(self.target.weights) if self.target.weights else b""
        file = backends.ModelFile(model.read(self.target), self.preprocess, self.labels, threads, weights)
        self.backend = backends.load(backend or self.target.runtime, file)
        self._crops = np.empty((4, self.preprocess.size_px, self.preprocess.size_px), np.uint8)

    @classmethod
    def load(
        cls, path: str | Path, target: str | None = None, *, backend: str | None = None, threads: int = 1
    ) -> Classifier:
        """Open the bundle at *path*, or the shipped one of that name, and load one of its targets."""
        return cls(bundle.load(path), target, backend=backend, threads=threads)

    def crop(self, gray: NDArray[np.uint8], boxes: Sequence[Sequence[float]]) -> NDArray[np.uint8]:
        """Cut *boxes* out of grey *gray* and return ``(n, N, N)`` uint8, valid until the next call."""
        while len(self._crops) < len(boxes):
            self._crops = np.concatenate([self._crops, self._crops])
        for box, out in zip(boxes, self._crops, strict=False):
            self.preprocess.crop(gray, box, out)
        return self._crops[: len(boxes)]

    def scores(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, labels)`` float32 scores of ``(n, N, N)`` uint8 *crops*.

        Raises `BackendError` when the model answers with NaN or infinity.
        """
        scores = self.backend.run(crops)
        if not np.isfinite(scores).all():
            raise BackendError(f"{self.bundle.path} answers {scores[~np.isfinite(scores)][0]}; convert the model again")
        return scores

    def check_golden(self) -> GoldenCheck:
        """Run the bundle's golden inputs and compare. Raises `GoldenMismatch` without answers for this target."""
        golden = self.bundle.golden()
        expected = golden.answers.get(self.target.name)
        if expected is None:
            raise GoldenMismatch(f"{self.bundle.path} has no golden answers for {self.target.name}; write it again")
        got = self.scores(golden.inputs)
        return GoldenCheck(
            inputs=len(got),
            worst=float(np.abs(got - expected).max()),
            tolerance=_tolerance(self.target),
            same_label=int((got.argmax(axis=1) == expected.argmax(axis=1)).sum()),
        )

    def close(self) -> None:
        """Release the model."""
        self.backend.close()

    def __enter__(self) -> Self:
        """Return the classifier itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Release the model."""
        self.close()


def _tolerance(target: Target) -> float:
    other = GOLDEN_TOLERANCE_FLOAT32 if target.precision == "float32" else GOLDEN_TOLERANCE_OTHER
    return GOLDEN_TOLERANCE.get(target.name, other)
