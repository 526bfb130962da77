"""The order of axes: edge-fer keeps channels last, PyTorch's ONNX files have them first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Shape = tuple[int | None, ...]
"""A tensor's shape; an axis whose size is left open is None."""


def to_model_order(values: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Return ``(n, N, N, channels)`` *values* in the axis order of a model whose input has *shape*."""
    # Faces are square, so equal second and third axes are height and width.
    if shape[1] == shape[2]:
        return values
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def channels_last(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a tensor of a model with channels first as ``(n, ..., channels)``."""
    return np.moveaxis(array, 1, -1) if array.ndim == 4 else array
