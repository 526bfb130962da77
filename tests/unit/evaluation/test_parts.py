from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from edge_fer.errors import BadInput
from edge_fer.evaluation.parts import official, official_of, part_of


@pytest.mark.parametrize(
    ("image", "part"),
    [
        ("train/happy/1.png", "train"),
        ("archive/Training/happy/1.png", "train"),
        ("Valid/7/1.png", "validation"),
        ("images/images/validation/1/1.png", "validation"),
        ("test/images/happy/1.png", "test"),
        ("Private-Test/happy/1.png", "test"),
        ("train/1.png", ""),  # a class, if it is one
        ("happy/1.png", ""),
        ("1.png", ""),
    ],
)
def test_the_part_is_named_above_the_class(image, part):
    assert part_of(PurePosixPath(image)) == part


@pytest.mark.parametrize(
    ("parts", "split"),
    [
        (["train", "test"], ("train", "validation")),
        (["train", "test", "validation"], ("train", "test", "validation")),
        (["train", "validation", ""], ("train", "validation", "")),
        (["train", "train"], ()),
        (["test", "validation"], ()),
        ([], ()),
    ],
)
def test_a_split_has_training_and_other_faces(parts, split):
    assert official(parts, "faces") == split


@pytest.mark.parametrize(
    ("folder", "part"),
    [
        ("train_set", "train"), ("TrainSet", "train"), ("Training Data", "train"), ("1_train", "train"),
        ("fer-train", "train"), ("train_val", "train"), ("trainval", "train"), ("Entraînement", "train"),
        ("valset", "validation"), ("dev", "validation"), ("val2017", "validation"), ("PublicTest", "validation"),
        ("test_images", "test"), ("TestImages", "test"), ("testdataset", "test"), ("holdout", "test"), ("eval", "test"),
        ("Private Test", "test"), ("test1", "test"),
        ("train_test", ""), ("constrained", ""), ("contest", ""), ("dataset", ""), ("faces", ""), ("2017", ""),
    ],
)  # fmt: skip
def test_a_part_is_understood_however_it_is_written(folder, part):
    assert part_of(PurePosixPath(f"{folder}/happy/1.png")) == part


def test_faces_beside_the_training_part_must_name_theirs():
    images = [PurePosixPath("train/happy/1.png"), PurePosixPath("other/happy/1.png")]
    with pytest.raises(BadInput, match=r"faces\.zip has a training part, and 1 faces in no part that is known"):
        official_of(images, "faces.zip")


@pytest.mark.parametrize(
    "names",
    [("Training_1", "PrivateTest_2", "PublicTest_3"), ("train_00001_aligned", "test_0002_aligned", "test_0003")],
)
def test_file_names_tell_the_part_where_folders_do_not(names):
    images = [PurePosixPath(f"happy/{name}.jpg") for name in names]
    parts = official_of(images, "faces")
    assert parts[0] == "train"
    assert "train" not in parts[1:]
    assert "validation" in parts
    assert official_of([*images, PurePosixPath("happy/me.jpg")], "faces") == ()
