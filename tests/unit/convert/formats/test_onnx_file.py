from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="ONNX is not installed: pip install -e '.[convert]'")

from edge_fer_convert import originals  # noqa: E402
from edge_fer_convert.formats import onnx_ends, onnx_file  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))

import old_onnx  # noqa: E402

FACES = np.random.default_rng(1).random((3, 32, 32, 1), np.float32)
SHAPE = (1, 1, 32, 32)


@pytest.mark.parametrize("style", old_onnx.STYLES, ids="-".join)
@pytest.mark.parametrize("opset", old_onnx.OPSETS)
def test_a_raised_model_computes_what_the_old_one_did(opset, style, tmp_path):
    path = tmp_path / "old.onnx"
    onnx.save(old_onnx.classifier(opset, style), path)
    raised = onnx_file.with_fixed_input(onnx_file.read(path), SHAPE)
    assert onnx.load_from_string(raised).opset_import[0].version == onnx_file.OPSET
    right = onnx_file.run(path.read_bytes(), FACES)
    assert np.ptp(right) > 0.01
    assert np.allclose(onnx_file.run(raised, FACES), right, atol=1e-5)
    assert np.allclose(onnx_file.run(onnx_file.simplified(raised), FACES), right, atol=1e-5)


def test_of_a_models_own_metadata_only_the_names_of_classes_stay(tmp_path):
    model = old_onnx.classifier(12, ("norm",))
    onnx.helper.set_model_props(model, {"names": "{0: 'angry'}", "command": "/home/somebody/train.py"})
    onnx.save(model, tmp_path / "m.onnx")
    props = onnx.load_from_string(onnx_file.read(tmp_path / "m.onnx")).metadata_props
    assert {entry.key: entry.value for entry in props} == {"names": "{0: 'angry'}"}


@pytest.mark.parametrize("size", [1, 1e-5, 0])
def test_shares_are_those_that_originals_are_compared_by(size):
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 3)) for name in ("x", "scores")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["scores"])], "same", ends[:1], ends[1:])
    opsets = [onnx.helper.make_opsetid("", onnx_file.OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    shared = onnx.load_from_string(onnx_ends.append_shares(model.SerializeToString()))
    scores = np.array([[1, 2, 0.5]], np.float32) * np.float32(size)
    (made,) = onnx_file.exact_session(shared).run(["scores"], {"x": scores})
    assert np.allclose(originals.shares(scores), made, atol=1e-6)
