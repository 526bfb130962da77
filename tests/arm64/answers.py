"""All that edge-fer computes for the same inputs, exactly: run on this machine and on an emulated one, and compared.

    python answers.py film.npz > answers.json

JSON holds each number with all its digits.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_fer.bundle import SHIPPED_MODELS
from edge_fer.classifier import Classifier
from edge_fer.detectors import open_detector
from edge_fer.pipeline import Pipeline
from edge_fer.sources import Frame
from edge_fer.tracking import FaceTracker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.detectors import Face
    from edge_fer.records import FaceRecord

FPS = 10.0
INT8 = ("litert-int8", "onnx-int8")
"""The targets whose integers are the same on every CPU. (OpenVINO computes int8 models in floats on Arm.)"""


def golden_answers() -> dict[str, Any]:
    """Return bundle and target → the bits of its scores of the golden inputs."""
    answers = {}
    for folder in sorted(path for path in SHIPPED_MODELS.iterdir() if path.is_dir()):
        names = json.loads((folder / "manifest.json").read_text())["targets"]
        for target in (entry["name"] for entry in names if entry["name"] in INT8):
            with Classifier.load(folder.name, target) as classifier:
                scores = classifier.scores(classifier.bundle.golden().inputs)
                answers[f"{folder.name} {target}"] = scores.astype("<f4").tobytes().hex()
    return answers


def followed(frames: NDArray[np.uint8], model: str) -> dict[str, Any]:
    """Return the tracks of ``--detector haar`` and a checksum of their crops by frame, and the scores of all crops."""
    rows = []
    crops = []
    with Classifier.load(model) as classifier:
        pipeline = Pipeline(classifier, FaceTracker(open_detector("haar")))
        for index, image in enumerate(frames):
            record = pipeline.process(Frame(image, index, index / FPS, "film"))
            rows.append([[face.track, face.seen.value, *numbers(face)] for face in record.faces])
            rolls = [face.roll_deg for face in record.faces]
            crops.append(classifier.crop(image, [face.box for face in record.faces], rolls).copy())
        scores = classifier.scores(np.concatenate(crops))
    return {"tracks": rows, "crops": [zlib.crc32(crop) for crop in crops], "scores": scores.tolist()}


def searched(frames: NDArray[np.uint8]) -> list[Any]:
    """Return for each of *frames* what a search of the whole of it finds."""
    detector = open_detector("haar")
    return [[numbers(face) for face in detector.search(gray)] for gray in frames]


def numbers(face: Face | FaceRecord) -> list[float]:
    """Return where *face* is, how sure that is, and its tilt; JSON rounds none of them."""
    return [*map(float, face.box), face.confidence, face.roll_deg]


def main() -> None:
    """Print the answers to the frames of the file that the argument names."""
    cv2.setNumThreads(1)
    with np.load(Path(sys.argv[1])) as film:
        frames = film["frames"]
    answers = {"golden": golden_answers(), **followed(frames, "compact"), "searches": searched(frames[::7])}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
