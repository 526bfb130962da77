"""Batch normalisation by PyTorch's own kernel.

On PyTorch, Keras computes batch normalisation step by step, with a pass over memory for each, forwards and backwards.
Networks of many normalised layers spend a good part of their training there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from collections.abc import Callable


def fast_call(layer: keras.layers.Layer) -> Callable[..., Any] | None:
    """Return a ``call`` for *layer* that uses PyTorch's kernel while it trains; None unless it normalises batches.

    Outputs, gradients and moving statistics equal those of Keras up to rounding.
    """
    if not isinstance(layer, keras.layers.BatchNormalization):
        return None
    keras_call = layer.call

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if training and mask is None and _is_plain(layer, inputs):
            return _normalise(layer, inputs)
        return keras_call(inputs, training=training, mask=mask)

    return call


def _is_plain(layer: keras.layers.BatchNormalization, inputs: Any) -> bool:
    """Return whether PyTorch's kernel computes what *layer* does: channels on axis 1, and nothing unusual."""
    if not layer.trainable or layer.renorm or layer.synchronized:
        return False
    return inputs.ndim in (2, 4) and layer.axis % inputs.ndim == 1


def _normalise(layer: keras.layers.BatchNormalization, inputs: Any) -> Any:
    import torch

    gamma = None if layer.gamma is None else layer.gamma.value
    beta = None if layer.beta is None else layer.beta.value
    outputs, mean, inverse = torch.native_batch_norm(inputs, gamma, beta, None, None, True, 0.0, layer.epsilon)
    # The kernel could update the statistics itself, but with the unbiased variance; Keras takes the biased one.
    variance = inverse**-2 - layer.epsilon
    with torch.no_grad():
        _update_moving(layer.moving_mean, mean, layer.momentum)
        _update_moving(layer.moving_variance, variance, layer.momentum)
    return outputs


def _update_moving(moving: keras.Variable, batch: Any, momentum: float) -> None:
    moving.assign(moving * momentum + batch * (1 - momentum))
