"""Heads of drawn people before the inside of a car, for the scripts of this folder."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.driving.landmarks import Landmarks, files
from edge_fer.sources.drawn.car import Car
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.fine import OPEN, draw_fine_skin
from edge_fer.sources.drawn.light import Sensor
from edge_fer.sources.drawn.movement import Course
from edge_fer.sources.drawn.people import Manner, Moment, Person, Role, Way
from edge_fer.sources.drawn.stage import BOX, Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.sources import Truth
    from edge_fer.sources.drawn.head import Pose

SHARPEST_PX: Final = 352


class Cabin:
    """One car, its camera and its light."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int) -> None:
        self._car = Car(rng, width_px, height_px)
        self._sensor = Sensor(rng, width_px, height_px)
        self._rng = rng
        self.size_px = width_px, height_px

    def picture(
        self, role: Role, moment: Moment, *, index: int, level: float, direction: tuple[float, float, float]
    ) -> tuple[NDArray[np.uint8], Truth]:
        """Return frame *index*, with somebody in it, in light of *level* from *direction*."""
        width_px, height_px = self.size_px
        scale = min(width_px / 640, height_px / 480)
        stage = Stage(self._car.seen(index / 30), direction, scale, SHARPEST_PX)
        stage.add(role, moment, moment)
        rows = np.full((height_px, 1), level, np.float32)
        columns = np.ones((1, width_px), np.float32)
        return self._sensor.expose(stage.image, rows, columns, index), stage.truth()[0]


def sitter(number: int, rng: np.random.Generator) -> Role:
    """Return somebody whose looks vary: skin, hair, brows, beard, glasses, the distance of the eyes."""
    way = Way(200.0, Course([0.0], [0.5], 1.0), 0.45)
    return Role(rng, Person(number, rng, draw_fine_skin), way, Manner(lambda _: 0.0), 1.0)


def posed(
    pose: Pose, eyes_open: float, face_px: float, frame_px: tuple[int, int], place: tuple[float, float]
) -> Moment:
    """Return somebody in *pose*, whose face's box has a side of *face_px* in a frame of *frame_px*, at *place*."""
    scale = min(frame_px[0] / 640, frame_px[1] / 480)
    expression = replace(EXPRESSIONS["neutral"], eye_open=OPEN * eyes_open, brow_raise=-0.02)
    return Moment(*place, face_px / BOX / scale, pose, expression, "neutral", None, eyes_open)


def parser(documentation: str | None) -> argparse.ArgumentParser:
    """Return a parser with what the scripts of this folder need."""
    made = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    needed = f"folder with {files.MESH.file} and {files.EYES.file}"
    made.add_argument("--landmarks", type=Path, required=True, help=needed)
    made.add_argument("--json", type=Path, help="write the raw values to this file")
    return made


def opened(folder: Path) -> Landmarks:
    """Return level 2 with the files in *folder*."""
    return Landmarks(folder / files.MESH.file, folder / files.EYES.file)


def command() -> str:
    """Return the command line that runs this script again in the root of a clone, without the folder of the models."""
    words = ["FOLDER" if Path(word).is_dir() else word for word in sys.argv[1:]]
    return shlex.join(["python", f"benchmarks/driving/{Path(sys.argv[0]).name}", *words])
