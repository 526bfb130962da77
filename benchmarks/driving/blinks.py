"""Closed eyes: films of drawn drivers who blink and nod off, through level 2 and the policy.

    python benchmarks/driving/blinks.py --landmarks FOLDER --json benchmarks/results/driving/blinks.json

FOLDER holds the two model files. Each driver blinks 15 times a minute and sways, before a noisy sensor. After the
minute in which his own eyes are learned he closes them now and then for 1.0 to 3.0 s: by 80 % or more, as PERCLOS' P80
has it. A closing is found if a microsleep or a sleep is raised from its beginning until half a second after its end;
one that is raised at another time is false.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rendering

from edge_fer import __version__, files
from edge_fer.driving.alerts import Kind
from edge_fer.driving.monitor import Monitor
from edge_fer.driving.observation import Observation, Sight
from edge_fer.driving.parameters import Parameters
from edge_fer.sources.drawn.drive import Lids
from edge_fer.sources.drawn.head import Pose
from edge_fer.sources.drawn.movement import Sway

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer.driving.landmarks import Landmarks

SIZE: Final = (320, 240)
FACES_PX: Final = (90.0, 120.0)
LEARN_S: Final = 66.0
EVERY_S: Final = (9.0, 13.0)
"""From one closing to the next."""
CLOSED_S: Final = (1.0, 3.0)
GRACE_S: Final = 0.5
"""How long after a closing its alert may come: the policy waits for the lids' filter and for the next frame."""
ASLEEP: Final = frozenset({Kind.MICROSLEEP, Kind.SLEEP})


@dataclass(frozen=True)
class Film:
    """What a driver did, and what was said of him."""

    person: int
    fps: float
    length_s: float
    closed_s: list[tuple[float, float]]
    alerts_s: list[float]
    eyes: list[float | None]
    """What was measured of the eyes, frame by frame."""

    def found(self) -> int:
        """Return how many closings were found."""
        return sum(any(self._tells(alert, closing) for alert in self.alerts_s) for closing in self.closed_s)

    def false(self) -> int:
        """Return how many alerts came at another time."""
        return sum(not any(self._tells(alert, closing) for closing in self.closed_s) for alert in self.alerts_s)

    @staticmethod
    def _tells(alert_s: float, closing: tuple[float, float]) -> bool:
        return closing[0] <= alert_s <= closing[1] + GRACE_S


def film(landmarks: Landmarks, person: int, fps: float, length_s: float) -> Film:
    """Return what becomes of one driver's film."""
    rng = np.random.default_rng((2, person))
    closings = _closings(rng, length_s)
    lids = Lids(rng, length_s, closings)
    sways = [Sway(rng, size, 0.25) for size in (0.008, 0.008, 4.0, 3.0, 2.0)]
    role = rendering.sitter(person, np.random.default_rng((3, person)))
    cabin = rendering.Cabin(rng, *SIZE)
    face_px = float(rng.uniform(*FACES_PX))
    level = float(rng.uniform(0.4, 1.1))
    monitor = Monitor(Parameters())
    landmarks.reset()
    alerts, eyes = [], []
    for index in range(round(length_s * fps)):
        time_s = index / fps
        x, y, yaw, pitch, roll = (sway.at(time_s) for sway in sways)
        opened = lids.at(time_s)
        moment = rendering.posed(Pose(yaw, pitch, roll), opened, face_px, SIZE, (0.5 + x, 0.45 + y))
        image, truth = cabin.picture(
            role, moment, index=round(30 * time_s), level=level, direction=(-0.9 if person % 2 else 0.9, -0.5, 1.0)
        )
        marks = landmarks.look(image, truth.box)
        observation = Observation(time_s=time_s, sight=Sight.FACE, facing=True)
        if marks is not None:
            observation = observation.model_copy(update={"pose": marks.pose, "eyes": marks.eyes, "mouth": marks.mouth})
        eyes.append(None if marks is None or marks.eyes is None else round(marks.eyes.value, 3))
        for alert in monitor.saw(observation).alerts:
            # From one level to the next within one closing is one alert.
            if alert.kind in ASLEEP and alert.level is not None:
                alerts.append(round(alert.time_s, 3))  # noqa: PERF401  (two conditions read better in a loop)
    return Film(person, fps, length_s, closings, alerts, eyes)


def _closings(rng: np.random.Generator, length_s: float) -> list[tuple[float, float]]:
    closings = []
    start_s = LEARN_S + float(rng.uniform(*EVERY_S))
    while start_s + CLOSED_S[1] + 2 < length_s:
        end_s = start_s + float(rng.uniform(*CLOSED_S))
        closings.append((round(start_s, 3), round(end_s, 3)))
        start_s = end_s + float(rng.uniform(*EVERY_S))
    return closings


def figures(films: Sequence[Film]) -> dict[str, Any]:
    """Return what follows from *films* of one rate."""
    hours = sum(shot.length_s - LEARN_S for shot in films) / 3600
    closings = sum(len(shot.closed_s) for shot in films)
    found = sum(shot.found() for shot in films)
    false = sum(shot.false() for shot in films)
    return {
        "fps": films[0].fps, "drivers": len(films), "hours_after_learning": round(hours, 3), "closings": closings,
        "found": found, "found_share": round(found / max(1, closings), 4), "false": false,
        "false_an_hour": round(false / hours, 2),
    }  # fmt: skip


def main() -> None:
    """Make the films, print the figures and save the raw values."""
    parser = rendering.parser(__doc__)
    parser.add_argument("--drivers", type=int, default=8)
    parser.add_argument("--first", type=int, default=200, help="number of the first one; 0 to 7 were used for tuning")
    parser.add_argument("--length-s", type=float, default=180.0)
    parser.add_argument("--fps", type=float, action="append", help="15 and 30 by default; may be repeated")
    options = parser.parse_args()
    landmarks = rendering.opened(options.landmarks)
    result: dict[str, Any] = {"command": rendering.command(), "edge_fer": __version__, "figures": [], "films": []}
    for fps in options.fps or (15.0, 30.0):
        films = []
        for person in range(options.first, options.first + options.drivers):
            films.append(film(landmarks, person, fps, options.length_s))
            print(f"{fps:g} fps, driver {person}: {figures(films[-1:])}", flush=True)
        result["figures"].append(figures(films))
        result["films"] += [vars(shot) for shot in films]
        print(figures(films), flush=True)
        if options.json is not None:
            files.write(options.json, json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
