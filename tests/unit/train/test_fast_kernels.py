from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer_train import zoo  # noqa: E402
from edge_fer_train.fast_kernels import fast_kernels  # noqa: E402

SCRIPT = """
import keras
from edge_fer_train import zoo
from edge_fer_train.fast_kernels import fast_kernels
from edge_fer_train.zoo.layers import leaves

KINDS = (keras.layers.BatchNormalization, keras.layers.DepthwiseConv2D)

def changed(model):
    return {layer.name for layer in leaves(model) if "call" in vars(layer)}

def of_kinds(model):
    return {layer.name for layer in leaves(model) if isinstance(layer, KINDS)}

class_calls = [kind.call for kind in KINDS]
for name in ("mobilenet-v2", "fused-product"):
    model, other = zoo.build(name, 32), zoo.build(name, 32)
    before = model.to_json()
    with fast_kernels(model):
        assert changed(model) == of_kinds(model) != set()
        assert not changed(other)
        assert [kind.call for kind in KINDS] == class_calls
        assert model.to_json() == before
    assert not changed(model)
    try:
        with fast_kernels(model):
            raise RuntimeError("training stops")
    except RuntimeError:
        pass
    assert not changed(model)
    with fast_kernels(model, ()):
        assert not changed(model)
print("restored")
"""


def test_only_the_layers_of_one_model_change_and_an_exception_restores_them(on_torch):
    assert on_torch(SCRIPT) == "restored\n"


def test_nothing_changes_on_other_backends():
    if keras.backend.backend() == "torch":
        pytest.skip("Keras runs on PyTorch, which has the kernels")
    model = zoo.build("compact", 32)
    faces = np.random.default_rng(0).random((2, 32, 32, 1)).astype(np.float32)
    before = keras.ops.convert_to_numpy(model(faces))
    with fast_kernels(model):
        assert not [layer for layer in model.layers if "call" in vars(layer)]
        assert np.array_equal(keras.ops.convert_to_numpy(model(faces)), before)
