"""From frames and records to observations: what the cascades tell, and with landmarks what they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from edge_fer.driving import visibility
from edge_fer.driving.observation import Hindrance, Measured, Observation, Pose, Sight
from edge_fer.driving.profile_face import ProfileFace
from edge_fer.driving.seat import Seat
from edge_fer.preprocess import to_gray
from edge_fer.records import FaceRecord, Seen

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.records import Record
    from edge_fer.sources import Frame

LOOK_EVERY_S: Final = 0.2
"""How often, where the driver's face is not confirmed, a profile is searched for, or the light is judged."""
ROUNDING_S: Final = 1e-3
"""Times of frames are multiples of their distance, but for rounding."""
MEASURE_EVERY_S: Final = 0.5
"""How often it is measured how bright the driver's face is."""
DUSK: Final = 60.0
"""A face that was no brighter may be lost because it gets dark; at the place of a brighter one, nobody is."""
TURNED_FOR_S: Final = 2.0
"""How long after the driver was seen a profile at his place is taken for his."""


class Marks(Protocol):
    """What landmarks tell of a face. See `edge_fer.driving.landmarks`."""

    @property
    def pose(self) -> Pose | None:
        """Where the head looks."""

    @property
    def eyes(self) -> Measured | None:
        """How far the eyes are open."""

    @property
    def eyes_hidden(self) -> bool:
        """Whether dark glasses hide the eyes."""

    @property
    def mouth(self) -> Measured | None:
        """How far the mouth is open."""


class Landmarks(Protocol):
    """What finds landmarks."""

    def look(self, image: NDArray[Any], box: Box | None, roll_deg: float = 0.0) -> Marks | None:
        """Return what is seen of the face in *box*, or, without a box, of the face that was followed so far."""

    def reset(self) -> None:
        """Forget the face that is followed."""


class Observer:
    """Observes the driver: level 1, or with *landmarks* level 2. One observer for each drive.

    *landmarks* look at most every *every_s*; in between, what they last told is repeated.
    """

    def __init__(self, landmarks: Landmarks | None = None, every_s: float = 0.0) -> None:
        self._landmarks = landmarks
        self._every_s = every_s
        self._seat = Seat()
        self._profile = ProfileFace()
        self._marks: Marks | None = None
        self._marked_s = float("-inf")
        self._last: Box | None = None
        """Where the driver's face was seen last, in pixels of the frame as it is decoded."""
        self._brightness = 255.0
        """Of that face, a moment before."""
        self._measured_s = float("-inf")
        self._seen_s = float("-inf")
        self._looked_s = float("-inf")
        self._without = Observation(time_s=0.0, sight=Sight.NO_FACE)
        """What was found when the frame was looked at for somebody whose face is not seen."""

    @property
    def level(self) -> int:
        """1: only where the face points. 2: also the head's pose and the eyes."""
        return 1 if self._landmarks is None else 2

    def observe(self, frame: Frame, record: Record, time_s: float | None = None) -> Observation:
        """Return what *frame*, of which *record* tells the faces, tells of the driver.

        *time_s* is the observation's time; by default the frame's.
        """
        now_s = frame.time_s if time_s is None else time_s
        if now_s < max(self._seen_s, self._marked_s, self._looked_s):  # a film that starts again
            self._start_again()
        face = self._seat.driver(record.faces, now_s)
        seen = None if face is None else self._with_face(frame, face, now_s)
        if seen is None:
            seen = self._without_face(frame, now_s)
        return seen.model_copy(update={"time_s": now_s})

    def _start_again(self) -> None:
        self._seen_s = self._looked_s = self._marked_s = self._measured_s = float("-inf")
        self._last = None
        self._marks = None
        if self._landmarks is not None:
            self._landmarks.reset()

    def _with_face(self, frame: Frame, face: FaceRecord, now_s: float) -> Observation:
        box = face.box.times(1 / frame.reduced)
        self._last = box
        self._seen_s = now_s
        self._looked_s = float("-inf")
        self._measure(frame.image, box, now_s)
        facing = face.seen is Seen.FOUND
        marks = self._marked(frame.image, box, face.roll_deg, now_s)
        if marks is not None:
            return _observation(facing, marks, marks.eyes_hidden, face.state)
        hidden = facing and visibility.wears_sunglasses(to_gray(frame.image), box)
        return _observation(facing, None, hidden, face.state)

    def _measure(self, image: NDArray[Any], box: Box, now_s: float) -> None:
        if now_s - self._measured_s >= MEASURE_EVERY_S:
            self._measured_s = now_s
            self._brightness = visibility.brightness(to_gray(image), box)

    def _without_face(self, frame: Frame, now_s: float) -> Observation:
        """Return what a frame tells in which the cascades do not find the driver's face."""
        marks = self._marked(frame.image, None, 0.0, now_s) if self._last is not None else None
        if marks is not None:
            self._seen_s = now_s
            return _observation(False, marks, marks.eyes_hidden, None)
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._without = self._looked(to_gray(frame.image), now_s)
        return self._without

    def _looked(self, gray: NDArray[np.uint8], now_s: float) -> Observation:
        hindrance = visibility.hindrance(gray, self._last if self._brightness <= DUSK else None)
        if hindrance is not None:
            return Observation(time_s=now_s, sight=Sight.CANNOT_MONITOR, hindrance=hindrance)
        if self._last is not None and now_s - self._seen_s <= TURNED_FOR_S and self._profile.is_near(gray, self._last):
            self._seen_s = now_s
            return Observation(time_s=now_s, sight=Sight.FACE, facing=False)
        return Observation(time_s=now_s, sight=Sight.NO_FACE)

    def _marked(self, image: NDArray[Any], box: Box | None, roll_deg: float, now_s: float) -> Marks | None:
        if self._landmarks is None:
            return None
        if now_s - self._marked_s >= self._every_s - ROUNDING_S:
            self._marks = self._landmarks.look(image, box, roll_deg)
            self._marked_s = now_s
        return self._marks


def _observation(facing: bool, marks: Marks | None, eyes_hidden: bool, state: str | None) -> Observation:
    return Observation(
        time_s=0.0,
        sight=Sight.FACE,
        hindrance=Hindrance.SUNGLASSES if eyes_hidden else None,
        facing=facing,
        pose=None if marks is None else marks.pose,
        eyes=None if marks is None else marks.eyes,
        mouth=None if marks is None else marks.mouth,
        state=state,
    )


def opened(
    landmarks: Path | None = None, eyes: Path | None = None, threads: int = 1, fps: float | None = None
) -> Observer:
    """Return an observer; of level 2 with the model files *landmarks* and *eyes*, which look *fps* times a second.

    By default they look at every frame. Raises `BadInput`.
    """
    if landmarks is None:
        return Observer()
    from edge_fer.driving.landmarks import Landmarks as LandmarkModels

    return Observer(LandmarkModels(landmarks, eyes, threads=threads), 0.0 if fps is None else 1 / fps)
