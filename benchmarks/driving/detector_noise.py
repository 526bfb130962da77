"""What detectors say of drawn drivers who watch the road: how often, and for how long, they lose them.

    python benchmarks/driving/detector_noise.py --landmarks FOLDER --json benchmarks/results/driving/detector_noise.json

FOLDER holds the two model files. Each driver sways and blinks, in another light, before a noisy sensor, and never looks
away: whatever level 1 says but that the face points at the road is noise, and so is a pose, or eyes, that level 2 does
not measure. `noise.json` holds these figures, for `noise.py`.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rendering

from edge_fer import __version__, files
from edge_fer.classifier import Classifier
from edge_fer.driving.observation import Sight
from edge_fer.driving.observer import Observer
from edge_fer.pipeline import Pipeline
from edge_fer.sources import Frame
from edge_fer.sources.drawn.drive import Lids
from edge_fer.sources.drawn.head import Pose
from edge_fer.sources.drawn.movement import Sway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.driving.observation import Observation

SIZE: Final = (480, 360)
FPS: Final = 15.0
LENGTH_S: Final = 40.0
FACES_PX: Final = (80.0, 150.0)
LIGHT: Final = (0.15, 1.1)
"""From dusk to bright."""
SIGNALS: Final = ("level_1", "pose", "eyes")


def frames(person: int) -> Iterator[Frame]:
    """Yield the frames of one driver."""
    rng = np.random.default_rng((4, person))
    role = rendering.sitter(person, np.random.default_rng((5, person)))
    cabin = rendering.Cabin(rng, *SIZE)
    sways = [Sway(rng, size, 0.25) for size in (0.008, 0.008, 5.0, 4.0, 3.0)]
    lids = Lids(rng, LENGTH_S, [])
    face_px = float(rng.uniform(*FACES_PX))
    level = float(rng.uniform(*LIGHT))
    for index in range(round(LENGTH_S * FPS)):
        time_s = index / FPS
        x, y, yaw, pitch, roll = (sway.at(time_s) for sway in sways)
        moment = rendering.posed(Pose(yaw, pitch, roll), lids.at(time_s), face_px, SIZE, (0.5 + x, 0.45 + y))
        image, truth = cabin.picture(role, moment, index=2 * index, level=level, direction=(0.6, -0.5, 1.0))
        yield Frame(image, time_s, index, "drawn", (truth,))


def seen(level_1: Observation, level_2: Observation) -> dict[str, bool]:
    """Return of each signal whether it says what is so."""
    return {
        # What says that it cannot monitor is no noise: nothing is counted then.
        "level_1": level_1.facing is True or level_1.sight is Sight.CANNOT_MONITOR,
        "pose": level_2.pose is not None,
        "eyes": level_2.eyes is not None,
    }


def spells(missed: list[bool]) -> list[float]:
    """Return how long each run of True in *missed* is, in seconds."""
    lengths = []
    count = 0
    for one in [*missed, False]:
        if one:
            count += 1
        elif count:
            lengths.append(round(count / FPS, 3))
            count = 0
    return lengths


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the share of time, and the mean length of a spell, for which each signal is missing.

    Somebody who is never seen, as in the dark, is counted apart: that is no noise.
    """
    found = {}
    for signal in SIGNALS:
        watched = [row[signal] for row in rows if LENGTH_S not in row[signal]]
        lengths = [length_s for row in watched for length_s in row]
        found[signal] = {
            "drivers": len(watched),
            "never_seen": len(rows) - len(watched),
            "missing_share": round(sum(lengths) / (len(watched) * LENGTH_S), 4),
            "mean_s": round(float(np.mean(lengths)), 3) if lengths else 0.0,
            "longest_s": max(lengths, default=0.0),
            "spells": len(lengths),
        }
    return found


def main() -> None:
    """Watch the drivers, print the figures and save the raw values."""
    parser = rendering.parser(__doc__)
    parser.add_argument("--drivers", type=int, default=12)
    options = parser.parse_args()
    landmarks = rendering.opened(options.landmarks)
    rows = []
    with Classifier.load("compact") as classifier:
        for person in range(options.drivers):
            landmarks.reset()
            pipeline = Pipeline(classifier)
            levels = Observer(), Observer(landmarks)
            said = []
            for frame in frames(person):
                record = pipeline.process(frame)
                said.append(seen(*(level.observe(frame, record) for level in levels)))
            rows.append({signal: spells([not one[signal] for one in said]) for signal in SIGNALS})
            print(f"driver {person}: {rows[-1]}", flush=True)
    result = {"command": rendering.command(), "edge_fer": __version__, "figures": figures(rows), "drivers": rows}
    print(json.dumps(result["figures"], indent=1))
    if options.json is not None:
        files.write(options.json, json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
