"""What ``--range auto`` and ``--labels auto`` take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import BadInput, GateFailed  # noqa: E402
from edge_fer_convert.contract.automatic import Finder  # noqa: E402
from edge_fer_convert.contract.check import known_faces  # noqa: E402


class Teller:
    """Keeps what is told."""

    def __init__(self):
        self.told = []

    def step(self, message, share=0.0):
        pass

    def tell(self, message):
        self.told.append(message)


@pytest.fixture
def finder(float_model, evaluation_faces):
    return Finder(float_model, evaluation_faces, "drawn", Teller())


def test_the_range_is_found(finder, float_model):
    spec = finder.values(float_model.preprocess(low=0.0, high=-3.0), FER2013)
    assert (spec.low, spec.high) == (0.0, 1.0)
    (told,) = finder.progress.told
    assert told.startswith("--range auto: took --range 0,1 (mean recall ")
    assert "; next is --" in told


def test_the_range_is_found_under_any_names(finder, float_model):
    spec = finder.values(float_model.preprocess(), FER2013[::-1])
    assert spec.high == 1.0


def test_the_labels_are_found(finder, float_model, evaluation_faces):
    shuffled = tuple(sorted(FER2013))
    table = np.array([shuffled.index(name) for name in FER2013])
    faces = replace(evaluation_faces, labels=table[evaluation_faces.labels], names=shuffled)
    assert replace(finder, faces=faces).labels(float_model.preprocess()) == FER2013
    assert finder.progress.told[0].startswith(f"--labels auto: took --labels {','.join(FER2013)} (mean recall ")


def test_labels_without_faces_cannot_be_found(finder, float_model, evaluation_faces):
    some = replace(finder, faces=evaluation_faces.take(np.flatnonzero(evaluation_faces.labels != 3)))
    with pytest.raises(BadInput, match="drawn has fewer than 5 faces of happy, so nothing tells which output that is"):
        some.labels(float_model.preprocess())


def test_more_outputs_than_names_cannot_be_found(finder, float_model, evaluation_faces):
    few = evaluation_faces.take(np.flatnonzero(evaluation_faces.labels < 2))
    with pytest.raises(BadInput, match=r"the model has 7 outputs, but there are 2 labels .angry, disgust."):
        replace(finder, faces=replace(few, names=FER2013[:2])).labels(float_model.preprocess())


def test_faces_without_labels_tell_nothing(finder, float_model, evaluation_faces):
    bare = replace(evaluation_faces, labels=np.full(len(evaluation_faces), -1))
    with pytest.raises(BadInput, match="--range auto needs labelled faces"):
        replace(finder, faces=bare).values(float_model.preprocess(), FER2013)


def test_faces_that_the_model_does_not_know_are_told_of(finder, float_model, evaluation_faces):
    noise = np.random.default_rng(0).integers(0, 256, evaluation_faces.images.shape, np.uint8)
    unknown = replace(finder, faces=replace(evaluation_faces, images=noise))
    with pytest.raises(GateFailed, match="under none of the usual ranges does the model know the faces of drawn"):
        unknown.values(float_model.preprocess(), FER2013)
    with pytest.raises(GateFailed, match="in no order of the labels does the model know"):
        unknown.labels(float_model.preprocess())


def test_few_faces_tell_nothing(finder, float_model, evaluation_faces):
    few = replace(finder, faces=evaluation_faces.take(np.arange(0, len(evaluation_faces), 10)))
    with pytest.raises(BadInput, match=r"--range auto needs 70 labelled faces, and drawn has 21 .* or --range$"):
        few.values(float_model.preprocess(), FER2013)
    with pytest.raises(BadInput, match=r"--labels auto needs 70 labelled faces, and drawn has 21 .* or --labels$"):
        few.labels(float_model.preprocess())


def test_one_class_tells_no_range(finder, float_model, evaluation_faces):
    happy = evaluation_faces.take(np.repeat(np.flatnonzero(evaluation_faces.labels == 3), 3))
    with pytest.raises(BadInput, match="drawn has faces of one class only"):
        replace(finder, faces=happy).values(float_model.preprocess(), FER2013)


class Answering:
    """A model that answers *outputs* to faces, one after the other."""

    def __init__(self, outputs, classes):
        self.outputs = iter(outputs)
        self.classes = classes

    def scores(self, values):
        return np.eye(self.classes)[[next(self.outputs) for _ in values]]


def pairs(evaluation_faces, classes):
    """Faces of *classes* as a finder asks them, a balanced row after the other."""
    chosen = np.concatenate([np.flatnonzero(evaluation_faces.labels == label)[:30] for label in range(classes)])
    names = FER2013[:classes]
    return known_faces(replace(evaluation_faces.take(np.tile(chosen, 2)), names=names), names)


def test_of_two_classes_a_good_model_is_enough(float_model, evaluation_faces):
    faces, labels = pairs(evaluation_faces, 2)
    answers = np.where(np.arange(len(labels)) % 10 < 2, 1 - labels, labels)
    found = Finder(Answering(1 - answers, 2), faces, "drawn", Teller()).labels(float_model.preprocess())
    assert found == ("disgust", "angry")


def test_two_outputs_that_answer_for_nothing_are_not_named(float_model, evaluation_faces):
    faces, labels = pairs(evaluation_faces, 7)
    one = Finder(Answering(np.where(labels == 1, 0, labels), 7), faces, "drawn", Teller())
    assert one.labels(float_model.preprocess()) == FER2013
    two = Finder(Answering(np.where(np.isin(labels, (1, 2)), 0, labels), 7), faces, "drawn", Teller())
    with pytest.raises(GateFailed, match="does not know disgust, fear of drawn well enough to tell which outputs"):
        two.labels(float_model.preprocess())
