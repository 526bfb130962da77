from __future__ import annotations

import numpy as np
import pytest

from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import load_faces


def test_an_npz_is_read_with_and_without_labels(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([0, 2, 6]))
    np.savez(tmp_path / "b.npz", images=images[..., None])
    labelled = load_faces(tmp_path / "a.npz")
    bare = load_faces(tmp_path / "b.npz")
    assert labelled.labelled
    assert labelled.labels.tolist() == [0, 2, 6]
    assert not bare.labelled
    assert np.array_equal(bare.images, images)


def test_an_npz_names_its_classes(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((1, 8, 8), np.uint8), labels=np.array([0]), names=np.array("happy"))
    assert load_faces(tmp_path / "a.npz").names == ("happy",)
    assert load_faces(tmp_path / "a.npz", ("joy",)).names == ("joy",)


def test_the_order_of_the_classes_does_not_change_what_an_npz_says(tmp_path):
    images = np.zeros((3, 8, 8), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([0, 1, 1]), names=np.array(["Joy", "fear"]))
    np.savez(tmp_path / "b.npz", images=images, labels=np.array(["happiness", "scared", "fear"]))
    for name in ("a.npz", "b.npz"):
        faces = load_faces(tmp_path / name, ("fear", "sad", "happy"))
        assert [faces.names[label] for label in faces.labels] == ["happy", "fear", "fear"]
    with pytest.raises(BadInput, match=r"a\.npz has faces of fear; known classes are happy, sad"):
        load_faces(tmp_path / "a.npz", ("happy", "sad"))
    with pytest.raises(BadInput, match="has no part 'train': an npz has none"):
        load_faces(f"{tmp_path / 'a.npz'}#train")


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"images": np.zeros((2, 8, 8), np.float32)},
        {"images": np.zeros((2, 8), np.uint8)},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0, 7])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0, -2])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array(["happy", ""])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array(["happy", "sad"]), "names": np.array(["sad"])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0, 1]), "names": np.array(["happy", "joy"])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0, 1]), "names": np.array([3, 4])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([np.nan, 1])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0, 1]), "names": np.array("happy")},
        {"images": np.zeros((2, 0, 0), np.uint8), "labels": np.array([0, 1])},
        {"images": np.zeros((0, 8, 8, 3), np.uint8)},
    ],
)
def test_an_npz_that_cannot_be_used_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadInput, match=r"a\.npz"):
        load_faces(tmp_path / "a.npz")
