"""How boxes that are followed compare with those of a full search, what following costs, how soon a face is back.

    python benchmarks/tracking.py --json benchmarks/results/<device>/tracking.json

Twice, frame by frame in turn: with the detector looking around a known face in every frame, and only now and then, the
face being found by its looks in between.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge_fer.faces import Detection, HaarDetector
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker, Tracking

WAYS: Final = {"every frame": Tracking(confirm_every_s=0.0), "now and then": Tracking()}


def tracking(seeds: range) -> dict[str, dict[str, list[float]]]:
    """Compare tracked boxes with a full search of every third frame, and time how a hidden face is found again.

    The reference is OpenCV's cascade on the whole, unscaled frame. Each seed is a scene of 10 s in which the face is
    hidden twice for 1 s and comes back elsewhere. Frames in which it is hidden, or not yet found again, count for the
    last figure only.
    """
    found: dict[str, dict[str, list[float]]] = {
        name: {"iou": [], "seen": [], "update_ms": [], "found_again_s": []} for name in WAYS
    }
    for seed in seeds:
        hidden = ((3.0, 4.0), (6.5, 7.5))
        camera = SyntheticCamera(frames=300, seed=seed, hidden_s=hidden)
        _follow(camera, found)
        for name, way in WAYS.items():
            found[name]["found_again_s"] += [_found_again(camera, end, way) for _, end in hidden]
    return found


def _follow(camera: SyntheticCamera, found: dict[str, dict[str, list[float]]]) -> None:
    everything = HaarDetector(Detection(min_face_px=64, search_side_px=64))
    trackers = {name: FaceTracker(HaarDetector(), way) for name, way in WAYS.items()}
    settled = False
    for frame in camera.frames():
        tracks, spent = {}, {}
        for name, tracker in trackers.items():
            began = time.perf_counter()
            tracks[name] = tracker.update(frame.image, frame.time_s)
            spent[name] = (time.perf_counter() - began) * 1e3
        settled = bool(frame.truth) and (settled or all(tracks.values()))
        if not settled:
            continue
        faces = [] if frame.index % 3 else everything.search(frame.image)
        for name, told in found.items():
            told["seen"].append(float(bool(tracks[name])))
            told["update_ms"].append(spent[name])
            told["iou"] += [max((t.box.iou(face.box) for t in tracks[name]), default=0.0) for face in faces]


def _found_again(camera: SyntheticCamera, end_s: float, way: Tracking) -> float:
    """Return seconds from *end_s*, when the face is drawn again, to the first frame in which the tracker has it."""
    tracker = FaceTracker(HaarDetector(), way)
    for index in range(int((end_s - 2.0) * camera.fps), int((end_s + 3.0) * camera.fps)):
        frame = camera.frame(index)
        tracks = tracker.update(frame.image, frame.time_s)
        if frame.time_s >= end_s and any(t.box.iou(truth.box) > 0.3 for t in tracks for truth in frame.truth):
            return frame.time_s - end_s
    return float("inf")


def main() -> None:
    """Compare, print, and keep the raw values where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    found = tracking(range(options.scenes))
    if options.json:
        kept = {way: {what: np.round(v, 4).tolist() for what, v in values.items()} for way, values in found.items()}
        told = {"command": shlex.join(["python", "benchmarks/tracking.py", *sys.argv[1:]]), **kept}
        options.json.write_text(json.dumps(told) + "\n", encoding="utf-8")
    for name, values in found.items():
        middle, most, mean = (f(values["update_ms"]) for f in (np.median, lambda v: np.percentile(v, 90), np.mean))
        print(  # noqa: T201
            f"detector in {name}: mean IoU {np.mean(values['iou']):.3f} over {len(values['iou'])} frames, seen in "
            f"{np.mean(values['seen']):.1%} of {len(values['seen'])}, {middle:.2f} ms a frame, 90 % within {most:.2f}, "
            f"mean {mean:.2f}, found again in {max(values['found_again_s']):.2f} s at worst"
        )


if __name__ == "__main__":
    main()
