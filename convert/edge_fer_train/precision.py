"""The number format in which a training step computes; weights, statistics and scores are float32 in all of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import keras

from edge_fer_train.zoo import fused

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICIES: Final = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Keras' dtype policy for each value of ``--precision``."""


@contextmanager
def computing(precision: str) -> Iterator[None]:
    """Let Keras layers that are built in the block compute in *precision*, a key of `POLICIES`.

    bfloat16 is for processors that multiply it (AVX512-BF16, AMX); others emulate it.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def keep_scores(model: keras.Model) -> None:
    """Let the last layer of *model* compute in float32: bfloat16 has too few digits for the logarithm of a probability.

    In a model that joins the scores of others, all layers that join them compute in float32.
    """
    last = model.layers[-1:]
    # The networks that are joined end in features; their logits and scores are layers of the joining model.
    if fused.networks(model):
        last = [layer for layer in model.layers if not isinstance(layer, keras.Model)]
    for layer in last:
        layer.dtype_policy = keras.dtype_policies.DTypePolicy("float32")
