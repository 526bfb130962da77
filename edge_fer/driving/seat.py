"""Which of the faces in a frame is the driver's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer.boxes import Box
    from edge_fer.records import FaceRecord

SETTLED_AFTER_S: Final = 2.0
"""Until the driver was seen for so long, the largest face is the driver's."""
REMEMBERED_S: Final = 60.0
"""How long the place of a driver who is not seen is kept for him. Then whoever is nearest may drive."""
NEAR: Final = 1.0
"""Largest distance between the driver's usual place and a face that may be his, in widths of his face."""
SIZES: Final = (0.6, 1.7)
"""Smallest and largest width of such a face, relative to his."""
USUAL_S: Final = 10.0
"""Time constant with which his usual place follows him."""


class Seat:
    """Remembers where the driver sits, so that a passenger is not taken for him. One camera, one driver."""

    def __init__(self) -> None:
        self._forget()

    def driver(self, faces: Sequence[FaceRecord], time_s: float) -> FaceRecord | None:
        """Return which of *faces*, those of the frame of *time_s*, is the driver's; None if none is."""
        if self._usual is not None and not 0 <= time_s - self._seen_s <= REMEMBERED_S:
            self._forget()
        face = self._known(faces) or self._nearest(faces)
        if face is not None:
            self._remember(face, time_s)
        return face

    def _forget(self) -> None:
        self._track: int | None = None
        self._usual: Box | None = None
        self._seen_for_s = 0.0
        self._seen_s = 0.0

    def _known(self, faces: Sequence[FaceRecord]) -> FaceRecord | None:
        if self._seen_for_s < SETTLED_AFTER_S:
            return None
        return next((face for face in faces if face.track == self._track and self._is_here(face.box)), None)

    def _nearest(self, faces: Sequence[FaceRecord]) -> FaceRecord | None:
        """Return the largest face: of all, or once the driver has a place, of those that are there."""
        settled = self._seen_for_s >= SETTLED_AFTER_S
        possible = [face for face in faces if not settled or self._is_here(face.box)]
        return max(possible, key=lambda face: face.box.width, default=None)

    def _is_here(self, box: Box) -> bool:
        usual = self._usual
        if usual is None:
            return True
        across = abs(box.x + box.width / 2 - usual.x - usual.width / 2)
        down = abs(box.y + box.height / 2 - usual.y - usual.height / 2)
        size = box.width / usual.width
        return max(across, down) <= NEAR * usual.width and SIZES[0] <= size <= SIZES[1]

    def _remember(self, face: FaceRecord, time_s: float) -> None:
        since_s = max(0.0, time_s - self._seen_s)
        if self._track == face.track:
            self._seen_for_s += min(since_s, SETTLED_AFTER_S)
        elif self._seen_for_s < SETTLED_AFTER_S:
            self._seen_for_s = 0.0
        weight = 1.0 if self._usual is None or self._seen_for_s < SETTLED_AFTER_S else min(1.0, since_s / USUAL_S)
        self._usual = face.box if self._usual is None else self._usual.toward(face.box, weight)
        self._track = face.track
        self._seen_s = time_s
