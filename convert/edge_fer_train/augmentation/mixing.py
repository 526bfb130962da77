"""Mixup and cutmix: two faces become one, and so do their soft labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mixup(
    crops: NDArray[np.uint8], soft_labels: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Blend each of *crops* ``(n, N, N)`` with another, and their *soft_labels* ``(n, classes)`` likewise.

    The shares are one Beta(alpha, alpha) draw per batch (Zhang et al., ICLR 2018, equation 1).
    """
    draw = float(rng.beta(alpha, alpha))
    share = max(draw, 1 - draw)  # the larger share is the face's own: a row stays mostly what it was
    other = rng.permutation(len(crops))
    blended = np.rint(share * crops + (1 - share) * crops[other]).astype(np.uint8)
    return blended, share * soft_labels + np.float32(1 - share) * soft_labels[other]


def cutmix(
    crops: NDArray[np.uint8], soft_labels: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Put a square of another face into each of *crops* ``(n, N, N)``; *soft_labels* are mixed by its area.

    Yun et al., ICCV 2019, section 3; one square per batch.
    """
    side = crops.shape[1]
    width = round(side * float(np.sqrt(1 - rng.beta(alpha, alpha))))
    left, top = rng.integers(0, side - width + 1, 2)
    rows = slice(top, top + width)
    columns = slice(left, left + width)
    other = rng.permutation(len(crops))
    mixed = crops.copy()
    mixed[:, rows, columns] = crops[other, rows, columns]
    share = np.float32(width**2 / side**2)
    return mixed, (1 - share) * soft_labels + share * soft_labels[other]
