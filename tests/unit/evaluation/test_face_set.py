from __future__ import annotations

import numpy as np

from edge_fer.evaluation.labelled import load_faces
from edge_fer.preprocess import Preprocess

GREY = np.full((48, 48), 90, np.uint8)


def test_a_sample_is_the_same_for_the_same_seed(faces):
    assert faces.sample(10, 1).paths == faces.sample(10, 1).paths != faces.sample(10, 2).paths
    assert len(faces.sample(1000, 1)) == len(faces)


def test_images_of_several_sizes_go_through_the_spec(write_images):
    faces = load_faces(write_images({"happy/1.png": GREY, "sad/2.png": np.zeros((9, 12), np.uint8)}))
    assert [image.shape for image in faces.images] == [(48, 48), (9, 12)]
    assert faces.crops(Preprocess(size_px=16)).shape == (2, 16, 16)
    assert faces.take(np.array([1])).images[0].shape == (9, 12)


def test_the_same_pixels_have_the_same_digest_whatever_the_file(write_images):
    folder = write_images({"happy/1.png": GREY, "happy/2.bmp": GREY, "sad/3.png": GREY[:24]})
    first, second, other = load_faces(folder).digests()
    assert first == second != other
