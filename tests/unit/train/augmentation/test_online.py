from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_fer.evaluation.labelled import load_faces
from edge_fer.preprocess import Preprocess
from edge_fer_train.augmentation.online import Augment


def test_augmentation_is_seeded_and_keeps_the_type(drawn_zip):
    images = load_faces(drawn_zip).images
    once, again = (Augment()(images, 64, np.random.default_rng(5)) for _ in range(2))
    assert once.shape == (28, 64, 64)
    assert once.dtype == np.uint8
    assert np.array_equal(once, again)
    assert not np.array_equal(once, Augment()(images, 64, np.random.default_rng(6)))


def test_augmentation_of_nothing_is_a_resize(drawn_zip):
    images = load_faces(drawn_zip).images
    nothing = Augment(flip=0).weakened(0)
    assert np.abs(nothing(images, 48, np.random.default_rng(0)).astype(int) - images).max() <= 1


def test_a_face_that_is_not_square_is_resized_as_the_device_does_it():
    tall = np.random.default_rng(0).integers(0, 256, (60, 40), np.uint8)
    nothing = Augment(flip=0).weakened(0)
    expected = Preprocess(size_px=48).crop(tall).astype(int)
    assert np.abs(nothing(tall[np.newaxis], 48, np.random.default_rng(0))[0] - expected).max() <= 1


def test_degrading_takes_detail_and_leaves_what_is_not_degraded_as_it_was(drawn_zip):
    images = load_faces(drawn_zip).images
    plain, again = (Augment()(images, 48, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(plain, again)
    nothing = Augment(flip=0).weakened(0)
    worse = replace(nothing, degrade=1.0)(images, 48, np.random.default_rng(1))
    assert worse.shape == plain.shape
    changes = np.abs(worse.astype(int) - nothing(images, 48, np.random.default_rng(1))).mean(axis=(1, 2))
    assert (changes > 0).all()
    assert (changes > 1).mean() > 0.8
    assert changes.max() < 30
