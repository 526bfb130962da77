"""What finding a face costs in accuracy: labelled faces, placed in pictures and found again, or cut out as they are.

    python benchmarks/placed_faces.py --data fer2013/fer2013-public-test.zip \
        --json benchmarks/results/<device>/placed_faces.json

Each face is scaled to 96 to 200 px and placed somewhere in a drawn room or in noise, 640x480, before a noisy sensor. It
is classified as it is in the data set (`direct`), where it was placed (`placed`), where a search of the whole frame
finds it (`search`), and where the tracker has it after half a second of film, in which it drifts (`tracked`). Printed
is the accuracy of the ways on the faces that were found, and the paired difference to `direct` with its standard error.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

import script
from edge_fer import __version__, host
from edge_fer import bundle as bundles
from edge_fer.boxes import Box
from edge_fer.classifier import Classifier
from edge_fer.detectors import DEFAULT_DETECTOR, open_detector
from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import load_faces
from edge_fer.progress import ProgressDisplay
from edge_fer.sources.drawn.light import Sensor
from edge_fer.sources.drawn.rooms import draw_room
from edge_fer.tracking import FaceTracker
from edge_fer_bench.following import closeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge_fer.detectors import Detector
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.progress import ProgressListener

SIZE: Final = (640, 480)
SIDES_PX: Final = (96, 200)
FPS: Final = 30.0
FRAMES: Final = 15
"""How long a face is followed."""
DRIFT_PX: Final = 2.0
"""By how much it moves from frame to frame at most, in width and height."""
WAYS: Final = ("placed", "search", "tracked")


@dataclass(frozen=True)
class Answer:
    """Labels of one face, by their numbers. None where it was not found."""

    true: int
    side_px: int
    direct: int
    placed: int
    search: int | None
    tracked: int | None


@dataclass(frozen=True)
class Figures:
    """What follows from the answers of one way."""

    faces: int
    found: int
    accuracy: float
    """On the found ones."""
    direct: float
    """Of the faces as they are in the data set, on the same ones."""
    standard_error: float
    """Of the difference of both, which is paired."""

    @property
    def difference(self) -> float:
        """By how much the accuracy is higher than that of the direct crop."""
        return self.accuracy - self.direct


class Canvas:
    """A background before which one face moves, as a camera films it."""

    def __init__(self, face: NDArray[np.uint8], rng: np.random.Generator) -> None:
        width_px, height_px = SIZE
        self.side_px = int(rng.integers(*SIDES_PX, endpoint=True))
        size = (self.side_px, self.side_px)
        self._face = cv2.resize(face, size, interpolation=cv2.INTER_CUBIC)
        self._background = _background(rng)
        self._sensor = Sensor(rng, width_px, height_px)
        self._rows = np.ones((height_px, 1), np.float32)
        self._columns = np.ones((1, width_px), np.float32)
        self._moved = rng.uniform(-DRIFT_PX, DRIFT_PX, 2)
        # So far from the edge that it stays in the picture.
        room = np.array([width_px, height_px]) - self.side_px
        reach = np.abs(self._moved) * FRAMES
        self._place = rng.uniform(np.minimum(reach, room / 2), np.maximum(room - reach, room / 2))

    def box(self, index: int) -> Box:
        """Return where the face is in frame *index*."""
        x, y = np.rint(self._place + index * self._moved)
        return Box(float(x), float(y), float(self.side_px), float(self.side_px))

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Return frame *index*, grey ``(height, width)``."""
        image = self._background.copy()
        left, top, right, bottom = self.box(index).pixels(image.shape)
        image[top:bottom, left:right] = self._face[: bottom - top, : right - left]
        return self._sensor.expose(image, self._rows, self._columns, index)


def _background(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a drawn room or noise, the one as often as the other."""
    width_px, height_px = SIZE
    if rng.random() < 0.5:
        return draw_room(rng, width_px, height_px, None)
    # Smoothed, so that it has things of all sizes up to a face's, and stretched to the tones of a picture.
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height_px, width_px)), (0, 0), rng.uniform(1, 12))
    return np.asarray(np.clip(128 + 40 * noise / noise.std(), 0, 255), np.uint8)


class Asker:
    """Finds and classifies the face of a canvas."""

    def __init__(self, classifier: Classifier, detector: Detector) -> None:
        self._classifier = classifier
        self._detector = detector

    def label(self, image: NDArray[np.uint8]) -> int:
        """Return the label of a face that fills *image*."""
        return int(self._classifier.scores(self._classifier.preprocess.crop(image)[np.newaxis]).argmax())

    def placed(self, canvas: Canvas) -> int:
        """Return the label of the face where it is in the first frame."""
        return self._label_at(canvas.frame(0), canvas.box(0))

    def search(self, canvas: Canvas) -> int | None:
        """Return the label of the face that a search of the first frame finds."""
        gray = canvas.frame(0)
        found = [(face.box, face.roll_deg) for face in self._detector.search(gray)]
        return self._best(gray, found, canvas.box(0))

    def tracked(self, canvas: Canvas) -> int | None:
        """Return the label of the face that the tracker has in the last frame."""
        tracker = FaceTracker(self._detector)
        for index in range(FRAMES):
            gray = canvas.frame(index)
            tracks = tracker.update(gray, index / FPS)
        found = [(track.box, track.face.roll_deg) for track in tracks]
        return self._best(gray, found, canvas.box(FRAMES - 1))

    def _best(self, gray: NDArray[np.uint8], found: Sequence[tuple[Box, float]], true: Box) -> int | None:
        """Return the label of that of the *found* faces that is the *true* one, None if none is."""
        box, roll_deg = max(found, key=lambda face: closeness(face[0], true), default=(true, 0.0))
        if not found or closeness(box, true) == 0:
            return None
        return self._label_at(gray, box, roll_deg)

    def _label_at(self, gray: NDArray[np.uint8], box: Box, roll_deg: float = 0.0) -> int:
        return int(self._classifier.scores(self._classifier.crop(gray, [box], [roll_deg])).argmax())


def answers(asker: Asker, faces: LabelledFaces, seed: int, progress: ProgressListener) -> list[Answer]:
    """Return the labels of each of *faces*."""
    rows: list[Answer] = []
    for number, (image, true) in enumerate(zip(faces.images, faces.labels, strict=True)):
        progress.step("placing and finding faces", number / len(faces))
        # By the face's number, so that another detector meets the same canvases.
        canvas = Canvas(image, np.random.default_rng((seed, number)))
        direct = asker.label(image)
        placed = asker.placed(canvas)
        rows.append(Answer(int(true), canvas.side_px, direct, placed, asker.search(canvas), asker.tracked(canvas)))
    return rows


def figures(rows: Sequence[Answer], way: str) -> Figures | None:
    """Return what follows from *rows* for *way*; None if no face was found."""
    found = [row for row in rows if getattr(row, way) is not None]
    if not found:
        return None
    right = np.array([getattr(row, way) == row.true for row in found], np.float64)
    direct = np.array([row.direct == row.true for row in found], np.float64)
    return Figures(
        faces=len(rows),
        found=len(found),
        accuracy=float(right.mean()),
        direct=float(direct.mean()),
        standard_error=float((right - direct).std()) / math.sqrt(len(found)),
    )


def main() -> None:
    """Place, find and classify the faces, save the labels, and print the accuracies."""
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="labelled faces, such as FER2013 PublicTest")
    parser.add_argument("--model", default="compact", help="the bundle that classifies")
    parser.add_argument("--detector", default=DEFAULT_DETECTOR, metavar="NAME[:FILE]", help="what finds the faces")
    parser.add_argument("--faces", type=int, help="so many of them, drawn by chance; all by default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.faces is not None and options.faces < 1:
        raise BadInput(f"--faces {options.faces}; pass at least 1")
    classifier = Classifier(bundles.load(options.model))
    faces = load_faces(options.data, classifier.labels)
    if options.faces is not None:
        faces = faces.sample(min(options.faces, len(faces)), options.seed)
    asker = Asker(classifier, open_detector(options.detector))
    with ProgressDisplay() as progress:
        rows = answers(asker, faces, options.seed, progress)
    result: dict[str, Any] = {
        "command": script.command(),
        "edge_fer": __version__,
        "host": host.facts(),
        "names": faces.names,
        "answers": [list(asdict(row).values()) for row in rows],
    }
    script.save(result, options.json)
    for way in WAYS:
        print(_line(way, figures(rows, way)))


def _line(way: str, values: Figures | None) -> str:
    if values is None:
        return f"{way}: no face was found"
    return (
        f"{way}: {values.found} of {values.faces} faces found ({values.found / values.faces:.1%}), "
        f"accuracy {values.accuracy:.2%}, direct {values.direct:.2%}, "
        f"difference {100 * values.difference:+.2f} ± {100 * values.standard_error:.2f} points"
    )


if __name__ == "__main__":
    script.run(main)
