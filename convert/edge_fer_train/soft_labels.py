"""Soft labels: what ten more annotators say about how sure a label is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation.tables import columns, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.evaluation.labelled import LabelledFaces

VOTES: Final = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
"""What FER+ annotators could vote for (Barsoum et al., 2016)."""


def load_votes(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read FER+ votes as image → ``(10,)`` counts in the order of `VOTES`. Raises `BadInput` for another csv.

    An image is named by the column ``path``; in Microsoft's own ``fer2013new.csv``, whose rows are those of
    ``fer2013.csv``, by its ``Image name`` and by its line in that file.
    """
    found: dict[str, NDArray[np.float32]] = {}
    name = "path" if "path" in columns(path) else "Image name"
    for line, row in read_rows(path, (name, *VOTES), "table of FER+ votes"):
        try:
            votes = np.array([row[vote] for vote in VOTES], np.float32)
        except ValueError as exc:
            raise BadInput(f"{path}, line {line}: {exc}; FER+'s votes are numbers, so download the file again") from exc
        found |= dict.fromkeys((row[name],) if name == "path" else (row[name], f"line {line}"), votes)
    return found


def hard(faces: LabelledFaces, smoothing: float = 0.1) -> NDArray[np.float32]:
    """Return ``(n, classes)`` one-hot targets of the faces' own labels, smoothed (Szegedy et al., CVPR 2016)."""
    classes = len(faces.names)
    onehot = np.eye(classes, dtype=np.float32)[faces.labels]
    return np.asarray((1 - smoothing) * onehot + smoothing / classes, np.float32)


def from_votes(
    faces: LabelledFaces, votes: Mapping[str, NDArray[np.float32]], own_label: float = 0.5, smoothing: float = 0.1
) -> NDArray[np.float32]:
    """Return ``(n, classes)`` targets that mix each face's own label with what its FER+ votes say about that label.

    FER+ (Barsoum et al., 2016) relabelled FER2013 with ten annotators an image, but its labels are others than those we
    are judged on: taken as they are, they teach another task. So a multinomial logistic regression, fitted on the
    training split, first estimates P(FER2013 label | votes): a label of far lower variance than the one annotator's. A
    target is ``own_label`` of the one-hot label and the rest of that estimate; a face without votes gets its label,
    smoothed.
    """
    from sklearn.linear_model import LogisticRegression

    targets = hard(faces, smoothing)
    nobody = np.zeros(len(VOTES), np.float32)
    counts = np.stack([votes.get(path, votes.get(path.rsplit("/", 1)[-1], nobody)) for path in faces.paths])
    voted = counts.sum(axis=1) > 0
    if len(set(faces.labels[voted].tolist())) < 2:
        return targets
    shares = counts[voted] / counts[voted].sum(axis=1, keepdims=True)
    features = np.hstack([shares, np.sqrt(shares)])
    teacher = LogisticRegression(C=10.0, max_iter=2000).fit(features, faces.labels[voted])
    estimate = np.zeros((int(voted.sum()), len(faces.names)), np.float32)
    estimate[:, teacher.classes_] = teacher.predict_proba(features)
    onehot = np.eye(len(faces.names), dtype=np.float32)[faces.labels[voted]]
    targets[voted] = own_label * onehot + (1 - own_label) * estimate
    return targets
