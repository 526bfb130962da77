"""Faster kernels for the layers of one model while it trains on PyTorch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import keras

from edge_fer_train import depthwise, normalisation
from edge_fer_train.zoo.layers import leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    FastCall = Callable[[keras.layers.Layer], Callable[..., object] | None]
    """Returns a faster ``call`` for a layer; None for a layer of another kind."""

FAST_CALLS: Final[Sequence[FastCall]] = (normalisation.fast_call, depthwise.fast_call)


@contextmanager
def fast_kernels(model: keras.Model, fast_calls: Sequence[FastCall] = FAST_CALLS) -> Iterator[None]:
    """Let the layers of *model* use faster kernels within the block. Changes nothing where Keras is not on PyTorch.

    Outputs and gradients equal those of Keras up to rounding. Only this model's own layers get another ``call``, on
    the instance, so other models and saved files never see it; leaving the block restores them, also by an exception.
    """
    if keras.backend.backend() != "torch":
        yield
        return
    changed = []
    try:
        for layer in leaves(model):
            for fast_call in fast_calls:
                call = fast_call(layer)
                if call is not None:
                    layer.call = call
                    changed.append(layer)
        yield
    finally:
        for layer in changed:
            del layer.call  # this uncovers the class's method
