"""Smoothing: one face's scores over time become a stable state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.emotions import UNKNOWN
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Smoothing:
    """How quickly a state follows the scores. Times are in seconds, so that the frame rate has no influence.

    Raises `BadInput` unless ``leave <= enter`` and every value is in its range.
    """

    time_constant_s: float = 0.4
    """Age at which a frame's scores have a weight of 1/e (37 %) of the newest ones."""
    enter: float = 0.5
    """Least smoothed score at which a label may become the state."""
    leave: float = 0.4
    """Smoothed score below which a state becomes `unknown`."""
    margin: float = 0.10
    """By how much another label must lead the present state to replace it."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (math.isfinite(self.time_constant_s) and self.time_constant_s >= 0):
            raise BadInput(f"smoothing time constant is {self.time_constant_s} s; pass 0 (none) or more")
        if not 0 <= self.leave <= self.enter <= 1:
            raise BadInput(f"smoothing has leave {self.leave}, enter {self.enter}; pass 0 <= leave <= enter <= 1")
        if not 0 <= self.margin <= 1:
            raise BadInput(f"smoothing margin is {self.margin}; pass a value in [0, 1]")


class Smoother:
    """Exponential average of one face's scores; the state is a label, with hysteresis, or `unknown`."""

    def __init__(self, labels: Sequence[str], smoothing: Smoothing | None = None) -> None:
        self.labels = tuple(labels)
        self.smoothing = smoothing or Smoothing()
        self.state: str = UNKNOWN
        self._mean: NDArray[np.float32] | None = None
        self._time_s = 0.0

    def update(self, scores: NDArray[np.float32], time_s: float, trust: float = 1.0) -> tuple[str, NDArray[np.float32]]:
        """Take the ``(labels,)`` *scores* of a frame at *time_s* and return the state and the smoothed scores.

        *trust*, in [0, 1], is how much the frame counts: of a face that is hardly seen, less is taken.

        The scores returned are valid until the next call. A time before the last one counts as the same moment. Raises
        `BadInput` for NaN, infinity or a wrong shape.
        """
        if scores.shape != (len(self.labels),) or not np.isfinite(scores).all():
            raise BadInput(f"scores are {scores!r}; pass {len(self.labels)} finite values")
        if self._mean is None:
            self._mean = scores.astype(np.float32)  # a copy, since the mean is changed in place
            self._time_s = time_s
        else:
            self._mean += np.float32(trust) * self._weight(time_s) * (scores - self._mean)
            # Where the clock jumped back, the time until it reaches this moment again must not count twice.
            self._time_s = max(self._time_s, time_s)
        self.state = self._decide(self._mean)
        return self.state, self._mean

    def _weight(self, time_s: float) -> np.float32:
        """Return the weight of the scores at *time_s* against the average so far, in [0, 1]."""
        constant_s = self.smoothing.time_constant_s
        if constant_s == 0:
            return np.float32(1.0)
        elapsed_s = max(0.0, time_s - self._time_s)
        # 1 - exp(-x), which expm1 computes without cancellation for the small x of a high frame rate.
        return np.float32(-math.expm1(-elapsed_s / constant_s))

    def _decide(self, mean: NDArray[np.float32]) -> str:
        # Hysteresis: with a single threshold, a score near it would make the state flicker.
        best = int(mean.argmax())
        may_enter = mean[best] >= self.smoothing.enter
        if self.state == UNKNOWN:
            return self.labels[best] if may_enter else UNKNOWN
        present_score = float(mean[self.labels.index(self.state)])
        if may_enter and mean[best] >= present_score + self.smoothing.margin:
            return self.labels[best]
        return self.state if present_score >= self.smoothing.leave else UNKNOWN
