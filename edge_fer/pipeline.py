"""The loop that joins them: frame → faces → crops → scores → states."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from edge_fer.clock import SystemClock
from edge_fer.faces import HaarDetector
from edge_fer.preprocess import to_gray
from edge_fer.records import FaceRecord, Record
from edge_fer.smoothing import Smoother, Smoothing
from edge_fer.tracking import FaceTracker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.classifier import Classifier
    from edge_fer.clock import Clock
    from edge_fer.sources import Frame, Source
    from edge_fer.tracking import Track

STAGES = ("capture", "detect", "preprocess", "classify", "smooth")


class Pipeline:
    """Frames in, records out. Holds the tracks and one smoother a track."""

    def __init__(
        self,
        classifier: Classifier,
        tracker: FaceTracker | None = None,
        smoothing: Smoothing | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.classifier = classifier
        self.tracker = tracker or FaceTracker(HaarDetector())
        self.smoothing = smoothing or Smoothing()
        self._clock = clock or SystemClock()
        self._smoothers: dict[int, Smoother] = {}

    def process(self, frame: Frame, capture_ms: float = 0.0, dropped: int = 0) -> Record:
        """Return the record of *frame*. Raises `BadInput` for a frame that cannot be used."""
        now = self._clock.now
        started = now()
        gray = to_gray(frame.image)
        tracks = self.tracker.update(gray, frame.time_s)
        detected = now()
        crops = self.classifier.crop(gray, [track.box for track in tracks])
        cropped = now()
        scores = self.classifier.scores(crops)
        classified = now()
        faces = self._smooth(tracks, scores, frame.time_s)
        smoothed = now()
        marks = (started, detected, cropped, classified, smoothed)
        spent = [capture_ms, *((b - a) * 1e3 for a, b in pairwise(marks))]
        stage_ms = dict(zip(STAGES, spent, strict=True))
        return Record(frame.index, frame.time_s, frame.name, self.classifier.labels, faces, stage_ms, dropped)

    def run(self, source: Source) -> Iterator[tuple[Frame, Record]]:
        """Yield each of the source's frames with its record, until the source ends."""
        frames = iter(source.frames())
        while True:
            started = self._clock.now()
            frame = next(frames, None)
            if frame is None:
                return
            capture_ms = (self._clock.now() - started) * 1e3
            if source.stills:
                self.reset()
            yield frame, self.process(frame, capture_ms, source.dropped)

    def reset(self) -> None:
        """Forget all faces and states: what comes next has nothing to do with what was."""
        self.tracker.reset()
        self._smoothers.clear()

    def _smooth(self, tracks: Sequence[Track], scores: NDArray[np.float32], time_s: float) -> tuple[FaceRecord, ...]:
        faces = []
        for track, row in zip(tracks, scores, strict=True):
            smoother = self._smoothers.get(track.id)
            if smoother is None:
                smoother = self._smoothers[track.id] = Smoother(self.classifier.labels, self.smoothing)
            state, mean = smoother.update(row, time_s)
            faces.append(FaceRecord(track.id, track.box, track.face.confidence, row, mean.copy(), state))
        for ended in self._smoothers.keys() - self.tracker.known():
            del self._smoothers[ended]
        return tuple(faces)
