from __future__ import annotations

import numpy as np

from edge_fer.evaluation.near_copies import near_copies


def test_a_brighter_copy_is_a_copy_and_another_face_is_not(faces):
    brighter = faces.take(np.arange(3))
    lifted = np.clip(brighter.images.astype(int) // 2 + 60, 0, 255).astype(np.uint8)
    copies = type(faces)(lifted, brighter.labels, brighter.paths)
    assert near_copies(copies, faces).all()
    assert not near_copies(faces.take(np.arange(3)), faces.take(np.arange(20, 28))).any()


def test_a_face_of_one_grey_level_has_no_copy(faces):
    grey = type(faces)(np.full((1, 48, 48), 90, np.uint8), np.zeros(1, np.int64), ("grey",))
    assert not near_copies(grey, grey).any()


def test_more_faces_than_a_batch_are_all_compared(faces):
    many = faces.take(np.arange(600) % len(faces))
    assert near_copies(many, faces).sum() == 600
