"""Which stage of the pipeline is at work, and since when: what hangs is named."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edge_fer.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.clock import Clock
    from edge_fer.detectors import Detector, Face


class Stages:
    """The stages that are at work. May be used from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since_s: dict[str, float] = {}

    @contextmanager
    def at(self, stage: str) -> Iterator[None]:
        """Let *stage* count as at work until the context is left. Two threads need two names."""
        with self._lock:
            self._since_s[stage] = self._clock.now()
        try:
            yield
        finally:
            with self._lock:
                del self._since_s[stage]

    def ages_s(self) -> dict[str, float]:
        """Return for how long each stage has been at work, in seconds."""
        with self._lock:
            now = self._clock.now()
            return {stage: round(now - since_s, 3) for stage, since_s in self._since_s.items()}


class TimedDetector:
    """A detector whose work is noted in the stages."""

    def __init__(self, detector: Detector, stages: Stages) -> None:
        self._detector = detector
        self._stages = stages

    @property
    def name(self) -> str:
        """As of the detector."""
        return self._detector.name

    def search(self, gray: NDArray[np.uint8], reduced: int = 1, roll_deg: float = 0.0) -> list[Face]:
        """As `Detector.search`."""
        with self._stages.at("search"):
            return self._detector.search(gray, reduced, roll_deg)

    def follow(self, gray: NDArray[np.uint8], last: Box, roll_deg: float = 0.0) -> Face | None:
        """As `Detector.follow`."""
        with self._stages.at("follow"):
            return self._detector.follow(gray, last, roll_deg)


class TimedClassifier(Classifier):
    """A classifier whose work is noted in the stages, once it has some."""

    stages: Stages | None = None

    def scores(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `Classifier.scores`."""
        if self.stages is None:
            return super().scores(crops)
        with self.stages.at("classify"):
            return super().scores(crops)
