from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import load_faces

if TYPE_CHECKING:
    from pathlib import Path


def _csv(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return path


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6)), st.data())
def test_a_csv_holds_what_was_written(tmp_path_factory, images, data):
    side = min(images.shape[1:])
    images = images[:, :side, :side]
    labels = data.draw(st.lists(st.integers(0, 6), min_size=len(images), max_size=len(images)))
    rows = [
        f"{label},{' '.join(map(str, image.ravel()))},Training" for label, image in zip(labels, images, strict=True)
    ]
    faces = load_faces(_csv(tmp_path_factory.mktemp("csv") / "faces.csv", *rows))
    assert np.array_equal(faces.images, images)
    assert faces.labels.tolist() == labels
    assert faces.names == FER2013


def test_the_usage_of_a_row_is_its_part(tmp_path):
    path = _csv(tmp_path / "fer.csv", "3,0 1 2 3,Training", "4,4 5 6 7,PublicTest")
    assert load_faces(f"{path}#PublicTest").labels.tolist() == [4]
    assert load_faces(path).paths == ("Training/line 2", "PublicTest/line 3")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("9,0 1 2 3,Training", "emotion is 9, but labels go from 0 to 6"),
        ("x,0 1 2 3,Training", "line 2: emotion is 'x', which is no number and no word for angry, disgust"),
        ("contempt,0 1 2 3,Training", "emotion is 'contempt', which is no number"),
        ("3.5,0 1 2 3,Training", "emotion is '3.5', which is no number"),
        ("3,0 1 2,Training", "3 numbers, which make no square image"),
        ("3,0 1 2 300,Training", "from 0 to 300, not from 0 to 255"),
        ("3,,Training", "0 numbers, which make no square image"),
        ("3,0 1 2 99999999999999999999,Training", "line 2"),
        ("3", "line 2"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path, row, message):
    with pytest.raises(BadInput, match=message):
        load_faces(_csv(tmp_path / "fer.csv", row))


def test_spaces_in_the_header_of_kaggles_challenge_are_skipped(tmp_path):
    path = tmp_path / "icml_face_data.csv"
    path.write_text("emotion, Usage, pixels\n3, Training, 0 1 2 3\n4, PublicTest, 4 5 6 7\n")
    faces = load_faces(f"{path}#PublicTest")
    assert faces.labels.tolist() == [4]
    assert faces.images.ravel().tolist() == [4, 5, 6, 7]


def test_a_csv_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="is no csv in FER2013's form: no column emotion, pixels; its columns are: a, b"):
        load_faces(path)


def test_labels_are_numbers_or_words_of_fer2013(tmp_path):
    path = _csv(tmp_path / "fer.csv", *(f"{label},0 1 2 3,Training" for label in (3, "3.0", "Happiness", "joy", "6")))
    assert load_faces(path).labels.tolist() == [3, 3, 3, 3, 6]


def test_the_order_of_the_classes_does_not_change_what_a_number_means(tmp_path):
    path = _csv(tmp_path / "fer.csv", "3,0 1 2 3,Training", "6,0 1 2 3,Training")
    faces = load_faces(path, ("Neutral", "sadness", "Joy"))
    assert [faces.names[label] for label in faces.labels] == ["Joy", "Neutral"]
    with pytest.raises(BadInput, match="has faces of neutral; known classes are sadness, Joy"):
        load_faces(path, ("sadness", "Joy"))


def test_a_part_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    path = _csv(tmp_path / "fer.csv", "3,0 1 2 3,Training", "4,4 5 6 7,PublicTest")
    with pytest.raises(BadInput, match="has no part 'Publictest'; its parts are: Training, PublicTest"):
        load_faces(f"{path}#Publictest")
    path.write_text("emotion,pixels\n3,0 1 2 3\n")
    with pytest.raises(BadInput, match="its parts are: none, as it has no column Usage"):
        load_faces(f"{path}#Training")


def test_columns_in_other_capitals_and_separators_are_read(tmp_path):
    path = tmp_path / "fer.csv"
    path.write_text("Emotion;Pixels;usage\n3;0 1 2 3;Training\n")
    faces = load_faces(f"{path}#Training")
    assert faces.labels.tolist() == [3]
    assert faces.paths == ("Training/line 2",)
