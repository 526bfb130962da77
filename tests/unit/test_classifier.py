from __future__ import annotations

import numpy as np
import pytest

from edge_fer import bundle
from edge_fer.backends import ModelFile
from edge_fer.classifier import Classifier
from edge_fer.errors import BackendError, BadInput, EdgeFerError, GoldenMismatch
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.metrics import accuracy
from edge_fer.evaluation.near_copies import near_copies


def test_golden_answers_are_reproduced(tiny):
    for target in tiny.manifest.targets:
        with Classifier(tiny, target.name) as classifier:
            check = classifier.check_golden()
            assert check.passed
            assert check.same_label == check.inputs


@pytest.mark.parametrize("name", bundle.shipped())
def test_shipped_bundles_compute_here_what_they_computed_on_the_workstation(name):
    shipped = bundle.load(name)
    for target in shipped.manifest.targets:
        with Classifier(shipped, target.name) as classifier:
            assert classifier.check_golden().passed


@pytest.mark.parametrize("name", bundle.shipped())
def test_the_input_of_the_shipped_int8_models_is_the_pixel_minus_128(name, int8_input):
    shipped = bundle.load(name)
    content = shipped.read(shipped.target("litert-int8"))
    model = ModelFile(content, shipped.manifest.preprocess, shipped.manifest.labels)
    assert np.array_equal(int8_input(model).table[:, 0], np.arange(-128, 128, dtype=np.int8))


def test_a_backend_that_computes_something_else_fails_the_golden_check(tiny):
    with Classifier(tiny, backend="fake") as classifier:
        assert not classifier.check_golden().passed


def test_missing_golden_answers_are_named(tiny):
    golden = bundle.Golden(tiny.golden().inputs, {"litert-float32": tiny.golden().answers["litert-float32"]})
    with Classifier(tiny) as classifier:
        classifier.bundle.golden = lambda: golden  # type: ignore[method-assign]
        with pytest.raises(GoldenMismatch, match="no golden answers for litert-int8"):
            classifier.check_golden()


def test_crops_of_several_boxes_come_in_their_order(tiny):
    gray = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    boxes = [(10 * n, 5 * n, 40, 40) for n in range(9)]
    with Classifier(tiny) as classifier:
        crops = classifier.crop(gray, boxes)
        assert crops.shape == (9, 16, 16)
        for box, crop in zip(boxes, crops, strict=True):
            assert np.array_equal(crop, tiny.manifest.preprocess.crop(gray, box))
        assert classifier.crop(gray, []).shape == (0, 16, 16)


def test_tilted_crops_are_levelled_each_by_its_own_tilt(tiny):
    gray = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    boxes = [(20 * n, 10 * n, 60, 60) for n in range(6)]
    rolls_deg = [0.0, 25.0, -25.0, 90.0, 0.0, -40.0]
    spec = tiny.manifest.preprocess
    with Classifier(tiny, backend="fake") as classifier:
        crops = classifier.crop(gray, boxes, rolls_deg)
        for box, roll_deg, crop in zip(boxes, rolls_deg, crops, strict=True):
            assert np.array_equal(crop, spec.crop(gray, box, roll_deg=roll_deg))
        assert not np.array_equal(crops[1], spec.crop(gray, boxes[1]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_an_error(tiny, value):
    with Classifier(tiny, backend="fake") as classifier:
        classifier.backend.run = lambda crops: np.full((len(crops), 3), value, np.float32)  # type: ignore[method-assign]
        with pytest.raises(BackendError, match=str(value)):
            classifier.scores(np.zeros((1, 16, 16), np.uint8))


@pytest.mark.parametrize("threads", [0, -1, 65])
def test_impossible_thread_counts_are_refused(tiny, threads):
    with pytest.raises(BadInput, match="threads"):
        Classifier(tiny, threads=threads)


def test_an_unknown_backend_is_named(tiny):
    with pytest.raises(EdgeFerError, match=r"no backend 'tpu'; known backends are litert, openvino, onnx, fake"):
        Classifier(tiny, backend="tpu")


@pytest.mark.parametrize("target", ["litert-int8", "litert-float32", "openvino-int8", "onnx-int8"])
def test_the_manifests_accuracy_is_what_the_shipped_file_has_on_fer2013(fer2013, target):
    runtime = {"openvino": "openvino", "onnx": "onnxruntime"}.get(target.split("-")[0])
    if runtime:
        pytest.importorskip(runtime, reason=f"{runtime} is not installed: pip install -e '.[test]'")
    faces = load_faces(fer2013 / "fer2013-public-test.zip")
    shipped = bundle.load("cnn-1")
    claimed = shipped.target(target).evaluation
    assert claimed is not None
    with Classifier(shipped, target) as classifier:
        predicted = classifier.scores(faces.crops(shipped.manifest.preprocess)).argmax(axis=1)
    assert claimed.images == len(faces) == 3589
    # Other CPUs round a score now and then; one in two hundred images may change its label.
    assert accuracy(predicted, faces.labels) == pytest.approx(claimed.accuracy, abs=0.005)


def test_fer2013_holds_the_near_copies_that_the_manifest_leaves_out(fer2013):
    train, test = (load_faces(fer2013 / f"fer2013-{name}.zip") for name in ("train", "public-test"))
    deduplicated = int((~near_copies(test, train)).sum())
    assert deduplicated == 3289
    evaluation = bundle.load("cnn-1").target().evaluation
    assert evaluation is not None
    assert evaluation.fresh_images == deduplicated
