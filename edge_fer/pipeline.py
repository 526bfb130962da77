"""The loop that joins the parts: frame → faces → crops → scores → states."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

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

STAGES: Final = ("capture", "detect", "preprocess", "classify", "smooth")
"""Names of the steps whose time each record holds."""


class Pipeline:
    """Turns frames into records. Holds the tracks and a smoother for each."""

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

    @property
    def states(self) -> dict[int, str]:
        """The state of each face that is remembered, seen now or not, by the id of its track."""
        return {track: smoother.state for track, smoother in self._smoothers.items()}

    def process(self, frame: Frame, capture_ms: float = 0.0, dropped: int = 0) -> Record:
        """Return the record of *frame*. Raises `BadInput` for a frame that cannot be used.

        *capture_ms* and *dropped* go into the record: how long the frame took to arrive, and how many the source has
        dropped so far.
        """
        # Each reading of the clock ends one stage and begins the next: together they are the whole time.
        now = self._clock.now
        started = now()
        gray = to_gray(frame.image)
        tracks = self.tracker.update(gray, frame.time_s, frame.reduced)
        detected = now()
        crops = self.classifier.crop(gray, [track.box for track in tracks])
        cropped = now()
        scores = self.classifier.scores(crops)
        classified = now()
        faces = self._smooth(tracks, scores, frame)
        smoothed = now()
        durations_ms = [capture_ms]
        for begin, end in pairwise((started, detected, cropped, classified, smoothed)):
            durations_ms.append((end - begin) * 1e3)
        stage_ms = dict(zip(STAGES, durations_ms, strict=True))
        return Record(frame.index, frame.time_s, frame.name, self.classifier.labels, faces, stage_ms, dropped)

    def run(self, source: Source) -> Iterator[tuple[Frame, Record]]:
        """Yield each of the source's frames with its record, until the source ends."""
        frames = iter(source.frames())
        while True:
            # By hand instead of a for loop, since the time that a frame takes to arrive is measured.
            started = self._clock.now()
            frame = next(frames, None)
            if frame is None:
                return
            capture_ms = (self._clock.now() - started) * 1e3
            # A face at the same place in another still is another face.
            if source.stills:
                self.reset()
            yield frame, self.process(frame, capture_ms, source.dropped)
            del frame  # so that a large picture is freed before the next one is decoded

    def reset(self) -> None:
        """Forget all faces and states. To be called when the next frame is unrelated to the last one."""
        self.tracker.reset()
        self._smoothers.clear()

    def _smooth(self, tracks: Sequence[Track], scores: NDArray[np.float32], frame: Frame) -> tuple[FaceRecord, ...]:
        faces = []
        for track, row in zip(tracks, scores, strict=True):
            smoother = self._smoothers.get(track.id)
            if smoother is None:
                smoother = self._smoothers[track.id] = Smoother(self.classifier.labels, self.smoothing)
            state, mean = smoother.update(row, frame.time_s)
            box = track.box.times(frame.reduced)
            # A copy, since the smoother changes its mean in place.
            faces.append(FaceRecord(track.id, box, track.face.confidence, row, mean.copy(), state))
        # Otherwise they would accumulate for as long as the program runs.
        for ended in self._smoothers.keys() - self.tracker.known():
            del self._smoothers[ended]
        return tuple(faces)
