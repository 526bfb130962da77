from __future__ import annotations

import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402
from edge_fer_convert.opening.choices import Choices  # noqa: E402


def _open_ended(height=None, planes=1, batch=None, inputs=1, outputs=1):
    faces = [keras.Input((height, height, planes), batch_size=batch) for _ in range(inputs)]
    whole = faces[0] if inputs == 1 else keras.layers.Concatenate()(faces)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(whole))
    ends = [keras.layers.Dense(7, activation="softmax")(pooled) for _ in range(outputs)]
    return keras.Model(faces, ends if outputs > 1 else ends[0])


def test_open_sides_are_fixed_by_the_size():
    with pytest.raises(BadInput, match="sides are open; set them with --size"):
        open_model(_open_ended())
    assert open_model(_open_ended(), Choices(40)).shape == (1, 40, 40, 1)
    with pytest.raises(BadInput, match="--size says 48"):
        open_model(_open_ended(32), Choices(48))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"height": 32, "planes": 5}, "neither its last nor its second axis is 1 or 3"),
        ({"height": 32, "batch": 4}, "batch is fixed to 4"),
        ({"height": 32, "inputs": 2}, "has 2 inputs"),
        ({"height": 32, "outputs": 2}, "has 2 outputs"),
    ],
)
def test_what_no_classifier_takes_is_refused(model, message):
    with pytest.raises(BadInput, match=message):
        open_model(_open_ended(**model))


def test_an_oblong_input_is_refused():
    model = keras.Sequential([keras.Input((32, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7)])
    with pytest.raises(BadInput, match="faces are square"):
        open_model(model)
