from __future__ import annotations

import numpy as np
import pytest

for module in ("keras", "sklearn", "matplotlib"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.evaluation.labelled import load_faces  # noqa: E402
from edge_fer.evaluation.votes import VOTES, FerPlusVotes  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_train.validation import Validation  # noqa: E402


@pytest.fixture
def faces(drawn_zip):
    return load_faces(drawn_zip)


def test_scores_are_validated_by_the_labels_of_the_faces(faces):
    validation = Validation(faces, Preprocess(size_px=32))
    scores = np.full((28, 7), 0.1, np.float32)
    scores[:, 0] = 0.4
    assert validation.accuracy(scores) == pytest.approx(1 / 7)
    expected = -(np.log(0.4) + 6 * np.log(0.1)) / 7
    assert validation.cross_entropy(scores) == pytest.approx(expected, rel=1e-5)


def test_scores_are_validated_by_votes_where_there_are_any(faces):
    votes = np.zeros((2, len(VOTES)), np.float32)
    votes[0, [VOTES.index("fear"), VOTES.index("sadness")]] = 8, 2
    votes[1, VOTES.index("anger")] = 10
    by_votes = FerPlusVotes.of(faces, dict(zip(faces.paths[:2], votes, strict=True)))
    validation = Validation(faces, Preprocess(size_px=32), by_votes)
    scores = np.full((28, 7), 0.1, np.float32)
    scores[:, FER2013.index("fear")] = 0.4
    assert validation.accuracy(scores) == 0.5
    expected = -(0.8 * np.log(0.4) + 0.2 * np.log(0.1) + np.log(0.1)) / 2
    assert validation.cross_entropy(scores) == pytest.approx(expected, rel=1e-5)
