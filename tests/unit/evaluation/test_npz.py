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


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"images": np.zeros((2, 8, 8), np.float32)},
        {"images": np.zeros((2, 8), np.uint8)},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0, 7])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0, -2])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array(["happy", "sad"])},
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
