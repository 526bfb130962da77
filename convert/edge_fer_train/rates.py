"""How fast a model converges and overfits (Smelyakov et al., COLINS 2022, equations 1 and 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def mean_convergence_rate(metric: Sequence[float]) -> float | None:
    """Return MCR: the mean change of a training metric from one epoch to the next; None for fewer than two epochs.

    *metric* has one value an epoch. The paper divides by the number of epochs and counts an epoch 0 that nobody
    measured; here the first epoch is where the changes begin.
    """
    return None if len(metric) < 2 else (metric[-1] - metric[0]) / (len(metric) - 1)


def mean_overfitting_rate(train: Sequence[float], validation: Sequence[float]) -> float | None:
    """Return MOFR: the mean change, epoch by epoch, of how far a metric on *train* is above *validation*."""
    return mean_convergence_rate([a - b for a, b in zip(train, validation, strict=True)])
