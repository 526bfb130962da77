"""The reference: a stronger detector sees each frame on its own, and its faces are linked over time into persons.

What it sees is kept with its scores (see `Sighting`); what counts as a face is decided on reading.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cv2
import numpy as np

from edge_fer import files
from edge_fer.boxes import Box
from edge_fer.errors import BadInput, one_line
from edge_fer_bench.following import ReportedFace, TrueFace, match, pose_of, side_px

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from films import Pictures, VideoFilm
    from numpy.typing import NDArray

SEEN_SCORE: Final = 0.5
"""Least score of what the reference sees at all. Between this and `CERTAIN_SCORE`, there may be a face or not."""
CERTAIN_SCORE: Final = 0.8
"""Least score of a face that a tracker is expected to find."""
NMS_IOU: Final = 0.3
"""Overlap from which on YuNet takes two boxes for the same face; the value of OpenCV's own demo."""
MOST_BOXES: Final = 5000
LEAST_FRAMES: Final = 5
"""In how many frames a face must be certain: less is the flicker of the reference."""
FILLED_S: Final = 0.2
"""Shorter gaps between two sightings of a face are filled: it was there, and the reference blinked."""
LINKED_S: Final = 2.0
"""Sightings further apart are other persons. Within a longer gap than `FILLED_S`, nobody knows: it is ignored."""
NOSE_DEPTH: Final = 0.4
"""By how much the tip of the nose lies before the line between the pupils, as a share of their distance.

About 25 mm of 63 mm. A head turned by yaw moves the nose aside by ``NOSE_DEPTH * tan(yaw)`` of the distance of the eyes
as it is seen."""


CLOSE_PX: Final = 384
"""Side of the picture in which a face is looked at from close by. The face takes half of it: in faces of about 200 px,
YuNet's landmarks are at their best."""
POSED_PX: Final = 24
"""Smaller faces are not looked at from close by: nothing can be learnt."""
LOOKS: Final = 3
LEVEL_DEG: Final = 3.0
"""A face that is tilted by less is level."""


class Sighting(NamedTuple):
    """A face as the reference sees it in one frame."""

    box: Box
    score: float
    yaw_deg: float = 0.0
    roll_deg: float = 0.0


Sightings = list[tuple[float, list[Sighting]]]
"""For each frame of a film its time in seconds, and what is seen in it."""


class YuNet:
    """OpenCV's YuNet, on whole frames in colour and at their full size.

    It sees small faces well, but their landmarks drift towards those of an upright face: of a face of 50 px that is
    tilted by 20 degrees, its eyes tell 3. So each face is looked at once more from close by, and turned until it is
    level. Raises `BadInput` for a file that is no YuNet.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadInput(f"{path} is not there; pass the file of YuNet, such as face_detection_yunet_2023mar.onnx")
        self.name = path.name
        # What it sees depends on these as well.
        settings = f"{SEEN_SCORE} {NMS_IOU} {CLOSE_PX} {POSED_PX} {LOOKS} {LEVEL_DEG} {NOSE_DEPTH}"
        self.key = hashlib.sha256(path.read_bytes() + settings.encode()).hexdigest()[:16]
        try:
            self._whole = _net(path)
            self._close = _net(path)
            self.see(np.zeros((CLOSE_PX, CLOSE_PX, 3), np.uint8))
        except (cv2.error, ValueError, IndexError) as exc:
            raise BadInput(f"{path} is not a YuNet that OpenCV {cv2.__version__} reads: {one_line(exc)}") from exc

    def see(self, image: NDArray[Any]) -> list[Sighting]:
        """Return the faces in *image*, ``(height, width)`` grey or ``(height, width, 1 | 3 | 4)`` grey, BGR, BGRA."""
        picture = _bgr(image)
        height, width = picture.shape[:2]
        self._whole.setInputSize((width, height))
        _, rows = self._whole.detect(picture)
        # None where nothing is found.
        return [] if rows is None else [self._sighting(picture, row) for row in rows.astype(float)]

    def _sighting(self, picture: NDArray[Any], row: NDArray[np.float64]) -> Sighting:
        """Return *row* of YuNet: box, five landmarks, score."""
        box = Box(*row[:4].tolist())
        landmarks = row[4:14].reshape(5, 2)
        roll_deg = tilt_deg(landmarks)
        if side_px(box) >= POSED_PX:
            roll_deg, landmarks = self._level(picture, box, landmarks)
        return Sighting(box, float(row[14]), round(yaw_deg(landmarks), 1), round(roll_deg, 1))

    def _level(
        self, picture: NDArray[Any], box: Box, landmarks: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64]]:
        """Return by how much the face in *box* is tilted, and its landmarks in a picture in which it is nearly level.

        *landmarks* are those of the whole frame, where a look from close by finds none.
        """
        roll_deg = 0.0
        for _ in range(LOOKS):
            closer = self._look_close(picture, box, roll_deg)
            if closer is None:
                return roll_deg or tilt_deg(landmarks), landmarks
            landmarks = closer
            more_deg = tilt_deg(landmarks)
            roll_deg += more_deg
            if abs(more_deg) < LEVEL_DEG:
                break
        return roll_deg, landmarks

    def _look_close(self, picture: NDArray[Any], box: Box, roll_deg: float) -> NDArray[np.float64] | None:
        """Return the landmarks of the face in *box*, cut out with its surroundings and turned back by *roll_deg*."""
        centre = box.x + box.width / 2, box.y + box.height / 2
        matrix = cv2.getRotationMatrix2D(centre, roll_deg, CLOSE_PX / (2 * side_px(box)))
        matrix[0, 2] += CLOSE_PX / 2 - centre[0]
        matrix[1, 2] += CLOSE_PX / 2 - centre[1]
        cut = cv2.warpAffine(picture, matrix, (CLOSE_PX, CLOSE_PX), borderMode=cv2.BORDER_REPLICATE)
        self._close.setInputSize((CLOSE_PX, CLOSE_PX))
        _, rows = self._close.detect(cut)
        if rows is None:
            return None
        # Of several faces the one in the middle; the others are neighbours.
        aside = np.abs(rows[:, :2] + rows[:, 2:4] / 2 - CLOSE_PX / 2).max(axis=1)
        nearest = int(aside.argmin())
        return rows[nearest, 4:14].astype(float).reshape(5, 2) if aside[nearest] < CLOSE_PX / 4 else None


def _net(path: Path) -> cv2.FaceDetectorYN:
    return cv2.FaceDetectorYN.create(str(path), "", (CLOSE_PX, CLOSE_PX), SEEN_SCORE, NMS_IOU, MOST_BOXES)


def tilt_deg(landmarks: NDArray[np.float64]) -> float:
    """Return by how much a face is tilted, positive clockwise, from its *landmarks* ``(5, 2)``.

    These are the eyes, the tip of the nose and the corners of the mouth, first those to the left in the picture.
    """
    eyes = landmarks[1] - landmarks[0]
    mouth = landmarks[4] - landmarks[3]
    down = (landmarks[3] + landmarks[4] - landmarks[0] - landmarks[1]) / 2
    # Three directions that are level in an upright face; a longer one is a surer one.
    x, y = eyes + mouth + (down[1], -down[0])
    return math.degrees(math.atan2(y, x))


def yaw_deg(landmarks: NDArray[np.float64]) -> float:
    """Return by how much a head is turned aside, positive to the right of the picture, from `tilt_deg`'s landmarks."""
    across = landmarks[1] - landmarks[0]
    eyes = max(1e-6, float(np.hypot(*across)))
    aside = float((landmarks[2] - (landmarks[0] + landmarks[1]) / 2) @ across) / eyes**2
    return math.degrees(math.atan(aside / NOSE_DEPTH))


def _bgr(image: NDArray[Any]) -> NDArray[Any]:
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels == 1:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
    if channels == 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR))
    return image


def sightings(film: VideoFilm | Pictures, detector: YuNet, cache: Path | None = None) -> Sightings:
    """Return what *detector* sees in *film*. With the folder *cache*, it is kept there, and looked at once only."""
    kept = None if cache is None else cache / f"{film.key()}-{detector.key}.json"
    if kept is not None and kept.is_file():
        return _load(kept)
    seen: Sightings = []
    for frame in film.frames():
        # In the pixels of the original, as the boxes of records are.
        present = [sighting._replace(box=sighting.box.times(frame.reduced)) for sighting in detector.see(frame.image)]
        seen.append((frame.time_s, present))
    if kept is not None:
        content = {"film": film.name, "reference": detector.name, "frames": seen}
        files.write(kept, json.dumps(content) + "\n")
    return seen


def _load(path: Path) -> Sightings:
    try:
        frames = json.loads(path.read_text(encoding="utf-8"))["frames"]
        seen: Sightings = []
        for time_s, rows in frames:
            seen.append((time_s, [Sighting(Box(*box), *values) for box, *values in rows]))
    except (ValueError, KeyError, TypeError) as exc:
        raise BadInput(f"{path} is no reference that was kept here: {one_line(exc)}; remove it") from exc
    return seen


@dataclass
class Person:
    """The sightings of one face over time, each with the number of its frame."""

    places: list[tuple[int, Sighting]] = field(default_factory=list)

    @property
    def last(self) -> tuple[int, Sighting]:
        """Return the latest of them."""
        return self.places[-1]


def link(seen: Sightings) -> list[Person]:
    """Link what is *seen* from frame to frame: a sighting continues the closest face of the last `LINKED_S`."""
    persons: list[Person] = []
    active: list[Person] = []
    for index, (time_s, present) in enumerate(seen):
        active = [person for person in active if time_s - seen[person.last[0]][0] <= LINKED_S]
        known = [TrueFace(person.last[1].box) for person in active]
        pairs = match(known, [ReportedFace(sighting.box) for sighting in present])
        person_of = {number: active[which] for which, number in pairs}
        for number, sighting in enumerate(present):
            person = person_of.get(number)
            if person is None:
                person = Person()
                persons.append(person)
                active.append(person)
            person.places.append((index, sighting))
    return persons


def truth_of(
    film: VideoFilm | Pictures, detector: YuNet, min_face_px: float, cache: Path | None = None
) -> list[list[TrueFace]]:
    """Return the true faces of each frame of *film*: see `sightings` and `truth`."""
    return truth(sightings(film, detector, cache), min_face_px, stills=film.stills)


def truth(seen: Sightings, min_face_px: float, *, stills: bool = False) -> list[list[TrueFace]]:
    """Return the true faces of each frame of what the reference has *seen*.

    A face is ignored where the reference is not certain of it, and where it is smaller than *min_face_px*. In *stills*
    nothing can be linked: there each sighting is a face of nobody.
    """
    frames: list[list[TrueFace]] = [[] for _ in seen]
    if stills:
        for index, (_, present) in enumerate(seen):
            frames[index] = [_true_face(sighting, None, min_face_px) for sighting in present]
        return frames
    number = 0
    for person in link(seen):
        certain = sum(sighting.score >= CERTAIN_SCORE for _, sighting in person.places)
        lasts = certain >= LEAST_FRAMES
        for index, sighting in person.places:
            face = _true_face(sighting, number if lasts else None, min_face_px, ignored=not lasts)
            frames[index].append(face)
        if lasts:
            for index, sighting in _between(person, seen):
                frames[index].append(_true_face(sighting, number, min_face_px))
            number += 1
    return frames


def _true_face(sighting: Sighting, person: int | None, min_face_px: float, *, ignored: bool = False) -> TrueFace:
    ignored = ignored or sighting.score < CERTAIN_SCORE or side_px(sighting.box) < min_face_px
    return TrueFace(sighting.box, person, pose_of(sighting.yaw_deg, sighting.roll_deg), ignored)


def _between(person: Person, seen: Sightings) -> Iterator[tuple[int, Sighting]]:
    """Yield a sighting for each frame between two others of *person*; in a long gap an uncertain one."""
    for (first, before), (last, after) in pairwise(person.places):
        gap_s = seen[last][0] - seen[first][0]
        score = min(before.score, after.score) if gap_s <= FILLED_S else 0.0
        for index in range(first + 1, last):
            box = before.box.toward(after.box, (index - first) / (last - first))
            yield index, before._replace(box=box, score=score)
