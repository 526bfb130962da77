"""The figures by the votes of FER+ that follow from kept scores on PublicTest, and the best temperature of `compact`.

    python experiments/by_votes.py fer2013/

*fer2013/* holds fer2013-train.zip, fer2013-public-test.zip and ferplus.csv. Reads the scores of `experiments/` and of
`benchmarks/results/`, where `compact` is the model that is `compact-fer2013` today. Needs the `convert` extra.
"""

# ruff: noqa: T201

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar

from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.near_copies import near_copies
from edge_fer.evaluation.votes import FerPlusVotes, load_votes

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results" / "x86-64-epyc-avx512-vnni-2core"


def main(data: Path) -> None:
    """Print a line for each model, then what concerns `compact` alone."""
    faces = load_faces(data / "fer2013-public-test.zip")
    votes = FerPlusVotes.of(faces, load_votes(data / "ferplus.csv"))
    for folder in ("eval", "eval-larger"):
        for name, scores in np.load(RESULTS / folder / "answers.npz").items():
            if name.endswith("/original"):
                figures = votes.figures(scores)
                print(
                    f"{name}: {figures['accuracy_8_classes']:.2%} of 8 classes, "
                    f"{figures['accuracy_7_classes']:.2%} of 7, "
                    f"recall {figures['macro_recall']:.2%}, calibration error {figures['calibration_error']:.3f}"
                )
    scores = np.load(HERE / "compact-scores.npz")["scores"]
    fresh = ~near_copies(faces, load_faces(data / "fer2013-train.zip"))
    of_fresh = FerPlusVotes(votes.counts[fresh])
    print(f"compact without near-copies: {of_fresh.accuracy(scores[fresh]):.2%} of {of_fresh.images}")

    def loss(temperature: float) -> float:
        powers = scores ** (1 / temperature)
        return votes.cross_entropy(powers / powers.sum(axis=1, keepdims=True))

    print(f"compact, best temperature: {minimize_scalar(loss, bounds=(0.5, 2), method='bounded').x:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
