from __future__ import annotations

from itertools import pairwise

import numpy as np

from edge_fer.detectors.haar import HaarDetector
from edge_fer.evaluation.face_set import LabelledFaces
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face
from edge_fer.tracking import FaceTracker
from edge_fer_bench.sequence import HOLD_S, FaceSequence

NAMES = tuple(EXPRESSIONS)
DRAWN = np.stack([draw_face(expression) for expression in EXPRESSIONS.values()])
FACES = LabelledFaces(DRAWN, np.arange(len(NAMES)), NAMES, NAMES)


def sequence(**changes):
    return FaceSequence(FACES, **{"fps": 10.0, "frames": 150, "seed": 1, **changes})


def test_each_face_is_shown_for_its_time_and_another_label_follows():
    labels = [frame.truth[0].label for frame in sequence().frames()]
    held = int(HOLD_S * 10)
    blocks = [set(labels[at : at + held]) for at in range(0, len(labels), held)]
    assert all(len(block) == 1 for block in blocks)
    assert all(a != b for a, b in pairwise(blocks))


def test_faces_are_detected_in_the_boxes_of_the_truth():
    tracker = FaceTracker(HaarDetector())
    detected = 0
    for frame in sequence(frames=60).frames():
        tracks = tracker.update(frame.image, frame.time_s)
        detected += any(track.box.iou(frame.truth[0].box) > 0.4 for track in tracks)
    assert detected > 40


def test_the_same_seed_gives_the_same_frames():
    first, again, other = (list(sequence(frames=2, seed=seed).frames()) for seed in (3, 3, 4))
    assert np.array_equal(first[1].image, again[1].image)
    assert not np.array_equal(first[1].image, other[1].image)


def test_faces_of_one_label_are_enough():
    alone = FACES.take(np.array([2]))
    frames = list(FaceSequence(alone, fps=10.0, frames=40, seed=0).frames())
    assert {frame.truth[0].label for frame in frames} == {NAMES[2]}
