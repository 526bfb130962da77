"""What a camera does to a face: few pixels, blur, noise. A condition changes a face before a classifier sees it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RESOLUTIONS_PX: Final = (48, 32, 24, 16, 12)
BLURS_PX: Final = (0.5, 1.0, 1.5, 2.0)
NOISES: Final = (5.0, 10.0, 20.0, 40.0)


@dataclass(frozen=True)
class Condition:
    """One way to degrade a face; *original* leaves it as it is."""

    kind: Literal["original", "resolution", "blur", "noise"]
    amount: float = 0.0
    """resolution: side that is left, px; blur: standard deviation, px; noise: the same, in grey levels of 255."""

    @property
    def name(self) -> str:
        """Return the kind and the amount, for instance ``resolution-24``."""
        return self.kind if self.kind == "original" else f"{self.kind}-{self.amount:g}"

    def __call__(self, image: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
        """Return grey ``(height, width)`` uint8 *image* under this condition, in its own size.

        The same *seed* and image give the same noise.
        """
        # Each keeps the size, so that the classifier's own preprocessing is the same under all conditions.
        if self.kind == "resolution":
            return _reduced(image, round(self.amount))
        if self.kind == "blur":
            return np.asarray(cv2.GaussianBlur(image, (0, 0), self.amount), np.uint8)
        if self.kind == "noise":
            return _noisy(image, self.amount, seed)
        return image


def _sweep(kind: Literal["resolution", "blur", "noise"], amounts: Sequence[float]) -> tuple[Condition, ...]:
    return tuple(Condition(kind, amount) for amount in amounts)


ORIGINAL: Final = Condition("original")
SWEEPS: Final = {
    "resolution": _sweep("resolution", RESOLUTIONS_PX),
    "blur": _sweep("blur", BLURS_PX),
    "noise": _sweep("noise", NOISES),
}
"""Name → conditions, each worse than the one before."""


def of_sweeps(names: Sequence[str]) -> tuple[Condition, ...]:
    """Return the original and then the conditions of the sweeps *names*. Raises `BadInput` for an unknown name."""
    conditions = [ORIGINAL]
    for name in names:
        if name not in SWEEPS:
            raise BadInput(f"there is no sweep {name!r}; choose from: {', '.join(SWEEPS)}")
        conditions.extend(SWEEPS[name])
    return tuple(conditions)


def _reduced(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = image.shape
    if side >= min(height, width):
        return image
    # By area, as the pixels of a sensor average the light; back with the smooth resize of a camera's digital zoom.
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _noisy(image: NDArray[np.uint8], sigma: float, seed: int) -> NDArray[np.uint8]:
    # The image is part of the seed: faces get different noise, whatever their order or number. By crc32, since hash()
    # differs from process to process.
    rng = np.random.default_rng((seed, zlib.crc32(image.tobytes())))
    noise = rng.normal(0, sigma, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
