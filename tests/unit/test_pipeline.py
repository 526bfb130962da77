from __future__ import annotations

import json
import logging
import math
import threading
import time
from contextlib import nullcontext
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.classifier import Classifier
from edge_fer.clock import FakeClock
from edge_fer.detectors import Face
from edge_fer.emotions import FER2013, UNKNOWN
from edge_fer.errors import BadInput
from edge_fer.pipeline import STAGES, Pipeline
from edge_fer.records import Seen
from edge_fer.smoothing import Smoother, Smoothing
from edge_fer.sources import Frame, SourceBase
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker


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


@pytest.mark.parametrize("live", [False, True])
def test_each_stage_has_its_own_time(told, picture, monkeypatch, live):
    clock = FakeClock()
    pipeline, _ = told(clock=clock)

    def taking(seconds, work):
        def slow(*args, **options):
            clock.advance(seconds)
            return work(*args, **options)

        return slow

    pipeline.tracker.update = taking(1, pipeline.tracker.update)
    pipeline.classifier.crop = taking(2, pipeline.classifier.crop)
    pipeline.classifier.scores = taking(4, pipeline.classifier.scores)
    monkeypatch.setattr(Smoother, "update", taking(8, Smoother.update))
    source = Watched(picture, count=1)
    source.live = live
    # The face is there in the first frame.
    monkeypatch.setattr(pipeline.tracker, "behind", nullcontext)
    ((_, record),) = pipeline.run(source)
    assert len(record.faces) == 1
    assert record.stage_ms == {"capture": 0, "detect": 1e3, "preprocess": 2e3, "classify": 4e3, "smooth": 8e3}


def test_each_face_has_its_own_track_and_its_own_state(pipeline):
    *_, (_, last) = pipeline.run(SyntheticCamera(width_px=1280, height_px=720, frames=30, faces=6, seed=3))
    assert len(last.faces) == 6
    assert len({face.track for face in last.faces}) == 6
    assert pipeline.states == {face.track: face.state for face in last.faces}


def test_the_state_of_a_face_that_is_gone_is_forgotten(pipeline):
    camera = SyntheticCamera(frames=135, seed=2, hidden_s=[(1.0, 9.0)])
    remembered = [len(pipeline.states) for _ in pipeline.run(camera)]
    assert max(remembered) == 1
    assert remembered[100] == 1
    assert pipeline.states == {}


def test_a_face_that_was_hidden_for_a_second_keeps_its_state(pipeline):
    pairs = list(pipeline.run(SyntheticCamera(frames=75, seed=2, hidden_s=[(1.0, 2.0)])))
    assert {face.track for _, record in pairs for face in record.faces} == {1}
    assert pairs[-1][1].faces


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


class Told:
    """A detector that sees one face, in the way it is told to."""

    name = "told"

    def __init__(self):
        self.face = Face(Box(200, 160, 96, 96), 0.9)
        self.sees = True
        self.threads = set()

    def search(self, gray, reduced=1, roll_deg=0.0):
        self.threads.add(threading.current_thread())
        return [self.face] if self.sees and gray.shape == (480, 640) else []

    def follow(self, gray, last, roll_deg=0.0):
        self.threads.add(threading.current_thread())
        return self.face if self.sees else None


@pytest.fixture
def told(tiny):
    """Returns a pipeline, and the detector that it asks."""

    def make(**options):
        detector = Told()
        classifier = Classifier(tiny, backend="fake")
        return Pipeline(classifier, FaceTracker(detector), **options), detector

    return make


@pytest.fixture(scope="module")
def picture():
    noise = np.random.default_rng(0).integers(0, 256, (12, 16)).astype(np.uint8)
    return cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(("fps", "times"), [(10.0, 20), (5.0, 10), (30.0, 60), (math.inf, 60), (0.5, 1)])
def test_a_face_is_classified_so_often_a_second(told, picture, fps, times):
    pipeline, _ = told(classify_fps=fps)
    classified = []
    scores = pipeline.classifier.scores
    pipeline.classifier.scores = lambda crops: classified.append(len(crops)) or scores(crops)
    records = [pipeline.process(Frame(picture, step / 30, step, "x")) for step in range(60)]
    assert sum(classified) == pytest.approx(times, abs=1)
    assert all(len(record.faces) == 1 for record in records)


def test_in_between_a_record_repeats_the_last_scores(told, picture):
    pipeline, _ = told(classify_fps=5)
    repeated = 0
    before = None
    for step in range(30):
        brighter = (picture // 2 + 4 * step).astype(np.uint8)
        (face,) = pipeline.process(Frame(brighter, step / 30, step, "x")).faces
        repeated += before is not None and np.array_equal(face.scores, before.scores)
        if before is not None and np.array_equal(face.scores, before.scores):
            assert np.array_equal(face.smoothed, before.smoothed)
            assert face.state == before.state
        before = face
    assert repeated >= 20


def test_a_time_that_starts_again_does_not_stop_classifying(told, picture):
    pipeline, _ = told(classify_fps=10)
    classified = []
    scores = pipeline.classifier.scores
    pipeline.classifier.scores = lambda crops: classified.append(len(crops)) or scores(crops)
    for time_s in (1000.0, 1000.2, 0.0, 0.2, 0.4):
        pipeline.process(Frame(picture, time_s, 0, "x"))
    assert len(classified) == 5


@pytest.mark.parametrize("fps", [0.0, -1.0, math.nan])
def test_impossible_rates_are_refused(told, fps):
    with pytest.raises(BadInput, match="faces are to be classified"):
        told(classify_fps=fps)


def test_how_a_face_is_seen_and_tilted_is_in_its_record(told, picture):
    pipeline, detector = told()
    faces = []
    for step in range(30):
        if step == 5:
            detector.face = Face(Box(200, 160, 96, 96), 0.9, 25.04, turned=True)
        if step == 20:
            detector.sees = False
        frame = Frame(picture, step / 10, step, "x")
        faces += json.loads(pipeline.process(frame).as_json())["faces"]
    assert {(face["seen"], face["roll_deg"]) for face in faces[:5]} == {("found", 0.0)}
    assert (faces[15]["seen"], faces[15]["roll_deg"]) == ("turned", 25.0)
    assert faces[-1]["seen"] == "bridged"
    assert {face["track"] for face in faces} == {1}


def test_a_tilted_face_is_levelled_for_the_classifier(told, picture):
    pipeline, detector = told()
    detector.face = Face(Box(200, 160, 96, 96), 0.9, 30.0)
    asked = []
    crop = pipeline.classifier.crop
    pipeline.classifier.crop = lambda gray, boxes, rolls_deg: asked.append(rolls_deg) or crop(gray, boxes, rolls_deg)
    pipeline.process(Frame(picture, 0.0, 0, "x"))
    assert asked == [[30.0]]


@pytest.mark.parametrize(("seen", "share"), [(Seen.FOUND, 1.0), (Seen.TURNED, 0.5), (Seen.BRIDGED, 0.3)])
def test_the_less_of_a_face_is_seen_the_less_its_frame_counts(told, picture, seen, share):
    pipeline, _ = told(classify_fps=math.inf, smoothing=Smoothing(time_constant_s=0.4))
    answers = iter([np.array([[1, 0, 0]], np.float32), np.array([[0, 1, 0]], np.float32)])
    pipeline.classifier.scores = lambda crops: next(answers)
    pipeline.process(Frame(picture, 0.0, 0, "x"))
    update = pipeline.tracker.update
    pipeline.tracker.update = lambda *args: [replace(track, seen=seen) for track in update(*args)]
    (face,) = pipeline.process(Frame(picture, 0.4, 1, "x")).faces
    assert face.seen is seen
    assert face.smoothed[1] == pytest.approx(share * (1 - math.exp(-1)), abs=1e-5)


@pytest.mark.parametrize("live", [True, False])
def test_only_of_a_live_source_the_detector_works_in_a_thread_of_its_own(told, picture, live):
    class Camera(SourceBase):
        def frames(self):
            for index in range(200):
                yield Frame(picture, index / 30, index, "camera")
                if live:
                    time.sleep(0.002)

    camera = Camera()
    camera.live = live
    pipeline, detector = told()
    faces = [len(record.faces) for _, record in pipeline.run(camera)]
    assert faces[-1] == 1
    assert (threading.current_thread() in detector.threads) is not live
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("detector")]


class Watched(SourceBase):
    """A live camera that shows one picture *count* times."""

    live = True

    def __init__(self, picture, count=2000):
        self.picture = picture
        self.count = count

    def frames(self):
        for index in range(self.count):
            yield Frame(self.picture, index / 30, index, "camera")
            time.sleep(0.002)


def test_on_a_live_source_only_somebody_new_waits_for_the_classifier(told, picture):
    pipeline, _ = told(classify_fps=10)
    scores = pipeline.classifier.scores
    may = threading.Event()
    asked = []

    def slow(crops):
        asked.append(threading.current_thread())
        if len(asked) > 1:
            assert may.wait(10)
        return scores(crops)

    pipeline.classifier.scores = slow
    faces = 0
    for _, record in pipeline.run(Watched(picture)):
        faces += len(record.faces)
        if faces == 60:  # two seconds, although the second answer does not come
            assert len(asked) == 2
            may.set()
        if len(asked) == 4:
            break
    assert faces > 60
    assert threading.current_thread() not in asked
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("classifier")]


def test_somebody_new_has_scores_in_the_first_record_on_a_live_source(told, picture):
    pipeline, _ = told()
    expected = pipeline.classifier.scores(pipeline.classifier.crop(picture, [Box(200, 160, 96, 96)]))[0]
    first = next(face for _, record in pipeline.run(Watched(picture)) for face in record.faces)
    assert np.allclose(first.scores, expected, atol=0.02)


def test_a_reset_waits_for_the_classifier_which_works_on_the_faces_cut_out(told, picture):
    pipeline, detector = told(classify_fps=10)
    scores = pipeline.classifier.scores
    answered = []

    def slow(crops):
        before = crops.copy()
        time.sleep(0.05)
        answered.append(np.array_equal(before, crops))
        return scores(crops)

    pipeline.classifier.scores = slow
    for _, record in pipeline.run(Watched(picture)):
        if record.faces and record.index % 10 == 0:
            pipeline.reset()
            detector.face = detector.face._replace(box=Box(200 + record.index, 160, 96, 96))
        if len(answered) >= 8:
            break
    assert all(answered)


def test_an_error_of_the_classifiers_thread_ends_the_run(told, picture):
    pipeline, _ = told()
    scores = pipeline.classifier.scores
    asked = []

    def fails_at_last(crops):
        asked.append(len(crops))
        return scores(crops) if len(asked) < 3 else 1 / 0

    pipeline.classifier.scores = fails_at_last
    with pytest.raises(ZeroDivisionError):
        list(pipeline.run(Watched(picture)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("classifier")]


def test_a_frame_at_rest_is_not_looked_at_but_has_its_record(told, picture):
    pipeline, detector = told()
    detector.sees = False
    first = pipeline.process(Frame(picture, 0.0, 0, "x"))
    # A frame that could not be looked at.
    resting = pipeline.process(Frame(np.zeros((480, 640, 2)), 0.01, 1, "x"))
    assert (first.faces, resting.faces) == ((), ())
    assert resting.stage_ms.keys() == set(STAGES)
    with pytest.raises(BadInput):
        pipeline.process(Frame(np.zeros((480, 640, 2)), 0.2, 2, "x"))


def test_an_error_of_the_detectors_thread_ends_the_run(told, picture):
    class Camera(SourceBase):
        live = True

        def frames(self):
            for index in range(2000):
                yield Frame(picture, index / 30, index, "camera")
                time.sleep(0.002)

    pipeline, detector = told()
    detector.search = lambda *args: 1 / 0
    with pytest.raises(ZeroDivisionError):
        list(pipeline.run(Camera()))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("detector")]


def test_a_live_run_that_is_left_half_way_leaves_no_thread(told, picture):
    class Camera(SourceBase):
        live = True

        def frames(self):
            while True:
                yield Frame(picture, time.monotonic(), 0, "camera")

    pipeline, _ = told()
    for _ in range(2):
        records = pipeline.run(Camera())
        next(records)
        records.close()
        records.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("detector")]


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
