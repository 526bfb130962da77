"""Tracked face boxes against those of a full search: how close they are, what they cost, how soon a lost face is back.

    python benchmarks/tracking.py --json benchmarks/results/<device>/tracking.json

Tracks every scene in two ways that take turns frame by frame: with the detector looking around a known face in every
frame, and only now and then, following the face by its looks in between.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

import script
from edge_fer.detectors.haar import Detection, HaarDetector
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker, Tracking

if TYPE_CHECKING:
    from edge_fer.sources import Frame

WAYS: Final = {"every frame": Tracking(confirm_every_s=0.0), "now and then": Tracking()}
HIDDEN_S: Final = ((3.0, 4.0), (6.5, 7.5))
"""When the face is hidden in each scene of 10 s."""

Figures = dict[str, list[float]]
"""Figure → values: iou, seen and update_ms of frames, found_again_s of times when the face was hidden."""


def tracking(seeds: range) -> dict[str, Figures]:
    """Compare tracked boxes with a full search of every third frame, and time how a hidden face is found again.

    The reference is OpenCV's cascade on the whole, unscaled frame. Each seed is a scene of 10 s in which the face is
    hidden twice for 1 s and comes back elsewhere. Frames in which it is hidden, or not yet found again, count for the
    last figure only.
    """
    figures: dict[str, Figures] = {}
    for name in WAYS:
        figures[name] = {"iou": [], "seen": [], "update_ms": [], "found_again_s": []}
    for seed in seeds:
        camera = SyntheticCamera(frames=300, seed=seed, hidden_s=HIDDEN_S)
        _follow(camera, figures)
        for name, way in WAYS.items():
            for _, end_s in HIDDEN_S:
                figures[name]["found_again_s"].append(_found_again(camera, end_s, way))
    return figures


def _follow(camera: SyntheticCamera, figures: dict[str, Figures]) -> None:
    """Track the scene of *camera* in every way, and add the figures of its frames to *figures*."""
    full_search = HaarDetector(Detection(min_face_px=64, search_side_px=64))
    trackers = {name: FaceTracker(HaarDetector(), way) for name, way in WAYS.items()}
    settled = False
    for frame in camera.frames():
        tracks = {}
        times_ms = {}
        for name, tracker in trackers.items():
            began = time.perf_counter()
            tracks[name] = tracker.update(frame.image, frame.time_s)
            times_ms[name] = (time.perf_counter() - began) * 1e3
        # From when every tracker has the face until it is hidden: how soon it is found again is a figure of its own.
        settled = bool(frame.truth) and (settled or all(tracks.values()))
        if not settled:
            continue
        # Of every third frame only: a full search takes ten times as long as a tracker.
        references = full_search.search(frame.image) if frame.index % 3 == 0 else []
        for name, values in figures.items():
            values["seen"].append(float(bool(tracks[name])))
            values["update_ms"].append(times_ms[name])
            for face in references:
                overlaps = [track.box.iou(face.box) for track in tracks[name]]
                values["iou"].append(max(overlaps, default=0.0))


def _found_again(camera: SyntheticCamera, end_s: float, way: Tracking) -> float:
    """Return seconds from *end_s*, when the face is visible again, to the first frame in which the tracker has it."""
    tracker = FaceTracker(HaarDetector(), way)
    # Two seconds before, so that the tracker knows the face before it is hidden.
    for index in range(int((end_s - 2.0) * camera.fps), int((end_s + 3.0) * camera.fps)):
        frame = camera.frame(index)
        tracks = tracker.update(frame.image, frame.time_s)
        if frame.time_s >= end_s and _on_the_face(tracks, frame):
            return frame.time_s - end_s
    return float("inf")


def _on_the_face(tracks: Any, frame: Frame) -> bool:
    """Return whether a track lies on a face of *frame*, and not on where the face was before."""
    return any(track.box.iou(truth.box) > 0.3 for track in tracks for truth in frame.truth)


def main() -> None:
    """Compare, save the raw values, and print a line for each way."""
    parser = script.parser(__doc__)
    parser.add_argument("--scenes", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    figures = tracking(range(options.scenes))
    result: dict[str, Any] = {"command": script.command()}
    for name, values in figures.items():
        result[name] = {figure: np.round(entries, 4).tolist() for figure, entries in values.items()}
    script.save(result, options.json)
    for name, values in figures.items():
        print(f"detector in {name}: {_line(values)}")


def _line(values: Figures) -> str:
    updates = values["update_ms"]
    return (
        f"mean IoU {np.mean(values['iou']):.3f} over {len(values['iou'])} frames, "
        f"seen in {np.mean(values['seen']):.1%} of {len(values['seen'])}, "
        f"{np.median(updates):.2f} ms a frame, 90 % within {np.percentile(updates, 90):.2f}, "
        f"mean {np.mean(updates):.2f}, "
        f"found again in {max(values['found_again_s']):.2f} s at worst"
    )


if __name__ == "__main__":
    script.run(main)
