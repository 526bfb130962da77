from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.errors import BadInput
from edge_fer.labelled import load_zip, near_copies
from edge_fer.metrics import accuracy, confusion, macro_f1
from edge_fer.preprocess import Preprocess

PNG = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50)


def test_a_zip_in_kaggles_layout_is_read_in_order(drawn_zip):
    faces = load_zip(drawn_zip)
    assert faces.images.shape == (28, 48, 48)
    assert list(faces.paths) == sorted(faces.paths)
    assert [faces.names[label] for label in faces.labels] == [path.split("/")[1] for path in faces.paths]
    assert faces.crops(Preprocess(size_px=24)).shape == (28, 24, 24)


def test_a_sample_is_the_same_for_the_same_seed(drawn_zip):
    faces = load_zip(drawn_zip)
    assert faces.sample(10, 1).paths == faces.sample(10, 1).paths != faces.sample(10, 2).paths
    assert len(faces.sample(1000, 1)) == len(faces)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "holds no images"),
        ({"train/happy/readme.txt": b"x"}, "holds no images"),
        ({"train/bored/1.png": PNG}, "class 'bored'"),
        ({"train/happy/1.png": b""}, "not a readable image"),
        ({"train/happy/1.png": b"nonsense"}, "not a readable image"),
        (
            {
                "train/happy/1.png": PNG,
                "train/sad/2.png": cv2.imencode(".png", np.zeros((9, 9), np.uint8))[1].tobytes(),
            },
            "several sizes",
        ),
    ],
)
def test_a_zip_that_cannot_be_used_says_why(tmp_path, members, message):
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(BadInput, match=message):
        load_zip(path)


def test_what_is_no_zip_is_refused(tmp_path):
    path = tmp_path / "faces.zip"
    path.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="cannot be read as a zip"):
        load_zip(path)


def test_a_brighter_copy_is_a_copy_and_another_face_is_not(drawn_zip):
    faces = load_zip(drawn_zip)
    brighter = faces.take(np.arange(3))
    lifted = np.clip(brighter.images.astype(int) // 2 + 60, 0, 255).astype(np.uint8)
    copies = type(faces)(lifted, brighter.labels, brighter.paths)
    assert near_copies(copies, faces).all()
    assert not near_copies(faces.take(np.arange(3)), faces.take(np.arange(20, 28))).any()


@given(LABELS)
def test_confusion_counts_every_pair(pairs):
    predicted, true = np.array(pairs).T
    table = confusion(predicted, true, 4)
    assert table.sum() == len(pairs)
    assert np.trace(table) / len(pairs) == pytest.approx(accuracy(predicted, true))


@given(LABELS)
def test_macro_f1_is_the_mean_of_each_classs_own(pairs):
    predicted, true = np.array(pairs).T
    expected = []
    for label in range(4):
        hit = int(((predicted == label) & (true == label)).sum())
        wrong = int(((predicted == label) != (true == label)).sum())
        expected.append(2 * hit / (2 * hit + wrong) if hit or wrong else 0.0)
    assert macro_f1(predicted, true, 4) == pytest.approx(float(np.mean(expected)))
