from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from edge_fer.evaluation.parts import official, part_of


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
    assert official(parts) == split
