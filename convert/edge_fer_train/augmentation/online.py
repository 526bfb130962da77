"""Fast online augmentation: lost detail, one affine warp, light and shade, and a patch that is erased."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np

from edge_fer_train.augmentation import affine

if TYPE_CHECKING:
    from numpy.typing import NDArray


Tilt = Literal["uniform", "triangular"]
UNWEAKENED: Final = frozenset({"flip", "tilt", "erase_side"})
"""The fields of `Augment` that are the same at every strength."""


@dataclass(frozen=True)
class Augment:
    """How far a training face is changed. A bound is that of a uniform draw, unless its field says otherwise."""

    rotation_deg: float = 12.0
    tilt: Tilt = "uniform"
    """How rotations are drawn; "triangular": small ones more often, with the density falling to 0 at the bound."""
    scale: float = 0.10
    """Relative change of the box's size: how much smaller, and without `larger` how much larger, it becomes."""
    larger: float | None = None
    """How much larger the box becomes, where that differs: most boxes of a detector are too large."""
    shift: float = 0.08
    """Shift, as a fraction of the side."""
    shear: float = 0.05
    flip: float = 0.5
    """Probability of mirroring left and right."""
    contrast: float = 0.25
    brightness: float = 20.0
    """In grey levels of 255."""
    erase: float = 0.25
    """Probability that a rectangle is filled with one grey level."""
    erase_side: float = 1 / 3
    """Bound of the rectangle's height and width, as a fraction of the side; they are at least a tenth of it."""
    degrade: float = 0.0
    """Probability that the face loses detail as in a camera: fewer pixels, blur, or noise."""

    def weakened(self, strength: float) -> Augment:
        """Return the same with every bound and probability multiplied by *strength*, except those in `UNWEAKENED`."""
        weakened = {}
        for name, value in asdict(self).items():
            if name not in UNWEAKENED and value is not None:
                weakened[name] = value * strength
        return replace(self, **weakened)

    def __call__(self, images: NDArray[np.uint8], size_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return ``(n, size_px, size_px)`` uint8: each of *images* ``(n, h, w)`` warped and resized in one pass."""
        out = np.empty((len(images), size_px, size_px), np.uint8)
        for image, warped in zip(images, out, strict=True):
            cv2.warpAffine(
                self._degraded(image, rng),
                self.matrix(image.shape, size_px, rng),
                (size_px, size_px),
                dst=warped,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            self._shade(warped, rng)
        return out

    def matrix(self, shape: tuple[int, int], size_px: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw the ``(2, 3)`` matrix from a pixel of the result to one of an image of *shape* ``(height, width)``."""
        angle = np.deg2rad(self._rotation_deg(rng))
        sides = np.array(shape[::-1], float)
        zoom = 1 + rng.uniform(-self.scale, self.scale if self.larger is None else self.larger)
        shear = rng.uniform(-self.shear, self.shear)
        turn = affine.turn(angle, shear)
        if rng.random() < self.flip:
            turn = turn @ np.diag([-1.0, 1.0])
        linear = np.diag(sides / size_px) @ turn * zoom
        # The centre of the result maps to the centre of the image, but for the shift.
        centre_out = np.full(2, (size_px - 1) / 2)
        centre_in = (sides - 1) / 2
        shift = rng.uniform(-self.shift, self.shift, 2) * sides
        return np.column_stack([linear, centre_in + shift - linear @ centre_out])

    def _rotation_deg(self, rng: np.random.Generator) -> float:
        bound = self.rotation_deg
        # NumPy refuses a triangle without a width.
        if self.tilt == "triangular" and bound > 0:
            return rng.triangular(-bound, 0, bound)
        return rng.uniform(-bound, bound)

    def _degraded(self, image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return *image*, or with the probability `degrade` the same with less detail."""
        if not self.degrade or rng.random() >= self.degrade:
            return image
        height, width = image.shape
        loss = rng.integers(3)
        if loss == 0:  # fewer pixels: from nearly all of them down to about a third of the side
            share = rng.uniform(0.35, 0.9)
            small = cv2.resize(image, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA)
            return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        # The bounds of blur are for faces of 48 px, FER2013's size; a larger face is blurred as much in proportion.
        if loss == 1:
            return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.3) * width / 48), np.uint8)
        # Noise of up to 18 of 255 grey levels, as of a camera in little light.
        noisy = image + rng.normal(0, rng.uniform(2, 18), image.shape)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)

    def _shade(self, image: NDArray[np.uint8], rng: np.random.Generator) -> None:
        """Change the contrast and brightness of *image*, and erase a rectangle, in place."""
        gain = 1 + rng.uniform(-self.contrast, self.contrast)
        # Contrast changes about the mean, so that it leaves the brightness as it is.
        bias = rng.uniform(-self.brightness, self.brightness) + float(image.mean()) * (1 - gain)
        levels = np.clip(np.arange(256) * gain + bias, 0, 255).astype(np.uint8)
        cv2.LUT(image, levels, dst=image)
        if rng.random() < self.erase:
            side = image.shape[0]
            height, width = rng.integers(side // 10, int(side * self.erase_side), 2)
            top = rng.integers(0, side - height)
            left = rng.integers(0, side - width)
            image[top : top + height, left : left + width] = rng.integers(0, 256)
