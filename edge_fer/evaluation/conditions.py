"""What a camera does to a face: few pixels, blur, noise. Each condition changes a face before a classifier sees it."""

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
    """One way of making faces worse."""

    kind: Literal["original", "resolution", "blur", "noise"]
    amount: float = 0.0
    """resolution: side in pixels that is left; blur: standard deviation in pixels; noise: in grey levels of 255."""

    @property
    def name(self) -> str:
        """Return it as text, for instance ``resolution-24``."""
        return self.kind if self.kind == "original" else f"{self.kind}-{self.amount:g}"

    def __call__(self, image: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
        """Return grey *image* ``(h, w)`` uint8 under this condition, of its own size. *seed* makes noise repeatable."""
        height, width = image.shape
        if self.kind == "resolution":
            side = round(self.amount)
            if side >= min(height, width):
                return image
            small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
            return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
        if self.kind == "blur":
            return np.asarray(cv2.GaussianBlur(image, (0, 0), self.amount), np.uint8)
        if self.kind == "noise":
            drawn = np.random.default_rng((seed, zlib.crc32(image.tobytes()))).normal(0, self.amount, image.shape)
            return np.clip(np.rint(image + drawn), 0, 255).astype(np.uint8)
        return image


ORIGINAL: Final = Condition("original")
SWEEPS: Final[dict[str, tuple[Condition, ...]]] = {
    "resolution": tuple(Condition("resolution", side) for side in RESOLUTIONS_PX),
    "blur": tuple(Condition("blur", sigma) for sigma in BLURS_PX),
    "noise": tuple(Condition("noise", sigma) for sigma in NOISES),
}


def chosen(sweeps: Sequence[str]) -> tuple[Condition, ...]:
    """Return the conditions of the named *sweeps*, the original first. Raises `BadInput` for a name that is none."""
    for name in sweeps:
        if name not in SWEEPS:
            raise BadInput(f"no sweep {name!r}; pass one of: {', '.join(SWEEPS)}")
    return (ORIGINAL, *(condition for name in sweeps for condition in SWEEPS[name]))
