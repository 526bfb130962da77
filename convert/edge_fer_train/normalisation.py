"""Batch normalisation by PyTorch's own kernel.

On PyTorch Keras computes it step by step, with a pass over memory for each, forwards and backwards. Networks of many
normalised layers spend a good part of their training there.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def native() -> Iterator[None]:
    """Let training steps within normalise by PyTorch's kernel, where Keras runs on PyTorch; else change nothing.

    Outputs, gradients and moving statistics are those of Keras but for rounding.
    """
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    layer = keras.layers.BatchNormalization
    keras_call = layer.call

    def call(self: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        own = training and self.trainable and not self.renorm and mask is None and not self.synchronized
        if not own or inputs.ndim not in (2, 4) or self.axis % inputs.ndim != 1:
            return keras_call(self, inputs, training=training, mask=mask)
        gamma, beta = (v.value if v is not None else None for v in (self.gamma, self.beta))
        outputs, mean, inverse = torch.native_batch_norm(inputs, gamma, beta, None, None, True, 0.0, self.epsilon)
        with torch.no_grad():
            for moving, seen in ((self.moving_mean, mean), (self.moving_variance, inverse**-2 - self.epsilon)):
                moving.assign(moving * self.momentum + seen * (1 - self.momentum))
        return outputs

    layer.call = call
    try:
        yield
    finally:
        layer.call = keras_call
