"""The seventeen changes of a face that Umer et al., CMES 2022, Algorithm 1, train on beside the face itself.

The algorithm names its filters and transforms but gives no kernel, angle or factor, and mentions nine sharpening masks
without printing them. This module uses common ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer_train.augmentation import affine

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def _cross(around: float, corners: float) -> NDArray[np.float32]:
    """Return a 3x3 mask of sum 1 with *around* beside and *corners* at the corners of its centre."""
    mask = np.array([[corners, around, corners], [around, 0, around], [corners, around, corners]], np.float32)
    mask[1, 1] = 1 - mask.sum()
    return mask


def _along(*places: tuple[int, int]) -> NDArray[np.float32]:
    """Return a 3x3 mask of sum 1 with -1 at *places* (row, column)."""
    mask = np.zeros((3, 3), np.float32)
    for place in places:
        mask[place] = -1
    mask[1, 1] = 1 + len(places)
    return mask


MASKS: Final = (
    # Laplacians: of the neighbours beside the centre, of those at its corners, of both, of the first at half strength,
    # and of both with opposite signs.
    _cross(-1, 0),
    _cross(0, -1),
    _cross(-1, -1),
    _cross(-0.5, 0),
    _cross(-2, 1),
    # Second differences along a row, a column and the two diagonals.
    _along((1, 0), (1, 2)),
    _along((0, 1), (2, 1)),
    _along((0, 0), (2, 2)),
    _along((0, 2), (2, 0)),
)
"""Nine sharpening masks: Laplacians of 4 and 8 neighbours, and second differences along four directions."""


def _sharpen(mask: NDArray[np.float32]) -> Change:
    def change(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(cv2.filter2D(face, -1, mask, borderType=cv2.BORDER_REPLICATE), np.uint8)

    return change


def _sharpenings() -> dict[str, Change]:
    """Return a change for each of `MASKS`, by its name: ``sharpen-1`` to ``sharpen-9``."""
    changes = {}
    for number, mask in enumerate(MASKS, start=1):
        changes[f"sharpen-{number}"] = _sharpen(mask)
    return changes


def _bilateral(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.bilateralFilter(face, 5, 50, 50), np.uint8)


def _unsharp(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    blurred = cv2.GaussianBlur(face, (0, 0), 2)
    return np.asarray(cv2.addWeighted(face, 1.5, blurred, -0.5, 0), np.uint8)


def _warp(angle_deg: float = 0, scale: float = 1, shear: float = 0, shift: float = 0, border: int = 1) -> Change:
    """Return an affine change about the centre; *shift* is a share of the width, *border* OpenCV's border mode."""

    def change(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = face.shape
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        linear = affine.turn(np.deg2rad(angle_deg), shear) * scale
        matrix = np.column_stack([linear, centre - linear @ centre + shift * width])
        return np.asarray(cv2.warpAffine(face, matrix, (width, height), borderMode=border), np.uint8)

    return change


def _flip(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.flip(face, 1), np.uint8)


UMER_AUGMENTATIONS: Final[dict[str, Change]] = {
    "original": lambda face: face,
    "bilateral": _bilateral,
    "unsharp": _unsharp,
    **_sharpenings(),
    "rotation": _warp(angle_deg=12),
    "scaling": _warp(scale=0.85),
    "shear": _warp(shear=0.15),
    "zoom": _warp(scale=1.2),
    "fill": _warp(shift=0.12, border=cv2.BORDER_REFLECT),
    "flip": _flip,
}
"""The face itself and Algorithm 1's F1 to F17, in its order; each takes and returns grey ``(h, w)`` uint8."""


def random_change(face: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return one of Umer's 18 variants (the face and 17 changes), all equally likely.

    The paper trains on all 18 in each epoch; with one each, many epochs see the same faces.
    """
    changes = tuple(UMER_AUGMENTATIONS.values())
    change = changes[rng.integers(len(changes))]
    return change(face)
