"""The classifier: a bundle's target, executed by a backend, scores faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from edge_fer import backends, bundle
from edge_fer.errors import BackendError, BadInput, GoldenMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.bundle import Bundle
    from edge_fer.manifest import Target

GOLDEN_TOLERANCE: Final = {"litert-int8": 2.5 / 256, "onnx-int8": 2.5 / 256}
"""Largest difference of a score from its golden answer that passes as the same computation, by target.

Two steps of 1/256: by so much LiteRT's kernels with and without XNNPACK differ. With XNNPACK, x86-64 and arm64 are
bit-identical."""
GOLDEN_TOLERANCE_FLOAT32: Final = 1e-4
"""The same for float32 targets: 40 times the largest difference that was measured."""
GOLDEN_TOLERANCE_OTHER: Final = 0.1
"""The same for all others: OpenVINO chooses by the machine which numbers it computes int8 models in."""


@dataclass(frozen=True)
class GoldenCheck:
    """How this machine's answers to the golden inputs compare with the workstation's."""

    inputs: int
    worst: float
    """Largest difference of a score."""
    tolerance: float
    same_label: int
    """Number of inputs that get the same label as on the workstation."""

    @property
    def passed(self) -> bool:
        """Whether this machine computes what the workstation computed."""
        return self.worst <= self.tolerance


class Classifier:
    """Scores faces with one target of a bundle. A context manager, since closing releases the model.

    The target of a bundle that is not `Bundle.trusted` is first tried in a process of its own (see `edge_fer.trial`),
    which takes about half a second. Raises `BadBundle` for a damaged or harmful file or an unknown target,
    `MissingDependency` without the runtime, `BackendError` if the runtime refuses the model, `BadInput` for an unknown
    backend or a number of threads out of range.
    """

    def __init__(
        self, model: Bundle, target: str | None = None, *, backend: str | None = None, threads: int = 1
    ) -> None:
        if not 1 <= threads <= backends.MAX_THREADS:
            raise BadInput(f"threads is {threads}; pass 1 to {backends.MAX_THREADS}")
        self.bundle = model
        self.target = model.target(target)
        self.labels = model.manifest.labels
        self.preprocess = model.manifest.preprocess
        # By default the runtime that the target was converted for; another one, such as fake, may stand in.
        runtime = backend or self.target.runtime
        # Read once: what was checked and tried is what is executed.
        contents = model.contents(self.target)
        if not model.trusted:
            # Imported here: shipped bundles need none.
            from edge_fer import trial

            trial.check(model, self.target, contents, backend=runtime, threads=threads)
        weights = contents[self.target.weights.file] if self.target.weights else b""
        file = backends.ModelFile(contents[self.target.file], self.preprocess, self.labels, threads, weights)
        self.backend = backends.load(runtime, file)
        # One array for all frames: nothing is allocated on the hot path.
        self._crops = np.empty((4, self.preprocess.size_px, self.preprocess.size_px), np.uint8)

    @classmethod
    def load(
        cls, path: str | Path, target: str | None = None, *, backend: str | None = None, threads: int = 1,
        trusted: bool = False, key: str | Path | None = None,
    ) -> Classifier:  # fmt: skip
        """Load *target*, by default the first, of the bundle at *path* or of the shipped one of that name.

        *trusted* leaves out the trial of a bundle from outside, *key* asks for its signature: see `bundle.load`.
        """
        return cls(bundle.load(path, trusted=trusted, key=key), target, backend=backend, threads=threads)

    def crop(
        self, gray: NDArray[np.uint8], boxes: Sequence[Sequence[float] | None], rolls_deg: Sequence[float] | None = None
    ) -> NDArray[np.uint8]:
        """Cut *boxes*, in pixels, out of grey ``(height, width)`` uint8 *gray*, and level those tilted by *rolls_deg*.

        None in place of a box means all of *gray*, without a margin.
        Return ``(n, N, N)`` uint8, valid until the next call.
        """
        # Doubled, so that it grows a few times only, however many faces come.
        while len(self._crops) < len(boxes):
            self._crops = np.concatenate([self._crops, self._crops])
        # Not strict: the array may have room for more crops than there are boxes.
        for box, roll_deg, out in zip(boxes, rolls_deg or [0.0] * len(boxes), self._crops, strict=False):
            self.preprocess.crop(gray, box, out, roll_deg)
        return self._crops[: len(boxes)]

    def scores(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, labels)`` float32 scores of ``(n, N, N)`` uint8 *crops*.

        Raises `BackendError` if a score is NaN or infinite.
        """
        scores = self.backend.run(crops)
        # Checked here, since a single NaN would stay in the average of a face for good.
        finite = np.isfinite(scores)
        if not finite.all():
            raise BackendError(f"{self.bundle.path} answers {scores[~finite][0]}; convert the model again")
        return scores

    def check_golden(self) -> GoldenCheck:
        """Compare this machine's scores of the golden inputs with those in the bundle.

        Raises `GoldenMismatch` if the bundle has none for this target.
        """
        golden = self.bundle.golden()
        expected = golden.answers.get(self.target.name)
        if expected is None:
            raise GoldenMismatch(f"{self.bundle.path} has no golden answers for {self.target.name}; write it again")
        scores = self.scores(golden.inputs)
        same_label = scores.argmax(axis=1) == expected.argmax(axis=1)
        return GoldenCheck(
            inputs=len(scores),
            worst=float(np.abs(scores - expected).max()),
            tolerance=_tolerance(self.target),
            same_label=int(same_label.sum()),
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
    if target.precision == "float32":
        return GOLDEN_TOLERANCE_FLOAT32
    return GOLDEN_TOLERANCE.get(target.name, GOLDEN_TOLERANCE_OTHER)
