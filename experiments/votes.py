"""How well the ten votes of FER+ predict FER2013's own label, and where the teachers' mean is wrong.

    python experiments/votes.py fer2013/

*fer2013/* holds fer2013-train.zip, fer2013-public-test.zip and ferplus.csv. Needs the `convert` extra.
"""

# ruff: noqa: T201

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from edge_fer.evaluation.labelled import load_faces
from edge_fer_train import soft_labels

if TYPE_CHECKING:
    from edge_fer.evaluation.face_set import LabelledFaces

HERE = Path(__file__).parent
TEACHERS = ("compact-fer2013", "compact-wide-1", "compact-wide-2", "compact-wide-3")


def main(data: Path) -> None:
    """Print how many faces have votes, the accuracy of the votes, and their error where the mean is wrong."""
    votes = soft_labels.load_votes(data / "ferplus.csv")
    train = load_faces(data / "fer2013-train.zip")
    test = load_faces(data / "fer2013-public-test.zip")
    train_voted, train_features = features(train, votes)
    test_voted, test_features = features(test, votes)
    labels = test.labels[test_voted]

    model = LogisticRegression(C=10.0, max_iter=2000)
    model.fit(train_features, train.labels[train_voted])
    by_votes = model.predict(test_features)

    log_scores = 0.0
    for name in TEACHERS:
        log_scores = log_scores + np.log(np.load(HERE / f"{name}-scores.npz")["scores"].astype(float))
    by_mean = log_scores.argmax(axis=1)[test_voted]
    missed = by_mean != labels

    print(f"faces of PublicTest with votes: {len(labels)}")
    print(f"label predicted by the votes: {(by_votes == labels).mean():.2%}")
    print(f"votes wrong where the teachers' mean is wrong: {(by_votes != labels)[missed].mean():.2%}")


def features(faces: LabelledFaces, votes: dict[str, Any]) -> tuple[Any, Any]:
    """Return which faces have votes, ``(n,)``, and the shares of each answer beside their square roots."""
    none = np.zeros(10)
    counts = np.stack([votes.get(path.rsplit("/", 1)[-1], votes.get(path, none)) for path in faces.paths])
    voted = counts.sum(axis=1) > 0
    shares = counts[voted] / counts[voted].sum(axis=1, keepdims=True)
    return voted, np.hstack([shares, np.sqrt(shares)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
