"""What the thresholds of smoothing mean on faces: how many are named, and how often the name is that of the majority.

    python experiments/thresholds.py fer2013/ compact cnn-1-votes cnn-1 --json experiments/thresholds.json

*fer2013/* holds fer2013-public-test.zip and ferplus.csv. A face is named when its highest score reaches the threshold,
as `Smoothing.enter` asks of a face that is seen for the first time.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from edge_fer import Classifier
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.votes import LEFT_OUT, FerPlusVotes, load_votes

THRESHOLDS = (0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8)


def main() -> None:
    """Print and write a row for each bundle and threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    faces = load_faces(options.data / "fer2013-public-test.zip")
    votes = FerPlusVotes.of(faces, load_votes(options.data / "ferplus.csv"))
    has_majority = votes.labels != LEFT_OUT
    rows = []
    for name in options.bundles:
        scores = []
        with Classifier.load(name) as classifier:
            for image in faces.images:
                crop = classifier.preprocess.crop(image)
                scores.append(classifier.scores(crop[np.newaxis])[0].copy())
        confidence = np.max(scores, axis=1)
        right = np.argmax(scores, axis=1) == votes.labels
        for threshold in THRESHOLDS:
            named = confidence >= threshold
            row = {
                "bundle": Path(name).name,
                "threshold": threshold,
                # Of the faces on which people agree, and of those on which they do not.
                "named": float(named[has_majority].mean()),
                "right_of_named": float(right[has_majority & named].mean()),
                "named_without_majority": float(named[~has_majority].mean()),
            }
            rows.append(row)
            print("{bundle} {threshold}: named {named:.1%}, of these right {right_of_named:.1%}; "
                  "of faces without a majority named {named_without_majority:.1%}".format(**row))  # fmt: skip
    if options.json is not None:
        options.json.write_text(f"{json.dumps(rows, indent=1)}\n")


if __name__ == "__main__":
    main()
