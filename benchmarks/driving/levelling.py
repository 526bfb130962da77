"""Whether levelling a face by the mesh's eye line raises the accuracy of the shipped models.

    python benchmarks/driving/levelling.py --landmarks FOLDER --data fer2013/fer2013-public-test.zip \
        --json benchmarks/results/driving/levelling.json

Each labelled face, 48x48, is classified as it is, and turned around its middle so that the eyes are level. Printed are
both accuracies and the paired difference with its standard error, of all faces and of those tilted by 5 degrees or
more.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import rendering

from edge_fer import __version__, files
from edge_fer import bundle as bundles
from edge_fer.boxes import Box
from edge_fer.classifier import Classifier
from edge_fer.driving.landmarks import files as model_files
from edge_fer.driving.landmarks import mesh, region
from edge_fer.evaluation.labelled import load_faces

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE_PX: Final = 192
FACE: Final = Box(10, 5, 172, 172)
TILTED_DEG: Final = 5.0
MOST_DEG: Final = 45.0
"""An eye line that is steeper is a mistake."""


def tilts(network: mesh.Mesh, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the tilt of the eye line of each of *pictures*, in degrees; 0 where the mesh sees no face."""
    found = []
    for picture in pictures:
        large = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
        square = region.of_box(FACE, 0.0)
        flag = 0.0
        for _ in range(2):
            points, flag = network.see(square.cut(large, mesh.SIDE_PX))
            square = region.of_points(square.placed(points, mesh.SIDE_PX))
        certain = flag > 0.5 and abs(square.roll_deg) < MOST_DEG
        found.append(square.roll_deg if certain else 0.0)
    return np.array(found)


def levelled(picture: NDArray[np.uint8], tilt_deg: float) -> NDArray[np.uint8]:
    """Return *picture* turned back by *tilt_deg* around its middle."""
    middle = (picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D(middle, tilt_deg, 1.0)
    size = picture.shape[1], picture.shape[0]
    return np.asarray(cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def difference(plain: NDArray[np.bool_], level: NDArray[np.bool_]) -> dict[str, Any]:
    """Return both accuracies and their paired difference."""
    change = level.astype(float) - plain.astype(float)
    return {
        "faces": len(plain),
        "plain": round(float(plain.mean()), 4),
        "levelled": round(float(level.mean()), 4),
        "difference": round(float(change.mean()), 4),
        "standard_error": round(float(change.std() / np.sqrt(len(change))), 4),
    }


def main() -> None:
    """Measure each shipped model."""
    parser = rendering.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="FER2013's public test, as the ZIP of labelled faces")
    options = parser.parse_args()
    path = options.landmarks / model_files.MESH.file
    network = mesh.load(model_files.read(model_files.MESH, path), path)
    faces = load_faces(options.data)
    tilt = tilts(network, faces.images)
    turned = np.stack([levelled(picture, angle) for picture, angle in zip(faces.images, tilt, strict=True)])
    result: dict[str, Any] = {"command": rendering.command(), "edge_fer": __version__, "models": {}}
    result["tilts_deg"] = tilt.round(1).tolist()
    for name in sorted(folder.name for folder in bundles.SHIPPED_MODELS.iterdir() if folder.is_dir()):
        with Classifier(bundles.load(name)) as classifier:
            spec = classifier.preprocess
            plain, level = (_right(classifier, spec, pictures, faces.labels) for pictures in (faces.images, turned))
        clear = np.abs(tilt) >= TILTED_DEG
        rows = {"all": difference(plain, level), "tilted": difference(plain[clear], level[clear])}
        result["models"][name] = rows
        print(name, json.dumps(rows), flush=True)
    if options.json is not None:
        files.write(options.json, json.dumps(result) + "\n")


def _right(classifier: Classifier, spec: Any, pictures: NDArray[np.uint8], labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each of *pictures* whether it is named as *labels* say."""
    crops = np.stack([spec.crop(picture, (0, 0, picture.shape[1], picture.shape[0])) for picture in pictures])
    return np.asarray(classifier.scores(crops).argmax(axis=1) == labels)


if __name__ == "__main__":
    main()
