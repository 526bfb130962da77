from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert.formats import onnx_file  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402
from edge_fer_convert.opening.choices import Choices  # noqa: E402

TORCH = Path(__file__).parents[3] / "golden" / "torch.onnx"


@pytest.fixture
def values(evaluation_faces):
    return Preprocess(size_px=32).to_values(evaluation_faces.images[::20])


def test_every_form_of_one_model_answers_alike(network, float_model, values, tmp_path, keras_file):
    expected = network.predict(values, verbose=0)
    network.export(tmp_path / "saved", verbose=False)
    network.save(tmp_path / "mine.h5")
    (tmp_path / "mine.tflite").write_bytes(float_model.tflite)
    (tmp_path / "mine.onnx").write_bytes(float_model.onnx)
    for source in (keras_file, *(tmp_path / name for name in ("saved", "mine.h5", "mine.tflite", "mine.onnx"))):
        opened = open_model(source)
        assert (opened.shape, opened.classes) == ((1, 32, 32, 1), 7), source
        assert np.allclose(opened.scores(values), expected, atol=1e-5), source
        assert np.allclose(opened.original.scores(values), expected, atol=1e-5), source
        assert opened.onnx is not None
        assert np.allclose(onnx_file.run(opened.onnx, values), expected, atol=1e-5), source


def test_the_preprocessing_spec_of_a_model_has_its_size_and_channels(float_model):
    spec = float_model.preprocess(low=-1.0)
    assert (spec.size_px, spec.planes, spec.low, spec.high) == (32, 1, -1.0, 1.0)
    assert open_model(TORCH).preprocess().channels == "gray3"


def test_what_tf2onnx_cannot_express_still_becomes_litert(network, values, monkeypatch):
    asked = []

    def fails(content):
        asked.append(content)
        raise KeyError("no such operation")

    monkeypatch.setattr(onnx_file, "from_tflite", fails)
    opened = open_model(network)
    assert opened.can_be("litert-int8") is None
    assert not asked  # a large model takes minutes and gigabytes there
    assert "pass an .onnx of your own" in str(opened.can_be("openvino-int8"))
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_a_softmax_can_be_added_to_logits(network, values, tmp_path, form):
    logits = keras.Sequential([*network.layers[:-1], keras.layers.Dense(7)])
    logits.build((None, 32, 32, 1))
    logits.layers[-1].set_weights(network.layers[-1].get_weights())
    opened = open_model(logits)
    (tmp_path / f"logits.{form}").write_bytes(getattr(opened, form))
    with_softmax = open_model(tmp_path / f"logits.{form}").with_softmax()
    assert np.allclose(with_softmax.scores(values), network.predict(values, verbose=0), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.keras", b"nonsense", r"\(8 bytes\) is cut off, or no .keras file"),
        ("a.keras", b"PK\5\6" + bytes(18), "no readable .keras file"),  # a zip of nothing
        ("a.h5", b"nonsense", "Keras 3 cannot read it"),
        ("a.onnx", b"nonsense", "no valid ONNX model"),
        ("a.onnx", b"", "no valid ONNX model"),
        ("a.tflite", b"nonsense", "no readable .tflite"),
        ("a.pt", b"nonsense", "of an unknown kind"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=message):
        open_model(tmp_path / name)


def test_missing_files_and_folders_of_something_else_are_named(tmp_path):
    with pytest.raises(BadInput, match="no model at"):
        open_model(tmp_path / "nowhere.keras")
    with pytest.raises(BadInput, match=r"without saved_model\.pb"):
        open_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(BadInput, match="no readable SavedModel"):
        open_model(tmp_path)


MODULE = """
import keras

@keras.saving.register_keras_serializable("mine")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""


def test_custom_layers_are_imported_by_name(tmp_path, monkeypatch):
    (tmp_path / "my_layers.py").write_text(MODULE)
    script = (
        "import keras, my_layers\n"
        "model = keras.Sequential([keras.Input((8, 8, 1)), my_layers.Doubled(), keras.layers.Flatten(),"
        " keras.layers.Dense(3, activation='softmax')])\n"
        "model.save('own.keras')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    with pytest.raises(BadInput, match="--custom"):
        open_model(tmp_path / "own.keras")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadInput, match="cannot be imported"):
        open_model(tmp_path / "own.keras", Choices(custom="your_layers"))
    assert open_model(tmp_path / "own.keras", Choices(custom="my_layers")).classes == 3
