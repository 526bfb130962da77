from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pytest

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation import class_names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "has 0 names"),
        (("happy", " "), "name 2 of 2 is empty"),
        (("happy", "happy"), "has happy twice"),
        (("happy", "Joy"), "has happy and Joy, which mean the same class"),
        (("Bored", "bored"), "has Bored and bored, which mean the same class"),
        (("happy", "\x1b[31m"), r"name 2 is '\\x1b\[31m'; pass at most 64 printable"),
        (("happy", "x" * 65), "at most 64"),
        (("happy", "Unknown"), "Unknown is the state of an uncertain face"),
        (tuple(map(str, range(1001))), "has 1001 names"),
    ],
)
def test_names_of_no_use_are_refused(names, message):
    with pytest.raises(BadInput, match=f"--labels.*{message}"):
        class_names.checked(names, "--labels")


def test_names_are_trimmed_and_stay_as_they_are_spelled():
    assert class_names.checked([" Anger", "joy "], "--labels") == ("Anger", "joy")


def images(*names):
    return [PurePosixPath(name) for name in names]


def test_folders_of_one_class_are_joined():
    found = class_names.of_folders(images("Angry/1.png", "anger/2.png", "bored/3.png"), "faces")
    assert found == ["angry", "angry", "bored"]


def test_folders_that_differ_in_capitals_only_are_refused():
    with pytest.raises(BadInput, match="faces: the classes has Bored and bored, which mean the same class"):
        class_names.of_folders(images("Bored/1.png", "bored/2.png"), "faces")


def test_the_numbers_of_raf_db_are_understood_by_its_file_names_only():
    assert class_names.of_folders(images("1/train_00001_aligned.jpg", "4/test_0002_aligned.jpg"), "f") == [
        "surprise", "happy",
    ]  # fmt: skip
    assert class_names.of_folders(images("1/a.jpg", "4/b.jpg"), "f") == ["1", "4"]
    assert class_names.of_folders(images("1/train_00001_aligned.jpg", "8/train_00002_aligned.jpg"), "f") == ["1", "8"]


def test_labels_are_mapped_by_what_their_names_mean():
    mapped = class_names.relabelled(np.array([0, 2, -1, 6]), FER2013, ("Neutral", "anger", "scared"), "faces")
    assert mapped.tolist() == [1, 2, -1, 0]
    with pytest.raises(BadInput, match="faces has faces of disgust; known classes are Neutral, anger: rename them"):
        class_names.relabelled(np.array([0, 1]), FER2013, ("Neutral", "anger"), "faces")
    with pytest.raises(BadInput, match=r"a number names no class, .* RAF-DB 1 surprise, 2 fear"):
        class_names.relabelled(np.array([0]), ("1",), FER2013, "faces")
