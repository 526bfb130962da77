"""Opened models as their own frameworks execute them: what every converted form is compared with.

A converter that loses something, such as a bias, loses it before there is a float32 form that quantized ones could be
compared with. So the reference is none of our own forms.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edge_fer_convert.formats import onnx_file, tflite_file
from edge_fer_convert.formats.axes import channels_last, to_model_order
from edge_fer_convert.formats.tflite_ends import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras
    from numpy.typing import NDArray


class Original(Protocol):
    """A model as it was opened."""

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` outputs for ``(n, N, N, channels)`` *values*, computed one face at a time."""
        ...

    def tensors(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what its layers compute for *values*: layer → ``(n, ..., channels)``, in the order of execution.

        Empty where the framework does not tell.
        """
        ...


@dataclass(frozen=True)
class Serving:
    """A function of TensorFlow that takes one face, as a SavedModel has it."""

    function: Callable[[NDArray[np.float32]], Any]
    """``(1, ...)`` values in the model's order of axes → its scores."""
    shape: tuple[int, int, int, int]
    """Of the function's input."""
    dtype: str = "float32"
    """Of the function's input."""

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` outputs for ``(n, N, N, channels)`` *values*."""
        if self.dtype != "float32":
            values = np.rint(values) if np.dtype(self.dtype).kind in "iu" else values
            values = values.astype(self.dtype)
        faces = to_model_order(values, self.shape)
        rows = [np.asarray(self.function(face[np.newaxis]), np.float32) for face in faces]
        return np.concatenate(rows)

    def tensors(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return nothing: a SavedModel does not tell what its layers compute."""
        del values
        return {}


@dataclass(frozen=True)
class KerasModel:
    """A Keras model."""

    model: keras.Model
    shape: tuple[int, int, int, int]
    """Of its input, with a batch of one."""
    function: Callable[[Any], Any]
    """A tensor of *shape* → the model's scores, as it computes them in inference."""
    dtype: str = "float32"
    """Of its input."""

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` outputs for ``(n, N, N, channels)`` *values*."""
        return self._serving.scores(values)

    def tensors(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what its layers compute for *values*; empty for a model that is no graph of layers."""
        import keras

        # A copy, because layers that were called elsewhere, too, have no single output.
        copy = keras.models.clone_model(self.model)
        copy.set_weights(self.model.get_weights())
        outputs: dict[str, Any] = {}
        for layer in copy.layers:
            # Nor has one that the model uses twice.
            with contextlib.suppress(ValueError, AttributeError):
                if isinstance(layer.output, keras.KerasTensor):
                    outputs[layer.name] = layer.output
        if not outputs:
            return {}
        shown = keras.Model(copy.inputs, outputs)
        # One at a time: a layer may compute with the whole batch.
        rows = [shown([face[np.newaxis]], training=False) for face in to_model_order(values, self.shape)]
        arrays = {name: np.concatenate([np.atleast_1d(row[name]) for row in rows]) for name in outputs}
        first = self.shape[1] != self.shape[2]
        return {name: channels_last(array) if first else array for name, array in arrays.items()}

    @cached_property
    def _serving(self) -> Serving:
        import tensorflow as tf

        signature = [tf.TensorSpec(self.shape, self.dtype)]
        return Serving(tf.function(self.function, signature), self.shape, self.dtype)


@dataclass(frozen=True)
class TFLiteModel:
    """A ``.tflite`` file, before anything in it was fixed."""

    content: bytes
    shape: tuple[int, int, int, int]
    """Of its input, with nothing left open."""

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` outputs for ``(n, N, N, channels)`` *values*."""
        return tflite_file.run(self.content, values, self.shape)

    def tensors(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return nothing: the LiteRT form, which is the same file, tells it."""
        del values
        return {}


@dataclass(frozen=True)
class OnnxModel:
    """An ``.onnx`` file, before anything in it was changed."""

    content: bytes
    shape: tuple[int, int, int, int]
    """Of its input, with nothing left open."""

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` outputs for ``(n, N, N, channels)`` *values*."""
        return onnx_file.run(self.content, values, self.shape)

    def tensors(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what its nodes compute for *values*, under the names of their outputs."""
        return onnx_file.tensors(self.content, values, self.shape)


@dataclass(frozen=True)
class Continued:
    """Another original whose outputs are computed with further."""

    inner: Original
    further: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    """``(n, outputs)`` → ``(n, classes)``."""

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` outputs for ``(n, N, N, channels)`` *values*."""
        return np.asarray(self.further(self.inner.scores(values)), np.float32)

    def tensors(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what the layers of the inner one compute for *values*."""
        return self.inner.tensors(values)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of ``(n, classes)`` *logits*."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sigmoid of each of *logits*."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)  # unlike 1 / (1 + exp(-x)), never overflows


def shares(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each of ``(n, classes)`` *scores* divided by the sum of its row."""
    above_zero = scores + np.float32(SMALLEST)  # as the forms that are compared with it
    return np.asarray(above_zero / above_zero.sum(axis=1, keepdims=True), np.float32)
