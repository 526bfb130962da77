from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

for module in ("tensorflow", "onnx"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import onnx  # noqa: E402

from edge_fer.bundle import load, shipped  # noqa: E402
from edge_fer_convert.stored_precision import stored_precision  # noqa: E402
from edge_fer_convert.targets import Files  # noqa: E402

TORCH = Path(__file__).parents[2] / "golden" / "torch.onnx"


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_files_have_the_precision_that_their_names_say(name):
    bundle = load(name)
    for target in bundle.manifest.targets:
        contents = bundle.contents(target)
        weights = contents[target.weights.file] if target.weights else b""
        assert stored_precision(target.runtime, Files(contents[target.file], weights)) == target.precision, target.name


def test_halved_weights_are_told_apart():
    model = onnx.load(TORCH)
    assert stored_precision("onnx", Files(model.SerializeToString())) == "float32"
    weight = model.graph.initializer[0]
    halved = onnx.numpy_helper.to_array(weight).astype(np.float16)
    weight.CopyFrom(onnx.numpy_helper.from_array(halved, weight.name))
    assert stored_precision("onnx", Files(model.SerializeToString())) == "float16"


def test_weights_alone_are_told_apart(float_model):
    from edge_fer_convert import targets

    values = np.zeros((1, 32, 32, 1), np.float32)
    for runtime in ("litert", "onnx"):
        converter = targets.converter(runtime)(float_model, values)
        assert stored_precision(runtime, converter.float32()) == "float32"
        assert stored_precision(runtime, converter.dynamic(frozenset())) == "dynamic"
