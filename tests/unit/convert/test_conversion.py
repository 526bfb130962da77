from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

for module in ("tensorflow", "ai_edge_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402

from edge_fer.bundle import load  # noqa: E402
from edge_fer.classifier import Classifier  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import report  # noqa: E402
from edge_fer_convert.conversion import ProgressListener, convert  # noqa: E402
from edge_fer_convert.float_model import open_model  # noqa: E402
from edge_fer_convert.gate import Gate  # noqa: E402
from edge_fer_convert.job import Data, Job  # noqa: E402
from edge_fer_convert.targets import TARGETS  # noqa: E402


class Heard(ProgressListener):
    def __init__(self):
        self.steps, self.warnings = [], []

    def step(self, words, share=0.0):
        assert 0 <= share <= 1
        self.steps.append(words)

    def warn(self, words):
        self.warnings.append(words)


@pytest.fixture(scope="module")
def job(float_model, pool, judged):
    return Job(
        model=float_model,
        name="mine",
        description="a model of mine",
        licence="MIT",
        labels=FER2013,
        preprocess=Preprocess(size_px=32),
        pool=Data(pool, "drawn", "train"),
        evaluated=Data(judged, "drawn", "test"),
        gate=Gate(2.0, 2.0),
        images=100,
    )


@pytest.fixture(scope="module")
def finished(job):
    heard = Heard()
    return convert(job, heard), heard


def test_every_target_is_made_judged_and_timed(finished):
    conversion, heard = finished
    assert tuple(result.asked for result in conversion.results) == TARGETS
    for result in conversion.results:
        assert result.target == result.asked
        assert result.chosen.comparison.images == 210
        assert result.chosen.comparison.drop.points <= 2
        assert len(result.latency_ms) == 100
        assert any(words.startswith(f"{result.asked}: ") for words in heard.steps)
    assert {"ai-edge-quantizer", "nncf", "onnxruntime"} <= conversion.tools.keys()


def test_the_bundle_verifies_and_says_what_was_measured(finished, tmp_path):
    conversion, _ = finished
    conversion.write(tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    manifest = bundle.manifest
    assert (manifest.name, manifest.licence, manifest.labels) == ("mine", "MIT", FER2013)
    assert manifest.calibration.images == 100
    assert manifest.calibration.sha256 == conversion.calibration.sha256
    for target, result in zip(manifest.targets, conversion.results, strict=True):
        assert target.evaluation.accuracy == result.chosen.comparison.accuracy
        assert target.evaluation.drop_interval_points[0] <= target.evaluation.drop_points
        with Classifier(bundle, target.name) as classifier:
            assert classifier.check_golden().passed
    with pytest.raises(BadInput, match="exists; remove it"):
        conversion.write(tmp_path / "bundle")


def test_what_the_manifest_says_is_what_the_bundle_does(finished, tmp_path, judged):
    conversion, _ = finished
    conversion.write(tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    for target in bundle.manifest.targets:
        with Classifier(bundle, target.name) as classifier:
            right = classifier.scores(judged.images).argmax(axis=1) == judged.labels
        assert right.mean() == pytest.approx(target.evaluation.accuracy, abs=0.01), target.name


def test_the_preprocessing_of_calibration_is_the_devices(finished, job):
    """Zero difference, from the pixels of a file to the numbers that a model is calibrated with."""
    conversion, _ = finished
    faces = conversion.calibration.faces
    spec = job.preprocess
    for image, values in list(zip(faces.images, conversion.calibration.values, strict=True))[1:]:
        on_device = spec.crop(image, (0, 0, image.shape[1], image.shape[0]))
        assert np.array_equal(spec.to_values(on_device), values)


def test_a_full_disk_leaves_nothing_behind(finished, tmp_path):
    conversion, _ = finished
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (8_000, before[1])
    )  # the system refuses longer files, as a full disk does
    try:
        with pytest.raises(BadInput, match=r"cannot be written \(File too large\).*nothing was left there"):
            conversion.write(tmp_path / "bundle")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_nothing_behind(finished, tmp_path, monkeypatch):
    conversion, _ = finished
    written = []

    def interrupted(path, content):
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt
        with path.open("wb") as file:
            file.write(content)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        conversion.write(tmp_path / "bundle")
    assert len(written) == 3
    assert list(tmp_path.iterdir()) == []


def test_the_report_holds_everything_and_needs_nothing_else(finished):
    conversion, _ = finished
    said = report.as_dict(conversion)
    assert json.loads(json.dumps(said)) == json.loads(json.dumps(said, allow_nan=False))
    page = report.html(conversion)
    HTMLParser().feed(page)
    assert not re.search(r"""(src|href)\s*=|@import|url\(""", page), "the page loads something from elsewhere"
    for target in said["targets"]:
        assert target["target"] in page
        assert f"{target['accuracy']:.2%}" in page
    assert page.count("<svg") == 1
    assert page.count('class="confusion"') == sum(1 if name.endswith("float32") else 2 for name in TARGETS)


def test_names_from_outside_are_escaped_in_the_report(finished):
    conversion, _ = finished
    nasty = replace(conversion, job=replace(conversion.job, name="<script>alert(1)</script>"))
    assert "<script>" not in report.html(nasty)


def test_the_table_has_a_row_a_target(finished):
    table = report.table(finished[0])
    assert table.row_count == len(TARGETS)


def test_without_an_evaluation_set_agreement_is_gated_and_called_weaker(job):
    heard = Heard()
    conversion = convert(replace(job, evaluated=None, targets=("onnx-int8",), gate=Gate(min_agreement=0.9)), heard)
    result = conversion.target("onnx-int8")
    assert result.chosen.comparison.accuracy is None
    assert result.chosen.comparison.agreement >= 0.9
    assert conversion.images == 180  # 280 in the pool, 100 of them calibrated with
    assert "only agreement with float32 is checked, on 180 images" in heard.warnings[0]
    assert "the weaker check" in report.html(conversion)


def test_a_target_that_fell_through_is_named_after_what_it_is(job, tmp_path):
    heard = Heard()
    impossible = replace(job, gate=Gate(-0.001, 100), targets=("onnx-int8", "onnx-float32"))
    with pytest.raises(Exception, match="does not pass the gate"):
        convert(impossible, heard)
    exact = replace(job, gate=Gate(min_agreement=1.0), evaluated=None, targets=("onnx-int8", "onnx-float32"), seed=5)
    conversion = convert(exact, heard)
    conversion.write(tmp_path / "bundle")
    names = [target.name for target in load(tmp_path / "bundle").manifest.targets]
    became = conversion.target("onnx-int8").target
    assert names == list(dict.fromkeys([became, "onnx-float32"]))
    if became != "onnx-int8":
        assert any(words.startswith(f"onnx-int8 became {became}: agrees on") for words in heard.warnings)


def test_logits_get_a_softmax_and_the_user_is_told(job, network):
    logits = keras.Sequential([*network.layers[:-1], keras.layers.Dense(7)])
    logits.build((None, 32, 32, 1))
    logits.layers[-1].set_weights(network.layers[-1].get_weights())
    heard = Heard()
    conversion = convert(replace(job, model=open_model(logits), targets=("litert-int8", "onnx-int8")), heard)
    assert heard.warnings == ["the model answers logits: a softmax was added behind it"]
    for result in conversion.results:
        assert np.allclose(result.chosen.scores.sum(axis=1), 1, atol=0.02)
        assert result.chosen.comparison.accuracy > 0.9


def test_neither_logits_nor_probabilities_are_refused(job, network):
    sigmoid = keras.Sequential([*network.layers[:-1], keras.layers.Dense(7, activation="sigmoid")])
    sigmoid.build((None, 32, 32, 1))
    with pytest.raises(BadInput, match="neither logits nor probabilities"):
        convert(replace(job, model=open_model(sigmoid)))


def test_a_model_that_answers_nonsense_is_refused(job, network):
    broken = keras.models.clone_model(network)
    broken.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    with pytest.raises(BadInput, match="NaN or infinity"):
        convert(replace(job, model=open_model(broken)))


def test_another_order_of_labels_is_noticed(job, judged):
    swapped = (FER2013[1], FER2013[0], *FER2013[2:])
    faces = replace(judged, names=swapped)
    heard = Heard()
    convert(replace(job, labels=swapped, evaluated=Data(faces, "drawn"), targets=("onnx-float32",)), heard)
    assert heard.warnings == []  # the same indices under other names: nothing to see
    mixed = replace(judged, labels=np.array([1, 0, 2, 3, 4, 5, 6])[judged.labels])
    convert(replace(job, evaluated=Data(mixed, "drawn"), targets=("onnx-float32",)), heard)
    assert heard.warnings == [
        "the labels seem to be in another order; the answers fit best with --labels " + ",".join(swapped)
    ]


def test_forms_that_are_not_the_same_model_are_noticed(job, network):
    other = keras.models.clone_model(network)
    other.set_weights([weight * 0.5 for weight in network.get_weights()])
    mixed = replace(job.model, given_onnx=open_model(other).onnx)
    heard = Heard()
    convert(replace(job, model=mixed, targets=("litert-float32", "onnx-float32")), heard)
    assert heard.warnings[0].startswith("onnx-float32 answers otherwise than litert-float32: scores differ by up to 0.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("a", "b", "c")}, "answers 7 classes, labels are 3: a, b, c"),
        ({"preprocess": Preprocess(size_px=48)}, "takes 32 px and 1 planes, the preprocessing makes 48 px"),
        ({"targets": ("tpu-int8",)}, "no target 'tpu-int8'"),
    ],
)
def test_what_cannot_work_is_said_before_any_work(job, changes, message):
    heard = Heard()
    with pytest.raises(BadInput, match=message):
        convert(replace(job, **changes), heard)
    assert heard.steps == []


def test_unlabelled_evaluation_faces_are_refused(job, judged):
    bare = replace(judged, labels=np.full(len(judged), -1))
    with pytest.raises(BadInput, match="drawn has no labels"):
        convert(replace(job, evaluated=Data(bare, "drawn")))


def test_fewer_images_than_asked_for_are_told(job, pool):
    heard = Heard()
    few = pool.take(np.arange(0, 280, 7))
    conversion = convert(replace(job, pool=Data(few, "few"), images=100, targets=("onnx-int8",)), heard)
    assert len(conversion.calibration.faces) == 40
    assert heard.warnings[:2] == [
        "only 40 calibration images: below 100 the ranges depend on which ones they are",
        "100 calibration images were asked for, few has 40",
    ]
