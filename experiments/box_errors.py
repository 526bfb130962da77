"""How accurate bundles are by the votes of FER+ when the face box is wrong: shifted, of another size, or tilted.

    python experiments/box_errors.py fer2013/ compact cnn-1-votes cnn-1 --json experiments/box-errors.json

*fer2013/* holds fer2013-public-test.zip and ferplus.csv. Of each bundle the first target is evaluated, one pass. What a
crop lacks beyond the 48x48 image is filled with the image's border.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_fer import Classifier
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.votes import FerPlusVotes, load_votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Shift as a share of the side, scale of the face in the crop, tilt in degrees. A box that is 15 % too large shows the
# face at 1 / 1.15 of its size.
ERRORS = {
    "none": (0.0, 0.0, 1.0, 0.0),
    "shifted left 10 %": (-0.1, 0.0, 1.0, 0.0),
    "shifted right 10 %": (0.1, 0.0, 1.0, 0.0),
    "shifted up 10 %": (0.0, -0.1, 1.0, 0.0),
    "shifted down 10 %": (0.0, 0.1, 1.0, 0.0),
    "scaled to 85 %": (0.0, 0.0, 0.85, 0.0),
    "scaled to 115 %": (0.0, 0.0, 1.15, 0.0),
    "tilted by -15 degrees": (0.0, 0.0, 1.0, -15.0),
    "tilted by 15 degrees": (0.0, 0.0, 1.0, 15.0),
    "tilted by 30 degrees": (0.0, 0.0, 1.0, 30.0),
}


def main() -> None:
    """Print the accuracy of each bundle under each error, and write it with its loss as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    faces = load_faces(options.data / "fer2013-public-test.zip")
    votes = FerPlusVotes.of(faces, load_votes(options.data / "ferplus.csv"))
    figures = {}
    for name in options.bundles:
        figures[Path(name).name] = losses(name, list(faces.images), votes)
    if options.json is not None:
        options.json.write_text(f"{json.dumps(figures, indent=1)}\n")


def losses(name: str, images: list[NDArray[np.uint8]], votes: FerPlusVotes) -> dict[str, dict[str, float]]:
    """Return for each error the accuracy on eight classes, per cent, and the points lost against no error."""
    figures: dict[str, dict[str, float]] = {}
    with Classifier.load(name) as classifier:
        for error, values in ERRORS.items():
            crops = [classifier.preprocess.crop(displaced(image, *values)) for image in images]
            accuracy = 100 * votes.accuracy(classifier.scores(np.stack(crops)))
            exact = figures["none"]["accuracy"] if figures else accuracy
            figures[error] = {"accuracy": accuracy, "lost": exact - accuracy}
            print(f"{name}, {error}: {accuracy:.2f} %, {exact - accuracy:+.2f} points lost")
    return figures


def displaced(image: NDArray[np.uint8], right: float, down: float, scale: float, tilt_deg: float) -> NDArray[np.uint8]:
    """Return *image* moved by shares of its side, scaled and turned around its middle."""
    side = image.shape[0]
    middle = (side - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), tilt_deg, scale)
    matrix[:, 2] += (right * side, down * side)
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)


if __name__ == "__main__":
    main()
