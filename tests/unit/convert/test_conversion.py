from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402

from edge_fer.bundle import load  # noqa: E402
from edge_fer_convert import TARGETS, Gate, convert, html_report, open_model, write_bundle  # noqa: E402


def test_every_target_is_made_compared_and_timed(finished):
    conversion, recorder = finished
    assert tuple(result.asked for result in conversion.results) == TARGETS
    for result in conversion.results:
        assert result.target == result.asked
        assert result.chosen.comparison.images == 210
        assert result.chosen.comparison.drop.points <= 2
        assert len(result.latency_ms) == 100
        assert any(message.startswith(f"{result.asked}: ") for message in recorder.steps)
    assert {"litert-quantizer", "nncf", "onnxruntime"} <= conversion.tools.keys()


def test_the_preprocessing_of_calibration_is_the_devices(finished, job):
    """Zero difference, from the pixels of a file to the numbers that a model is calibrated with."""
    conversion, _ = finished
    faces = conversion.calibration.faces
    spec = job.metadata.preprocess
    for image, values in list(zip(faces.images, conversion.calibration.values, strict=True))[1:]:
        on_device = spec.crop(image, (0, 0, image.shape[1], image.shape[0]))
        assert np.array_equal(spec.to_values(on_device), values)


def test_without_an_evaluation_set_agreement_is_gated_and_called_weaker(job, recorder):
    conversion = convert(replace(job, evaluated=None, targets=("onnx-int8",), gate=Gate(min_agreement=0.9)), recorder)
    result = conversion.target("onnx-int8")
    assert result.chosen.comparison.accuracy is None
    assert result.chosen.comparison.agreement >= 0.9
    assert conversion.images == 180  # 280 in the pool, 100 of them calibrated with
    assert "only agreement with float32 is checked, on 180 images" in recorder.warnings[0]
    assert "the weaker check" in html_report(conversion)


def test_a_target_that_fell_back_is_named_after_what_it_is(job, tmp_path, recorder):
    impossible = replace(job, gate=Gate(-0.001, 100), targets=("onnx-int8", "onnx-float32"))
    refused = convert(impossible, recorder).failed
    assert "does not pass the gate" in refused["onnx-float32"].reason
    exact = replace(job, gate=Gate(min_agreement=1.0), evaluated=None, targets=("onnx-int8", "onnx-float32"), seed=5)
    conversion = convert(exact, recorder)
    write_bundle(conversion, tmp_path / "bundle")
    names = [target.name for target in load(tmp_path / "bundle").manifest.targets]
    became = conversion.target("onnx-int8").target
    assert names == list(dict.fromkeys([became, "onnx-float32"]))
    if became != "onnx-int8":
        assert any(message.startswith(f"onnx-int8 became {became}: agrees on") for message in recorder.warnings)


def test_logits_get_a_softmax_and_a_warning(job, network, recorder):
    logits = keras.Sequential([*network.layers[:-1], keras.layers.Dense(7)])
    logits.build((None, 32, 32, 1))
    logits.layers[-1].set_weights(network.layers[-1].get_weights())
    conversion = convert(replace(job, model=open_model(logits), targets=("litert-int8", "onnx-int8")), recorder)
    assert recorder.warnings == ["the model gives logits: a softmax was added after its output"]
    for result in conversion.results:
        assert np.allclose(result.chosen.scores.sum(axis=1), 1, atol=0.02)
        assert result.chosen.comparison.accuracy > 0.9
