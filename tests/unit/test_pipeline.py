from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.classifier import Classifier
from edge_fer.emotions import FER2013, UNKNOWN
from edge_fer.errors import BadInput
from edge_fer.pipeline import STAGES, Pipeline
from edge_fer.sources import Frame, SourceBase
from edge_fer.sources.synthetic import SyntheticCamera


@pytest.fixture
def pipeline(tiny):
    with Classifier(tiny, backend="fake") as classifier:
        yield Pipeline(classifier)


def test_every_frame_has_a_record_with_its_stages(pipeline):
    pairs = list(pipeline.run(SyntheticCamera(frames=10, seed=1)))
    assert [record.index for _, record in pairs] == list(range(10))
    for frame, record in pairs:
        assert record.stage_ms.keys() == set(STAGES)
        assert all(value >= 0 for value in record.stage_ms.values())
        assert len(record.faces) == 1
        assert record.faces[0].box.iou(frame.truth[0].box) > 0.6
        assert json.loads(record.as_json())["faces"][0]["state"] in (*record.labels, UNKNOWN)


def test_each_face_has_its_own_track_and_its_own_state(pipeline):
    *_, (_, last) = pipeline.run(SyntheticCamera(width_px=1280, height_px=720, frames=30, faces=6, seed=3))
    assert len(last.faces) == 6
    assert len({face.track for face in last.faces}) == 6
    assert pipeline.states == {face.track: face.state for face in last.faces}


def test_the_state_of_a_face_that_is_gone_is_forgotten(pipeline):
    remembered = [len(pipeline.states) for _ in pipeline.run(SyntheticCamera(frames=90, seed=2, hidden_s=[(1.0, 3.0)]))]
    assert max(remembered) == 1
    assert pipeline.states == {}


def test_nothing_is_carried_from_still_to_still(pipeline):
    class Stills(SourceBase):
        stills = True

        def frames(self):
            camera = SyntheticCamera(seed=1)
            yield from (Frame(camera.frame(0).image, 0.0, n, f"{n}.png") for n in range(3))

    records = [record for _, record in pipeline.run(Stills())]
    assert [record.faces[0].track for record in records] == [1, 2, 3]
    for record in records:
        assert np.array_equal(record.faces[0].scores, record.faces[0].smoothed)


def test_the_boxes_of_a_reduced_frame_are_in_pixels_of_the_original(pipeline):
    frame = SyntheticCamera(seed=1).frame(0)
    reduced = Frame(frame.image, 0.0, 0, "large.jpg", reduced=4)
    box = pipeline.process(reduced).faces[0].box
    assert Box(*(value / 4 for value in box)).iou(frame.truth[0].box) > 0.6


def test_a_frame_without_faces_has_an_empty_record(pipeline):
    assert pipeline.process(Frame(np.zeros((480, 640), np.uint8), 0.0, 0, "x")).faces == ()


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (4320, 7680)])
def test_tiny_and_huge_frames_pass(pipeline, shape):
    assert pipeline.process(Frame(np.full(shape, 70, np.uint8), 0.0, 0, "x")).faces == ()


def test_an_impossible_frame_is_an_error(pipeline):
    with pytest.raises(BadInput):
        pipeline.process(Frame(np.zeros((5, 5, 2), np.uint8), 0.0, 0, "x"))


def test_nothing_is_logged_for_each_frame(pipeline, caplog):
    with caplog.at_level(logging.DEBUG):
        list(pipeline.run(SyntheticCamera(frames=20)))
    assert caplog.records == []


@pytest.mark.parametrize("name", ["compact", "cnn-1-votes"])
def test_a_drawn_face_is_named_as_it_is_drawn(name):
    states = {label: set() for label in FER2013}
    with Classifier.load(name) as classifier:
        # Seven expressions of three seconds each; the last second of each, when the state has settled.
        for frame, record in Pipeline(classifier).run(SyntheticCamera(frames=630)):
            if frame.index % 90 >= 60:
                states[frame.truth[0].label].update(face.state for face in record.faces)
    assert states.pop("disgust") in ({"disgust"}, {UNKNOWN}, {"disgust", UNKNOWN})
    assert states == {label: {label} for label in states}
