"""Level 2 on drawn heads of known pose: error, uncertainty, abstentions, jitter and cost.

    python benchmarks/driving/heads.py --landmarks FOLDER --json benchmarks/results/driving/heads.json \
        --plot benchmarks/results/driving/heads.png

FOLDER holds the two model files. Ten people (skin, hair, brows, beard, glasses, distance of the eyes vary) turn by -35
to 35 degrees and nod by -25 to 25, tilted by up to 15, with faces of 90, 140 and 220 px, in light from changing sides
and of changing strength, before a noisy sensor. Each picture is looked at twice: from the box of a detector, which is
moved and scaled by 3 % by chance, and then from the points, as in a film. Time is the thread's processor time, of the
tracker and of level 2 in turn.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import itertools
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rendering

from edge_fer import __version__, files, host
from edge_fer.boxes import Box
from edge_fer.detectors import DEFAULT_DETECTOR, open_detector
from edge_fer.evaluation.html import new_figure
from edge_fer.sources.drawn.head import Pose
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer.driving.landmarks import Landmarks

PEOPLE: Final = 10
YAWS_DEG: Final = (-35, -20, -10, 0, 10, 20, 35)
PITCHES_DEG: Final = (-25, -12, 0, 12, 25)
ROLL_DEG: Final = 15.0
FACES_PX: Final = (90, 140, 220)
SIZE: Final = (640, 480)
STILL_FRAMES: Final = 45
STILL_PEOPLE: Final = 4
LIGHTS: Final = (1.0, 0.3, 0.1)
COST_FRAMES: Final = 300


def poses(landmarks: Landmarks) -> list[dict[str, Any]]:
    """Return true and estimated pose of each picture."""
    rng = np.random.default_rng(0)
    cabin = rendering.Cabin(rng, *SIZE)
    rows: list[dict[str, Any]] = []
    for person in range(PEOPLE):
        role = rendering.sitter(person, np.random.default_rng((0, person)))
        for yaw, pitch, face_px in itertools.product(YAWS_DEG, PITCHES_DEG, FACES_PX):
            roll = float(rng.uniform(-ROLL_DEG, ROLL_DEG))
            place = float(rng.uniform(0.4, 0.6)), float(rng.uniform(0.42, 0.5))
            moment = rendering.posed(Pose(yaw, pitch, roll), 1.0, face_px, SIZE, place)
            level = float(rng.uniform(0.35, 1.1))
            side = (float(rng.uniform(-1.2, 1.2)), float(rng.uniform(-0.8, -0.3)), 1.0)
            image, truth = cabin.picture(role, moment, index=len(rows), level=level, direction=side)
            across, down, size = rng.normal(0, 0.03, 3) * face_px
            box = Box(truth.box.x + across, truth.box.y + down, face_px + size, face_px + size)
            landmarks.reset()
            marks = landmarks.look(image, box) and landmarks.look(image, box)
            row = {"person": person, "face_px": face_px, "light": round(level, 2), "true": [yaw, pitch, round(roll, 1)]}
            if marks is not None and marks.pose is not None:
                seen = marks.pose
                row["seen"] = [round(angle, 2) for angle in (seen.yaw_deg, seen.pitch_deg, seen.roll_deg)]
                row["uncertainty_deg"] = round(seen.uncertainty_deg, 2)
                row["eyes"] = None if marks.eyes is None else round(marks.eyes.value, 3)
            rows.append(row)
    return rows


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return what follows from the *rows* of `poses`."""
    seen = [row for row in rows if "seen" in row]
    errors = np.array([np.subtract(row["seen"], row["true"]) for row in seen])
    sigmas = np.array([row["uncertainty_deg"] for row in seen])[:, None]
    both = np.abs(errors[:, :2])
    return {
        "pictures": len(rows),
        "abstained": round(1 - len(seen) / len(rows), 4),
        "eyes_abstained": round(1 - sum(row["eyes"] is not None for row in seen) / len(rows), 4),
        "yaw_mean_error_deg": round(float(both[:, 0].mean()), 2),
        "pitch_mean_error_deg": round(float(both[:, 1].mean()), 2),
        "roll_mean_error_deg": round(float(np.abs(errors[:, 2]).mean()), 2),
        "yaw_p95_error_deg": round(float(np.percentile(both[:, 0], 95)), 2),
        "pitch_p95_error_deg": round(float(np.percentile(both[:, 1], 95)), 2),
        "within_1_sigma": round(float((both <= sigmas).mean()), 3),
        "within_2_sigma": round(float((both <= 2 * sigmas).mean()), 3),
    }


def jitter(landmarks: Landmarks) -> list[dict[str, Any]]:
    """Return by how much the marks of a head that keeps still differ from frame to frame."""
    rows = []
    for level, face_px in itertools.product(LIGHTS, FACES_PX):
        spreads, lost = [], 0
        for person in range(STILL_PEOPLE):
            landmarks.reset()
            cabin = rendering.Cabin(np.random.default_rng(person), *SIZE)
            role = rendering.sitter(person, np.random.default_rng((1, person)))
            moment = rendering.posed(Pose(), 1.0, face_px, SIZE, (0.5, 0.45))
            seen = []
            for index in range(STILL_FRAMES):
                image, truth = cabin.picture(role, moment, index=index, level=level, direction=(0.3, -0.5, 1.0))
                marks = landmarks.look(image, truth.box)
                if marks is None or marks.pose is None or marks.eyes is None:
                    lost += 1
                    continue
                seen.append((marks.pose.yaw_deg, marks.pose.pitch_deg, marks.eyes.value))
            spreads.append(np.std(seen, axis=0))
        yaw, pitch, opened = np.mean(spreads, axis=0).round(4).tolist()
        share = round(lost / (STILL_PEOPLE * STILL_FRAMES), 4)
        rows.append(
            {
                "light": level,
                "face_px": face_px,
                "yaw_std_deg": yaw,
                "pitch_std_deg": pitch,
                "eyes_std": opened,
                "lost": share,
            }
        )
    return rows


def cost(landmarks: Landmarks) -> dict[str, list[float]]:
    """Return milliseconds of the tracker and of level 2, frame by frame, on a film of a driver."""
    tracker = FaceTracker(open_detector(DEFAULT_DETECTOR))
    camera = SyntheticCamera(scene="drive", frames=COST_FRAMES)
    landmarks.reset()
    spent: dict[str, list[float]] = {"track": [], "marks": []}
    for frame in camera.frames():
        start = time.thread_time()
        tracks = tracker.update(frame.image, frame.time_s)
        middle = time.thread_time()
        if not tracks:
            continue
        landmarks.look(frame.image, tracks[0].box)
        spent["track"].append(round(1e3 * (middle - start), 3))
        spent["marks"].append(round(1e3 * (time.thread_time() - middle), 3))
    return spent


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the error of yaw and pitch against the true angle."""
    figure = new_figure(9, 3.6)
    for place, (name, axis, angles) in enumerate((("yaw", 0, YAWS_DEG), ("pitch", 1, PITCHES_DEG)), 1):
        axes = figure.add_subplot(1, 2, place)
        for face_px in FACES_PX:
            found = []
            for angle in angles:
                errors = []
                for row in rows:
                    if "seen" in row and row["face_px"] == face_px and row["true"][axis] == angle:
                        errors.append(row["seen"][axis])  # noqa: PERF401  (three conditions read better in a loop)
                found.append(np.percentile(errors, [10, 50, 90]))
            low, middle, high = np.transpose(found)
            axes.plot(angles, middle, marker="o", label=f"{face_px} px")
            axes.fill_between(angles, low, high, alpha=0.15)
        axes.plot(angles, angles, color="#98a2b3", linestyle=":")
        axes.set_xlabel(f"true {name}, degrees")
        axes.set_ylabel(f"seen {name}: median, 10th to 90th percentile")
        axes.legend(title="face")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print the figures and save the raw values."""
    parser = rendering.parser(__doc__)
    parser.add_argument("--plot", type=Path, help="draw seen against true angles into this PNG")
    options = parser.parse_args()
    landmarks = rendering.opened(options.landmarks)
    rows = poses(landmarks)
    found = figures(rows)
    still = jitter(landmarks)
    spent = cost(landmarks)
    print(json.dumps(found, indent=1))
    for row in still:
        print(row)
    for name, values in spent.items():
        median = statistics.median(values)
        print(f"{name}: median {median:.2f} ms a frame, 90th percentile {np.percentile(values, 90):.2f}")
    if options.plot is not None:
        draw(rows, options.plot)
    if options.json is not None:
        result = {
            "command": rendering.command(), "edge_fer": __version__, "host": host.facts(),
            "figures": found, "jitter": still, "cost_ms": spent, "rows": rows,
        }  # fmt: skip
        files.write(options.json, json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
