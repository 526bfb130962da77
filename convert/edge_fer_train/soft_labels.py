"""Soft labels: how sure a label is, from the votes of ten more annotators (FER+)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation.tables import columns, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces

VOTES: Final = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
"""What FER+ annotators could vote for (Barsoum et al., 2016)."""


def load_votes(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read FER+ votes as image → ``(10,)`` counts in the order of `VOTES`. Raises `BadInput` for another csv.

    The column ``path`` names an image. Microsoft's own ``fer2013new.csv`` has the rows of ``fer2013.csv``; there an
    image is named by its ``Image name`` and by its line, ``line 2`` for the first.
    """
    counts: dict[str, NDArray[np.float32]] = {}
    is_own_form = "path" in columns(path)
    name = "path" if is_own_form else "Image name"
    for line, row in read_rows(path, (name, *VOTES), "table of FER+ votes"):
        try:
            votes = np.array([row[vote] for vote in VOTES], np.float32)
        except ValueError as exc:
            raise BadInput(f"{path}, line {line}: {exc}; votes are numbers, so download the file again") from exc
        counts[row[name]] = votes
        if not is_own_form:
            counts[f"line {line}"] = votes
    return counts


def hard(faces: LabelledFaces, smoothing: float = 0.1) -> NDArray[np.float32]:
    """Return ``(n, classes)`` one-hot rows of the faces' own labels, smoothed (Szegedy et al., CVPR 2016)."""
    classes = len(faces.names)
    onehot = np.eye(classes, dtype=np.float32)[faces.labels]
    return np.asarray((1 - smoothing) * onehot + smoothing / classes, np.float32)


def from_votes(
    faces: LabelledFaces, votes: Mapping[str, NDArray[np.float32]], own_label: float = 0.5, smoothing: float = 0.1
) -> NDArray[np.float32]:
    """Return ``(n, classes)`` soft labels that mix each face's own label with an estimate of it from its FER+ votes.

    FER+ (Barsoum et al., 2016) relabelled FER2013 with ten annotators per image, but its labels differ from those of
    FER2013, which models are evaluated on: used directly, they teach another task, so they would lower the score on
    FER2013's labels. So a multinomial logistic
    regression, fitted on *faces*, estimates P(FER2013 label | votes), which varies far less than the label of a single
    annotator. A soft label is *own_label* times the one-hot label plus the rest of that estimate; a face without votes
    has its own label, smoothed.
    """
    from sklearn.linear_model import LogisticRegression

    soft_labels = hard(faces, smoothing)
    nobody = np.zeros(len(VOTES), np.float32)
    counts = np.stack([votes.get(path, votes.get(path.rsplit("/", 1)[-1], nobody)) for path in faces.paths])
    voted = counts.sum(axis=1) > 0
    if len(set(faces.labels[voted].tolist())) < 2:
        return soft_labels  # a regression needs two classes
    shares = counts[voted] / counts[voted].sum(axis=1, keepdims=True)
    # The root spreads small shares: one vote against none says more than ten against nine.
    features = np.hstack([shares, np.sqrt(shares)])
    # C barely regularises: there are 20 features and thousands of faces. 2000 iterations let the solver converge.
    regression = LogisticRegression(C=10.0, max_iter=2000).fit(features, faces.labels[voted])
    estimate = np.zeros((int(voted.sum()), len(faces.names)), np.float32)
    estimate[:, regression.classes_] = regression.predict_proba(features)  # a class that no face has stays 0
    onehot = np.eye(len(faces.names), dtype=np.float32)[faces.labels[voted]]
    soft_labels[voted] = own_label * onehot + (1 - own_label) * estimate
    return soft_labels
