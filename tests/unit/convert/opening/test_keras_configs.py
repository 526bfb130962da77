from __future__ import annotations

import pytest

pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput
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


def test_calls_with_training_are_changed_in_both_forms():
    of_keras_2 = _layer("Dropout") | {"inbound_nodes": [[["x", 0, 0, {"training": True}]]]}
    of_keras_3 = _layer("Dropout") | {"inbound_nodes": [{"args": [], "kwargs": {"training": True}}]}
    assert Cleaning().clean(of_keras_2)["inbound_nodes"] == [[["x", 0, 0, {"training": False}]]]
    assert Cleaning().clean(of_keras_3)["inbound_nodes"] == [{"args": [], "kwargs": {"training": False}}]
    inner = _layer("Sequential", layers=[_layer("BatchNormalization")])
    with pytest.raises(BadInput, match="sequential is called with training=True"):
        Cleaning().clean(inner | {"inbound_nodes": [[["x", 0, 0, {"training": True}]]]})
