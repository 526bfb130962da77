from __future__ import annotations

from dataclasses import replace

import pytest

for module in ("tensorflow", "ai_edge_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402

from edge_fer_convert import convert, open_model  # noqa: E402


def test_forms_that_are_not_the_same_model_are_noticed(job, network, recorder):
    other = keras.models.clone_model(network)
    other.set_weights([weight * 0.5 for weight in network.get_weights()])
    mixed = replace(job.model, given_onnx=open_model(other).onnx)
    convert(replace(job, model=mixed, targets=("litert-float32", "onnx-float32")), recorder)
    assert recorder.warnings[0].startswith(
        "onnx-float32 is not the same model as litert-float32: scores differ by up to 0."
    )
