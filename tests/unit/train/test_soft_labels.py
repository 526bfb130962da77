from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[convert]'")

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.votes import VOTES
from edge_fer_train import soft_labels


def test_votes_sharpen_labels_without_replacing_them(drawn_zip):
    faces = load_faces(drawn_zip)
    position = {"angry": 4, "disgust": 5, "fear": 6, "happy": 1, "sad": 3, "surprise": 2, "neutral": 0}
    votes = {path: np.eye(10, dtype=np.float32)[position[path.split("/")[1]]] * 10 for path in faces.paths}
    mixed = soft_labels.from_votes(faces, votes, 0.5)
    assert mixed.dtype == np.float32
    assert np.allclose(mixed.sum(axis=1), 1, atol=1e-5)
    assert (mixed.argmax(axis=1) == faces.labels).all()
    assert mixed.max(axis=1).min() > 0.8


def test_without_votes_labels_are_smoothed(drawn_zip):
    faces = load_faces(drawn_zip)
    assert np.array_equal(soft_labels.from_votes(faces, {}, 0.5), soft_labels.hard(faces))
    assert soft_labels.hard(faces).max() == pytest.approx(0.9 + 0.1 / 7)


def test_votes_are_found_by_the_files_own_name(drawn_zip):
    faces = load_faces(drawn_zip)
    votes = {path.rsplit("/", 1)[-1]: np.eye(10, dtype=np.float32)[at % 7] for at, path in enumerate(faces.paths)}
    assert not np.array_equal(soft_labels.from_votes(faces, votes), soft_labels.hard(faces))


def cast(**counts: int) -> np.ndarray:
    """``(10,)`` votes."""
    return np.array([counts.get(name, 0) for name in VOTES], np.float32)


def test_votes_alone_replace_labels(drawn_zip):
    faces = load_faces(drawn_zip)
    votes = {
        faces.paths[0]: cast(sadness=6, fear=4),
        faces.paths[5]: cast(unknown=10),
        faces.paths[9]: cast(anger=10),
    }
    voted, labels = soft_labels.from_votes_alone(faces, votes)
    assert voted.paths == (faces.paths[0], faces.paths[9])
    assert voted.labels.tolist() == [FER2013.index("sad"), FER2013.index("angry")]
    assert voted.labels.dtype == faces.labels.dtype
    assert np.array_equal(voted.images[1], faces.images[9])
    assert labels.dtype == np.float32
    assert labels[0].tolist() == pytest.approx([0, 0, 0.4, 0, 0.6, 0, 0])


def test_votes_alone_need_votes_and_the_classes_of_fer2013(drawn_zip):
    faces = load_faces(drawn_zip)
    with pytest.raises(BadInput, match=r"none of the training faces has FER\+ votes"):
        soft_labels.from_votes_alone(faces, {})
    others = replace(faces, names=tuple("abcdefg"))
    with pytest.raises(BadInput, match="these faces are a, b, c, d, e, f, g"):
        soft_labels.from_votes_alone(others, {faces.paths[0]: cast(anger=10)})
