from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import load_faces
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,happy\na,1\n", r"no table of FER\+ votes: no column neutral, happiness"),
        ("path," + ",".join(soft_labels.VOTES) + "\na,1,2\n", "line 2: could not convert string to float: ''"),
    ],
)
def test_a_csv_that_is_none_is_refused(tmp_path, text, message):
    path = tmp_path / "votes.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        soft_labels.load_votes(path)


def test_microsofts_own_csv_names_images_by_file_and_by_line(tmp_path):
    path = tmp_path / "fer2013new.csv"
    path.write_text(
        "Usage,Image name," + ",".join(soft_labels.VOTES) + "\n"
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0\n"
        "Training,fer0000001.png,6,0,1,1,0,0,0,0,2,0\n"
    )
    votes = soft_labels.load_votes(path)
    assert votes["fer0000001.png"].tolist() == votes["line 3"].tolist() == [6, 0, 1, 1, 0, 0, 0, 0, 2, 0]


def test_votes_are_found_by_the_files_own_name(drawn_zip):
    faces = load_faces(drawn_zip)
    votes = {path.rsplit("/", 1)[-1]: np.eye(10, dtype=np.float32)[at % 7] for at, path in enumerate(faces.paths)}
    assert not np.array_equal(soft_labels.from_votes(faces, votes), soft_labels.hard(faces))
