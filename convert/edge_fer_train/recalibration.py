"""Statistics of batch normalisation that belong to the weights they stand beside."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer_train.zoo import fused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Statistics = list[NDArray[np.float32]]


def recalibrate(model: keras.Model, batches: Iterable[NDArray[np.float32]]) -> None:
    """Set the moving statistics of all batch normalisation that learns to the plain mean over *batches*.

    They belong to the weights of the last steps; averaged weights need their own (Izmailov et al., UAI 2018, section
    3.2), or they are judged too low while the learning rate is high.
    """
    norms = [x for x in fused.leaves(model) if isinstance(x, keras.layers.BatchNormalization) and x.trainable]
    variables = [variable for norm in norms for variable in (norm.moving_mean, norm.moving_variance)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # so that a batch leaves its own statistics
    seen = _compiled if keras.backend.backend() == "jax" else _eager
    found = [seen(model, variables, batch) for batch in batches]
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    for variable, values in zip(variables, zip(*found, strict=True), strict=False):
        variable.assign(np.mean(values, axis=0))


def _eager(model: keras.Model, variables: list[Any], batch: NDArray[np.float32]) -> Statistics:
    model(batch, training=True)
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _compiled(model: keras.Model, variables: list[Any], batch: NDArray[np.float32]) -> Statistics:
    """Do the same on JAX, which is slow at one operation after the other."""
    others = model.non_trainable_variables
    places = {id(variable): at for at, variable in enumerate(others)}
    after = _step(model)([v.value for v in model.trainable_variables], [v.value for v in others], batch)
    return [np.array(after[places[id(variable)]]) for variable in variables]


@lru_cache(maxsize=1)
def _step(model: keras.Model) -> Callable[..., list[Any]]:
    import jax

    def step(trainable: list[Any], others: list[Any], batch: Any) -> list[Any]:
        return list(model.stateless_call(trainable, others, batch, training=True)[1])

    compiled: Callable[..., list[Any]] = jax.jit(step)
    return compiled
