"""What the thresholds of smoothing mean on faces: how many are named, and how often the name is that of the majority.

    python experiments/thresholds.py fer2013/ > experiments/thresholds.json

*fer2013/* holds fer2013-public-test.zip and ferplus.csv. Reads the scores of `experiments/votes-eval/`. A face is named
when its highest score reaches the threshold, as `Smoothing.enter` asks of a face that is seen for
the first time.
"""

# ruff: noqa: T201

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.votes import LEFT_OUT, FerPlusVotes, load_votes

HERE = Path(__file__).parent
MODELS = ("compact", "cnn-1-votes", "cnn-1")
THRESHOLDS = (0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8)


def main(data: Path) -> None:
    """Print a row for each model and threshold, as JSON."""
    faces = load_faces(data / "fer2013-public-test.zip")
    votes = FerPlusVotes.of(faces, load_votes(data / "ferplus.csv"))
    has_majority = votes.labels != LEFT_OUT
    answers = np.load(HERE / "votes-eval" / "answers.npz")
    rows = []
    for name in MODELS:
        scores = answers[f"{name}@litert-int8/original"]
        confidence = scores.max(axis=1)
        right = scores.argmax(axis=1) == votes.labels
        for threshold in THRESHOLDS:
            named = confidence >= threshold
            row = {
                "bundle": name,
                "threshold": threshold,
                # Of the faces on which people agree, and of those on which they do not.
                "named": float(named[has_majority].mean()),
                "right_of_named": float(right[has_majority & named].mean()),
                "named_without_majority": float(named[~has_majority].mean()),
            }
            rows.append(row)
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
