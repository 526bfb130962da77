"""The loop that joins the parts: frame → faces → crops → scores → states."""

from __future__ import annotations

import math
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.clock import SystemClock
from edge_fer.detectors.haar import HaarDetector
from edge_fer.errors import BadInput
from edge_fer.preprocess import to_gray
from edge_fer.records import FaceRecord, Record, Seen
from edge_fer.smoothing import Smoother, Smoothing
from edge_fer.tracking import FaceTracker
from edge_fer.tracking.in_step import InStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor, Future

    from numpy.typing import NDArray

    from edge_fer.classifier import Classifier
    from edge_fer.clock import Clock
    from edge_fer.sources import Frame, Source
    from edge_fer.tracking import Track, WholePictures

STAGES: Final = ("capture", "detect", "preprocess", "classify", "smooth")
"""Names of the steps whose time each record holds. Of a live source, it is how long the frame waited for them: the
detector and the classifier work beside it."""
CLASSIFY_FPS: Final = 10.0
"""How often a second each face is classified, at most: expressions change more slowly than frames come."""
NOTHING: Final = np.empty((0, 0), np.uint8)
"""In place of a frame that is not looked at."""
TRUST: Final = {Seen.FOUND: 1.0, Seen.TURNED: 0.5, Seen.BRIDGED: 0.3}
"""How much a frame counts for a face's state, by how the face was seen in it."""


@dataclass
class _Person:
    """What is remembered of the face of one track."""

    smoother: Smoother
    scores: NDArray[np.float32]
    """Of the frame in which it was classified last."""
    smoothed: NDArray[np.float32]
    due_s: float = -math.inf
    """Time from which on it may be classified again."""

    def is_due(self, time_s: float, period_s: float) -> bool:
        """Return whether it should be classified at *time_s*, also if the time has started again."""
        return time_s >= self.due_s or self.due_s - time_s > period_s

    def classified(self, scores: NDArray[np.float32], time_s: float, period_s: float, trust: float) -> None:
        """Take the scores of a frame."""
        self.scores = scores
        _, mean = self.smoother.update(scores, time_s, trust)
        # A copy, since the smoother changes its mean in place.
        self.smoothed = mean.copy()
        # From when it was due on, so that a camera whose frames are not quite regular has the same mean rate.
        late = not 0 <= time_s - self.due_s < period_s
        self.due_s = (time_s if late else self.due_s) + period_s


@dataclass(frozen=True)
class _Asked:
    """Faces of the frame of `time_s` whose scores were asked for."""

    tracks: Sequence[Track]
    time_s: float
    scores: Future[NDArray[np.float32]]


class Pipeline:
    """Turns frames into records. Holds the tracks, and what is known of the face of each.

    Each face is classified at most *classify_fps* times a second; in between, its record repeats the last scores.
    Raises `BadInput` for a rate that is not positive; infinity classifies every face in every frame.
    """

    def __init__(
        self,
        classifier: Classifier,
        tracker: FaceTracker | WholePictures | None = None,
        smoothing: Smoothing | None = None,
        clock: Clock | None = None,
        *,
        classify_fps: float = CLASSIFY_FPS,
    ) -> None:
        if not classify_fps > 0:
            raise BadInput(f"faces are to be classified {classify_fps} times a second; pass more than 0")
        self.classifier = classifier
        self.tracker: FaceTracker | WholePictures = tracker or FaceTracker(HaarDetector())
        self.smoothing = smoothing or Smoothing()
        self._clock = clock or SystemClock()
        self._period_s = 1 / classify_fps
        self._people: dict[int, _Person] = {}
        self._executor: Executor = InStep()
        self._asked: _Asked | None = None

    @property
    def states(self) -> dict[int, str]:
        """The state of each face that is remembered, seen now or not, by the id of its track."""
        return {track: person.smoother.state for track, person in self._people.items()}

    def process(self, frame: Frame, capture_ms: float = 0.0, dropped: int = 0) -> Record:
        """Return the record of *frame*. Raises `BadInput` for a frame that cannot be used.

        *capture_ms* and *dropped* go into the record: how long the frame took to arrive, and how many the source has
        dropped so far.
        """
        # Each reading of the clock ends one stage and begins the next: together they are the whole time.
        now = self._clock.now
        started = now()
        rests = self.tracker.rests(frame.time_s)
        gray = NOTHING if rests else to_gray(frame.image)
        tracks = [] if rests else self.tracker.update(gray, frame.time_s, frame.reduced)
        detected = now()
        # Only somebody new is waited for: a record of others repeats their last scores until there are newer ones.
        has_stranger = any(track.id not in self._people for track in tracks)
        self._take_answers(wait=has_stranger)
        answered = now()
        due = self._due(tracks, frame.time_s)
        boxes = [None if track.cropped else track.box for track in due]
        crops = self.classifier.crop(gray, boxes, [track.face.roll_deg for track in due])
        cropped = now()
        # Without a face, no runtime is called.
        if due:
            self._asked = _Asked(due, frame.time_s, self._executor.submit(self.classifier.scores, crops))
        if has_stranger:
            self._wait_for_answers()
        classified = now()
        self._take_answers()
        faces = self._faces(tracks, frame.reduced)
        smoothed = now()
        stage_ms = {
            "capture": capture_ms,
            "detect": (detected - started) * 1e3,
            "preprocess": (cropped - answered) * 1e3,
            "classify": (answered - detected + classified - cropped) * 1e3,
            "smooth": (smoothed - classified) * 1e3,
        }
        return Record(frame.index, frame.time_s, frame.name, self.classifier.labels, faces, stage_ms, dropped)

    def run(self, source: Source) -> Iterator[tuple[Frame, Record]]:
        """Yield each of the source's frames with its record, until the source ends.

        Of a live source, no frame waits for the detector or, but for somebody new, for the classifier: both work in
        threads of their own.
        """
        frames = iter(source.frames())
        with self._behind() if source.live else nullcontext():
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

    @contextmanager
    def _behind(self) -> Iterator[None]:
        """Let the detector and the classifier work in threads of their own until the context is left."""
        # Imported here: files need no threads, and the first result must not wait for what is not needed.
        from concurrent.futures import ThreadPoolExecutor

        with self.tracker.behind(), ThreadPoolExecutor(1, thread_name_prefix="classifier") as executor:
            self._executor = executor
            try:
                yield
            finally:
                self._executor = InStep()
                self._asked = None

    def reset(self) -> None:
        """Forget all faces and states. To be called when the next frame is unrelated to the last one."""
        # What the classifier works on is in an array that the next faces are cut out into.
        self._take_answers(wait=True)
        self.tracker.reset()
        self._people.clear()

    def _due(self, tracks: Sequence[Track], time_s: float) -> list[Track]:
        """Return those of *tracks* that should be classified at *time_s*: none while the classifier is at work."""
        if self._asked is not None:
            return []
        due = []
        for track in tracks:
            person = self._people.get(track.id)
            if person is None or person.is_due(time_s, self._period_s):
                due.append(track)
        return due

    def _wait_for_answers(self) -> None:
        """Wait until the scores that were asked for are there, if any were."""
        if self._asked is not None:
            self._asked.scores.exception()  # it is raised where they are taken

    def _take_answers(self, *, wait: bool = False) -> None:
        """Take the scores that were asked for, if they are there; with *wait*, once they are."""
        if wait:
            self._wait_for_answers()
        asked = self._asked
        if asked is None or not asked.scores.done():
            return
        self._asked = None
        for track, row in zip(asked.tracks, asked.scores.result(), strict=True):
            person = self._people.get(track.id)
            if person is None:
                person = _Person(Smoother(self.classifier.labels, self.smoothing), row, row)
                self._people[track.id] = person
            person.classified(row, asked.time_s, self._period_s, TRUST[track.seen])

    def _faces(self, tracks: Sequence[Track], reduced: int) -> tuple[FaceRecord, ...]:
        faces = []
        for track in tracks:
            person = self._people[track.id]
            faces.append(
                FaceRecord(
                    track.id,
                    track.box.times(reduced),
                    track.face.confidence,
                    person.scores,
                    person.smoothed,
                    person.smoother.state,
                    track.seen,
                    track.face.roll_deg,
                )
            )
        # Otherwise they would accumulate for as long as the program runs.
        for ended in self._people.keys() - self.tracker.known():
            del self._people[ended]
        return tuple(faces)
