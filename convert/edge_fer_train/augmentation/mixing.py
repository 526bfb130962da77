"""Mixup and cutmix: two faces become one, and so do their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mixup(
    crops: NDArray[np.uint8], targets: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Blend each of *crops* ``(n, N, N)`` with another, and their *targets*, by one Beta(alpha, alpha) draw a batch.

    Zhang et al., ICLR 2018, equation 1.
    """
    share = max(part := float(rng.beta(alpha, alpha)), 1 - part)  # the larger part stays: the batch's order is kept
    other = rng.permutation(len(crops))
    blended = np.rint(share * crops + (1 - share) * crops[other]).astype(np.uint8)
    return blended, share * targets + np.float32(1 - share) * targets[other]


def cutmix(
    crops: NDArray[np.uint8], targets: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Put a rectangle of another face into each of *crops* ``(n, N, N)``; *targets* are mixed by its area.

    Yun et al., ICCV 2019, section 3; one rectangle a batch.
    """
    side = crops.shape[1]
    width = round(side * float(np.sqrt(1 - rng.beta(alpha, alpha))))
    left, top = rng.integers(0, side - width + 1, 2)
    other = rng.permutation(len(crops))
    mixed = crops.copy()
    mixed[:, top : top + width, left : left + width] = crops[other, top : top + width, left : left + width]
    share = np.float32(width**2 / side**2)
    return mixed, (1 - share) * targets + share * targets[other]
