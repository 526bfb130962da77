"""How fast a model converges and overfits (Smelyakov et al., COLINS 2022, equations 1 and 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def mean_convergence_rate(metric: Sequence[float]) -> float | None:
    """Return MCR: the mean change of a training metric from one epoch to the next; None for fewer than two epochs.

    *metric* has one value per epoch. The paper divides by the number of epochs and counts an epoch 0 that nobody
    measured; here the changes begin at the first epoch.
    """
    if len(metric) < 2:
        return None
    # The changes from epoch to epoch add up to the whole change.
    return (metric[-1] - metric[0]) / (len(metric) - 1)


def mean_overfitting_rate(train: Sequence[float], validation: Sequence[float]) -> float | None:
    """Return MOFR: the mean change per epoch of the gap between a metric on *train* and on *validation*."""
    gaps = [of_train - of_validation for of_train, of_validation in zip(train, validation, strict=True)]
    return mean_convergence_rate(gaps)
