"""The scene `hard`: a film of people as cameras meet them, cut from many short shots."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.sources.drawn.light import Light, Sensor
from edge_fer.sources.drawn.movement import Course
from edge_fer.sources.drawn.people import Manner, Person, Role, Way
from edge_fer.sources.drawn.rooms import PHANTOMS, draw_room
from edge_fer.sources.drawn.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge_fer.sources import Truth

FRAME_S: Final = 1 / 30
"""How long before a moment a head is looked at to know how fast it moves."""


class Shot:
    """What happens between two cuts."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], first_person: int, length_s: float) -> None:
        self.rng = rng
        self.length_s = length_s
        self.light = Light(rng)
        self.roles: list[Role] = []
        self.room: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)
        self._size_px = size_px
        self._next = first_person

    def enter(self, way: Way, manner: Manner) -> None:
        """Add somebody new."""
        person = Person(self._next, self.rng)
        self._next += 1
        self.roles.append(Role(self.rng, person, way, manner, self.length_s))

    def furnish(self, phantom: tuple[str, int] | None) -> None:
        """Draw the room, with *phantom*, a kind and a seed of `draw_thing`, in it."""
        self.room = draw_room(self.rng, *self._size_px, phantom)

    def draw(self, time_s: float) -> tuple[NDArray[np.uint8], tuple[Truth, ...]]:
        """Return the picture at *time_s* of the shot, in even light, and the faces in it."""
        width_px, height_px = self._size_px
        stage = Stage(self.room, self.light.direction, min(width_px / 640, height_px / 480))
        for role in sorted(self.roles, key=lambda role: role.side_px):
            stage.add(role, role.at(time_s), role.at(time_s - FRAME_S))
        return stage.image, stage.truth()


def _around(low: float, high: float) -> Callable[[np.random.Generator], float]:
    return lambda rng: float(rng.uniform(low, high))


def _aside(share: float, low: float, high: float, side: int = 0) -> Callable[[np.random.Generator], float]:
    """Return a draw of angles: with *share* between *low* and *high*, to *side* or to either one; else near 0."""

    def draw(rng: np.random.Generator) -> float:
        if rng.random() >= share:
            return float(rng.uniform(-12, 12))
        # The further, the rarer: eyes do the rest.
        angle = low + (high - low) * rng.random() ** 2
        return float(angle * (side or rng.choice([-1, 1])))

    return draw


def _still(x: float) -> Course:
    return Course([0.0], [x], 1.0)


def _talker(shot: Shot) -> None:
    shot.enter(Way(shot.rng.uniform(150, 215), _still(shot.rng.uniform(0.4, 0.6)), 0.42), Manner(_aside(0.15, 20, 40)))


def _interview(shot: Shot) -> None:
    side = int(shot.rng.choice([-1, 1]))
    manner = Manner(_aside(0.75, 30, 60, side))
    shot.enter(Way(shot.rng.uniform(140, 200), _still(0.5 - 0.12 * side), 0.42), manner)


def _pair(shot: Shot) -> None:
    for x, side in ((0.28, 1), (0.72, -1)):
        manner = Manner(_aside(0.6, 25, 60, side))
        shot.enter(Way(shot.rng.uniform(120, 165), _still(x), shot.rng.uniform(0.38, 0.48)), manner)


def _empty(shot: Shot) -> None:
    side = int(shot.rng.choice([-1, 1]))
    comes_s = 0.6 * shot.length_s
    walk = Course([0.0, comes_s], [0.5 + 0.85 * side, 0.5 + 0.1 * side], 1.4)
    shot.enter(Way(shot.rng.uniform(120, 170), walk, 0.42), Manner(_aside(0.25, 20, 45, -side)))


def _crossing(shot: Shot) -> None:
    for side, size in ((1, 150), (-1, 120)):
        goes_s = shot.rng.uniform(1.5, 2.2)
        walk = Course([0.0, goes_s, goes_s + 4.0], [0.5 - 0.28 * side, 0.5 + 0.27 * side, 0.5 + 0.85 * side], 2.5)
        manner = Manner(_aside(0.4, 15, 40, side), talks=False)
        shot.enter(Way(size * shot.rng.uniform(0.95, 1.05), walk, 0.40 if side > 0 else 0.36), manner)


def _group(shot: Shot) -> None:
    for x, size, y in ((0.22, 150, 0.45), (0.52, 66, 0.33), (0.78, 120, 0.42)):
        manner = Manner(_aside(0.4, 20, 60))
        shot.enter(Way(size * shot.rng.uniform(0.95, 1.15), _still(x), y), manner)


def _tilted(shot: Shot) -> None:
    for x in (0.3, 0.7):
        manner = Manner(_aside(0.2, 15, 30), roll=_aside(0.7, 16, 35))
        shot.enter(Way(shot.rng.uniform(120, 170), _still(x), 0.44), manner)


def _covered(shot: Shot) -> None:
    manner = Manner(_aside(0.2, 20, 40), covers=str(shot.rng.choice(["hand", "cup"])))
    shot.enter(Way(shot.rng.uniform(140, 190), _still(shot.rng.uniform(0.4, 0.6)), 0.42), manner)


def _nodder(shot: Shot) -> None:
    manner = Manner(_aside(0.2, 15, 40), _around(-25, 25), _aside(0.3, 10, 25), (0.2, 0.9), covers="hand")
    shot.enter(Way(shot.rng.uniform(130, 180), _still(shot.rng.uniform(0.35, 0.65)), 0.42), manner)


def _lamp(shot: Shot) -> None:
    shot.light = Light(shot.rng, lamp_s=0.4 * shot.length_s, flickers=True)
    shot.enter(Way(shot.rng.uniform(120, 180), _still(0.38), 0.42), Manner(_aside(0.35, 25, 60)))
    shot.enter(Way(shot.rng.uniform(100, 120), _still(0.8), 0.38), Manner(_aside(0.5, 70, 130), hold_s=(0.6, 1.2)))


SHOTS: Final = (
    (_talker, 9.0), (_interview, 9.0), (_pair, 10.0), (_empty, 8.0), (_crossing, 9.0),
    (_group, 10.0), (_tilted, 9.0), (_covered, 9.0), (_nodder, 8.0), (_lamp, 9.0),
)  # fmt: skip
"""What each kind of shot shows, and its length in seconds."""
ROOMY: Final = (0, 1, 3, 7, 8)
"""Numbers of those `SHOTS` in which no more than one person stands before the things of the room."""
ROUND_S: Final = sum(length_s for _, length_s in SHOTS)
"""After so long each kind of shot was shown, and the next round begins with other people, in another order."""
MOST_PEOPLE: Final = 10
"""No shot has so many."""


class HardScene:
    """Shots of people, one after the other, without end."""

    def __init__(self, seed: int, width_px: int, height_px: int) -> None:
        self._seed = seed
        self._size_px = width_px, height_px
        self._sensor = Sensor(np.random.default_rng(seed), width_px, height_px)
        self._shown: tuple[int, Shot] | None = None

    def draw(self, time_s: float, index: int) -> tuple[NDArray[np.uint8], tuple[Truth, ...]]:
        """Return the picture of *time_s*, of frame *index*, and the faces in it."""
        round_, within_s = divmod(time_s, ROUND_S)
        rng = np.random.default_rng((self._seed, int(round_)))
        order = rng.permutation(len(SHOTS))
        haunted = rng.choice(ROOMY)
        phantom = PHANTOMS[int(rng.integers(len(PHANTOMS)))]
        ends_s = list(accumulate(SHOTS[kind][1] for kind in order))
        place = min(bisect_right(ends_s, within_s), len(SHOTS) - 1)
        kind = int(order[place])
        shot = self._shot(int(round_) * len(SHOTS) + place, kind, phantom if kind == haunted else None)
        shot_s = within_s - ends_s[place] + SHOTS[kind][1]
        image, truth = shot.draw(shot_s)
        rows, columns = shot.light.gains(shot_s, *self._size_px)
        return self._sensor.expose(image, rows, columns, index), truth

    def _shot(self, number: int, kind: int, phantom: tuple[str, int] | None) -> Shot:
        """Return shot *number* of the film, which is of *kind*, with *phantom* in its room."""
        # One is kept: frames are mostly drawn in order.
        if self._shown is None or self._shown[0] != number:
            arrange, length_s = SHOTS[kind]
            rng = np.random.default_rng((self._seed, number, kind))
            shot = Shot(rng, self._size_px, number * MOST_PEOPLE, length_s)
            arrange(shot)
            shot.furnish(phantom)
            self._shown = number, shot
        return self._shown[1]
