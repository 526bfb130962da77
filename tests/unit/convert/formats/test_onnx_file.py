from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="ONNX is not installed: pip install -e '.[convert]'")

from edge_fer_convert.formats import onnx_file  # noqa: E402

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
