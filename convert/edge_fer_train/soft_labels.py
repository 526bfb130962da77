"""Soft labels: how sure a label is, from the votes of ten more annotators (FER+), or these votes themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation.votes import class_order, load_votes, vote_counts, vote_distributions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces

__all__ = ["from_votes", "from_votes_alone", "hard", "load_votes"]


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
    FER2013's labels. So a multinomial logistic regression, fitted on *faces*, estimates P(FER2013 label | votes), which
    varies far less than the label of a single annotator. A soft label is *own_label* times the one-hot label plus the
    rest of that estimate; a face without votes has its own label, smoothed.
    """
    from sklearn.linear_model import LogisticRegression

    soft_labels = hard(faces, smoothing)
    counts = vote_counts(faces.paths, votes)
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


def from_votes_alone(
    faces: LabelledFaces, votes: Mapping[str, NDArray[np.float32]]
) -> tuple[LabelledFaces, NDArray[np.float32]]:
    """Return those *faces* that have a distribution of FER+ votes, and the distributions as ``(n, 7)`` soft labels.

    The labels of the returned faces are the most frequent votes: FER2013's own labels have no part in it. Raises
    `BadInput` for faces of other classes than FER2013's, and when no face has votes.
    """
    # From FER2013's order into that of the faces' own classes.
    order = np.argsort(class_order(faces.names))
    distributions = vote_distributions(vote_counts(faces.paths, votes))[:, order]
    indices = np.flatnonzero(distributions.any(axis=1))
    if not len(indices):
        raise BadInput("none of the training faces has FER+ votes; pass the csv of these faces with --votes")
    soft_labels = distributions[indices]
    labels = soft_labels.argmax(axis=1).astype(np.int64)
    return replace(faces.take(indices), labels=labels), soft_labels
