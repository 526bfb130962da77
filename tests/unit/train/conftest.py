from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from edge_fer_train import recipe, zoo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECIPE = """
name = "tiny"
description = "A network of three layers."
seed = 7
architecture = "tiny"
[preprocess]
size_px = 32
[training]
batch_size = 8
dropout = 0.0
weight_decay = 0.01
ema_momentum = 0.9
"""
STAGE = """
[[training.stages]]
size_px = {size_px}
epochs = {epochs}
learning_rate = 0.01
final_learning_rate = 0.001
"""


@pytest.fixture
def eager() -> Iterator[None]:
    """Lets TensorFlow execute each operation at once: tracing and compiling a network takes longer than a few steps."""
    keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def narrow(eager, monkeypatch) -> None:
    """Makes the layers of CNN_1 and CNN_2 narrow, for tests in which their size plays no part."""
    from edge_fer_train.zoo import cnn_1, cnn_2

    monkeypatch.setattr(cnn_1, "FILTERS", (4, 4, 4, 4, 4))
    monkeypatch.setattr(cnn_2, "FILTERS", (4, 4, 4))
    monkeypatch.setattr(cnn_2, "UNITS", (16, 16, 16))


@pytest.fixture
def tiny_architecture(eager, monkeypatch) -> None:
    """Adds the architecture ``tiny``."""

    def build(size, channels, classes, *, dropout=0.0, data_format="channels_last"):
        import keras
        from keras import layers

        face = keras.Input((size, size, channels), name="face")
        x = layers.AveragePooling2D(8, name="pool")(face)
        x = layers.Flatten(name="features")(x)
        return keras.Model(face, layers.Dense(classes, activation="softmax", name="scores")(x), name="tiny")

    monkeypatch.setitem(sys.modules, "edge_fer_train.zoo.tiny", SimpleNamespace(build=build))
    monkeypatch.setitem(zoo.ARCHITECTURES, "tiny", ("tiny", {}))


@pytest.fixture
def tiny_recipe(tiny_architecture, tmp_path) -> Callable[..., Path]:
    """Writes a recipe with a stage for each ``(size_px, epochs)``, with changes of the text."""

    def write(*stages: tuple[int, int], file: str = "tiny.toml", **changes: str) -> Path:
        text = RECIPE + "".join(STAGE.format(size_px=size_px, epochs=epochs) for size_px, epochs in stages)
        for key, value in changes.items():
            old = next(line for line in text.splitlines() if line.startswith(f"{key} ="))
            text = text.replace(old, f"{key} = {value}")
        path = tmp_path / file
        path.write_text(text)
        assert recipe.load(str(path))
        return path

    return write


def _on(backend: str, script: str) -> str:
    """Run *script* with Keras on *backend*, in a process of its own since a process has one; return what it prints."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def on_torch() -> Callable[[str], str]:
    """Run a script with Keras on PyTorch."""
    pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
    pytest.importorskip("torch", reason="PyTorch is not installed; it is no part of any extra, and too large for CI")
    return partial(_on, "torch")


@pytest.fixture
def on_jax() -> Callable[[str], str]:
    """Run a script with Keras on JAX."""
    pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
    if find_spec("jax") is None:  # not imported: this process has another backend
        pytest.skip("JAX is not installed; it is no part of any extra: pip install jax")
    return partial(_on, "jax")
