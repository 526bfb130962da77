from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.bundle import load
from edge_fer.classifier import Classifier
from edge_fer.evaluation.labelled import load_faces
from edge_fer.pipeline import Pipeline
from edge_fer.preprocess import Preprocess
from edge_fer.sources import open_source
from edge_fer.tracking import WholePictures

PICTURE = np.random.default_rng(0).integers(0, 256, (60, 80)).astype(np.uint8)


def test_each_picture_is_a_face_of_its_own():
    tracker = WholePictures()
    with tracker.behind():
        (first,) = tracker.update(PICTURE, 0.0)
    assert first.box == Box(0, 0, 80, 60)
    assert first.face.confidence == 1
    assert tracker.known() == {first.id}
    tracker.reset()
    assert tracker.known() == set()
    (second,) = tracker.update(PICTURE, 0.0)
    assert second.id != first.id


@pytest.mark.parametrize("name", ["compact", "cnn-1"])
def test_the_scores_of_cropped_faces_are_those_of_an_evaluation(name, drawn_zip, tmp_path):
    with zipfile.ZipFile(drawn_zip) as archive:
        members = sorted(archive.namelist())[::4]
        for member in members:
            (tmp_path / member.rpartition("/")[2]).write_bytes(archive.read(member))
    with Classifier(load(name)) as classifier, open_source(str(tmp_path)) as source:
        pictures = list(Pipeline(classifier, WholePictures()).run(source))
        crops = load_faces(tmp_path).crops(classifier.preprocess)
        expected = classifier.scores(crops)
    assert len(pictures) == len(members)
    for (_, record), scores in zip(pictures, expected, strict=True):
        (face,) = record.faces
        assert face.box == Box(0, 0, 48, 48)
        assert np.array_equal(face.scores, scores)


def test_no_margin_is_added_to_a_cropped_face(tiny):
    with Classifier(tiny, backend="fake") as classifier:
        classifier.preprocess = Preprocess(size_px=classifier.preprocess.size_px, margin=0.2)
        (crop,) = classifier.crop(PICTURE, [None])
        assert np.array_equal(crop, classifier.preprocess.crop(PICTURE))
        (widened,) = classifier.crop(PICTURE, [Box(0, 0, 80, 60)])
        assert not np.array_equal(widened, classifier.preprocess.crop(PICTURE))
        seen = []
        classifier.scores = lambda crops: seen.append(crops.copy()) or np.zeros((1, len(classifier.labels)), np.float32)
        pipeline = Pipeline(classifier, WholePictures())
        frame = next(iter(open_source("synthetic").frames()))
        pipeline.process(replace(frame, image=PICTURE))
        assert np.array_equal(seen[0], [classifier.preprocess.crop(PICTURE)])
