from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput
from edge_fer_convert.opening import keras_operators
from edge_fer_convert.opening.keras_configs import Cleaning


def _layer(name, **config):
    return {"class_name": name, "config": {"name": name.lower(), **config}}


def test_what_keras_3_wrote_stays_as_it_is():
    config = _layer("Conv2D", groups=2, dtype={"module": "keras", "class_name": "DTypePolicy", "config": {"name": "f"}})
    cleaning = Cleaning()
    assert cleaning.clean(config) == config
    assert cleaning.notes == ()


@pytest.mark.parametrize(
    "policy",
    [
        "mixed_float16",
        {"class_name": "Policy", "config": {"name": "mixed_float16"}},
        {"module": "keras.mixed_precision", "class_name": "LossScalePolicy", "config": {"name": "mixed_float16"}},
    ],
)
def test_policies_of_keras_2_become_float32(policy):
    cleaning = Cleaning()
    assert cleaning.clean(_layer("Dense", dtype=policy))["config"]["dtype"] == "float32"
    assert cleaning.notes == ("the model computes in mixed_float16: converted in float32",)


def test_a_layer_that_is_named_like_a_type_keeps_its_name():
    assert Cleaning().clean(_layer("Dense", dtype="float32") | {"name": "float16"})["name"] == "float16"


@pytest.mark.parametrize(
    "name", ["RandomHeight", "RandomWidth", "RandomFlip", "SpatialDropout2D", "GaussianNoise", "AlphaDropout", "MixUp"]
)
def test_what_does_nothing_in_inference_needs_no_arguments(name):
    cleaned = Cleaning().clean(_layer(name, rng_type="stateful", factor=0.2))
    assert cleaned["class_name"] == "Identity"
    assert cleaned["config"] == {"name": name.lower()}


@pytest.mark.parametrize("name", ["RandomCrop", "Resizing", "Dense", "CenterCrop"])
def test_what_changes_faces_in_inference_stays(name):
    assert Cleaning().clean(_layer(name))["class_name"] == name


def test_calls_of_inner_models_are_counted_from_zero():
    inner = _layer("Functional", layers=[], output_layers=[]) | {"inbound_nodes": [[["input", 0, 0, {}]]]}
    outer = _layer(
        "Functional",
        layers=[
            _layer("InputLayer") | {"inbound_nodes": []},
            inner,
            _layer("Dense") | {"inbound_nodes": [[["functional", 1, 0, {}]]]},
        ],
        output_layers=[["dense", 0, 0]],
    )
    cleaned = Cleaning().clean(outer)
    assert cleaned["config"]["layers"][2]["inbound_nodes"] == [[["functional", 0, 0, {}]]]
    assert cleaned["config"]["output_layers"] == [["dense", 0, 0]]
    assert outer["config"]["layers"][2]["inbound_nodes"] == [[["functional", 1, 0, {}]]]


def test_statistics_of_each_batch_are_refused():
    """Keras 2 computed with them even in predict()."""
    for layer in _layer("BatchNormalization"), _layer("Sequential", layers=[_layer("BatchNormalization")]):
        name = layer["config"]["name"]
        with pytest.raises(BadInput, match=f"{name} is called with training=True, so it computes with the statistics"):
            Cleaning().clean(layer | {"inbound_nodes": [[["x", 0, 0, {"training": True}]]]})
        in_inference = layer | {"inbound_nodes": [[["x", 0, 0, {"training": False}]]]}
        assert Cleaning().clean(in_inference) == in_inference


def test_tensors_among_the_arguments_are_found():
    node = ["a", 0, 0, {"y": ["b", 0, 0], "name": None}]
    call = Cleaning().clean(_layer("TFOpLambda", function="math.add") | {"inbound_nodes": [node]})["inbound_nodes"][0]
    histories = [part["config"]["keras_history"] for part in (call["args"][0], call["kwargs"]["y"])]
    assert histories == [["a", 0, 0], ["b", 0, 0]]
    node = ["_CONSTANT_VALUE", -1, 2.5, {"y": ["b", 0, 0]}]
    call = Cleaning().clean(_layer("TFOpLambda", function="math.add") | {"inbound_nodes": [node]})["inbound_nodes"][0]
    assert (call["args"][0]["config"]["keras_history"], call["kwargs"]) == (["b", 0, 0], {"constant": 2.5})


def test_functions_of_tensorflow_that_do_more_than_compute_are_refused():
    operator = keras_operators.custom_objects()["TFOpLambda"]
    assert operator("math.truediv", name="d")(np.float32([6.0]), y=2.0) == 3.0
    assert operator("math.subtract", name="s")(np.float32([6.0]), constant=1.0) == -5.0
    for function in ("io.read_file", "py_function", "saved_model.load", "math.__class__", "raw_ops.ReadFile"):
        with pytest.raises(BadInput, match=rf"calls tf\.{function}, which cannot be read safely"):
            operator(function)
