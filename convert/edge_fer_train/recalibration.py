"""Statistics of batch normalisation that belong to the averaged weights."""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer_train.zoo.layers import leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Statistics = list[NDArray[np.float32]]
    Observe = Callable[[keras.Model, list[Any], NDArray[np.float32]], Statistics]


def recalibrate(model: keras.Model, batches: Iterable[NDArray[np.float32]], observe: Observe | None = None) -> None:
    """Set the moving statistics of all trainable batch normalisation to their plain mean over *batches*.

    The statistics that training leaves belong to the weights of the last steps. Averaged weights need their own
    (Izmailov et al., UAI 2018, section 3.2), or validation underrates them while the learning rate is high. *observe*
    returns the statistics of one batch; by default the way that is fast on the current backend.
    """
    norms = [layer for layer in leaves(model) if _learns(layer)]
    variables = []
    for norm in norms:
        variables += [norm.moving_mean, norm.moving_variance]
    if observe is None:
        observe = observe_compiled if keras.backend.backend() == "jax" else observe_eagerly
    with _without_momentum(norms):
        statistics = [observe(model, variables, batch) for batch in batches]
    if not statistics:
        return
    for index, variable in enumerate(variables):
        values = [of_batch[index] for of_batch in statistics]
        variable.assign(np.mean(values, axis=0))


def _learns(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and bool(layer.trainable)


@contextmanager
def _without_momentum(norms: Sequence[keras.layers.BatchNormalization]) -> Iterator[None]:
    """Let a batch leave its own statistics in *norms*, instead of an average with those before."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def observe_eagerly(model: keras.Model, variables: list[Any], batch: NDArray[np.float32]) -> Statistics:
    """Return the values of *variables*, statistics of *model*, after *batch* went through it."""
    model(batch, training=True)
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def observe_compiled(model: keras.Model, variables: list[Any], batch: NDArray[np.float32]) -> Statistics:
    """Do the same on JAX, compiled: JAX is slow at one operation after the other."""
    others = model.non_trainable_variables
    after = _compiled_step(model)(_values(model.trainable_variables), _values(others), batch)
    # The step is free of side effects: it returns the new values, in the order of the variables.
    # By identity, since Keras variables compare element by element.
    new_values = {id(variable): value for variable, value in zip(others, after, strict=True)}
    return [np.array(new_values[id(variable)]) for variable in variables]


def _values(variables: Sequence[Any]) -> list[Any]:
    return [variable.value for variable in variables]


@lru_cache(maxsize=1)
def _compiled_step(model: keras.Model) -> Callable[..., list[Any]]:
    """Return the compiled forward pass of *model*. One is kept: it serves every epoch of a stage."""
    import jax

    def step(trainable: list[Any], others: list[Any], batch: Any) -> list[Any]:
        _, after = model.stateless_call(trainable, others, batch, training=True)
        return list(after)

    compiled: Callable[..., list[Any]] = jax.jit(step)
    return compiled
