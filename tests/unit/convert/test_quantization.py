from __future__ import annotations

from dataclasses import replace

import pytest

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402
import numpy as np  # noqa: E402

from edge_fer.errors import GateFailed  # noqa: E402
from edge_fer_convert import Gate, convert, open_model  # noqa: E402
from edge_fer_convert.fallbacks import FallbackSearch  # noqa: E402
from edge_fer_convert.targets import Files  # noqa: E402
from edge_fer_convert.targets.onnx import Onnx  # noqa: E402


def test_a_form_that_is_another_model_ends_the_conversion(job, network, recorder):
    other = keras.models.clone_model(network)
    weights = network.get_weights()
    other.set_weights([*weights[:-2], weights[-2] * 0.2, weights[-1]])
    mixed = replace(job.model, given_onnx=open_model(other).onnx)
    said = (
        r"onnx-float32 is not the model that was opened: scores differ by up to 0\.\d+, from the layer scores on; "
        r"leave its targets out \(--targets litert-float32\), or save"
    )
    with pytest.raises(GateFailed, match=said):
        convert(replace(job, model=mixed, targets=("litert-float32", "onnx-float32")), recorder)


def test_a_target_that_cannot_be_made_takes_no_other_with_it(job, monkeypatch, recorder):
    def broken(self):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(Onnx, "float32", broken)
    both = replace(job, targets=("onnx-int8", "litert-float32"))
    conversion = convert(both, recorder)
    assert [result.target for result in conversion.results] == ["litert-float32"]
    assert conversion.failed["onnx-int8"].reason == "RuntimeError: no such operator"
    assert recorder.warnings == ["without onnx-int8: RuntimeError: no such operator"]
    with pytest.raises(RuntimeError):
        convert(replace(both, strict=True), recorder)
    with pytest.raises(RuntimeError):
        convert(replace(both, targets=("onnx-int8",)), recorder)


class OnlySixteen(Onnx):
    """A converter that can make nothing but 16 bits, and float32."""

    def static(self, method, float_layers, bits=8, *, weight_only=frozenset()):
        if bits == 8:
            raise ValueError("no 8 bits")
        return Files(b"sixteen")

    def dynamic(self, float_layers):
        raise ValueError("no 8 bits")


@pytest.mark.parametrize(
    ("medians_ms", "taken"),
    [((73.0, 0.7), "float32"), ((0.8, 0.7), "int16"), (None, "int16")],
    ids=["slow", "hardly slower", "asked for"],
)
def test_a_slow_fallback_is_not_taken_unless_asked(float_model, evaluation_faces, medians_ms, taken):
    values = evaluation_faces.images[:20, ..., None].astype(np.float32) / 255
    reference = np.eye(7, dtype=np.float32)[evaluation_faces.labels]
    search = FallbackSearch(
        OnlySixteen(float_model, values), values, lambda files: reference, evaluation_faces.labels, reference,
        Gate(), lambda step: None, medians_ms=medians_ms and (lambda own, exact: medians_ms),
    )  # fmt: skip
    assert search.run("onnx-int8", strict=False).variant.precision == taken
    if taken == "float32":
        assert "takes 73.00 ms for a face, float32 takes 0.70 ms (--allow-slower" in search.attempts[0].refused
