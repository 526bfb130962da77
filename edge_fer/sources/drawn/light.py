"""Light over time, and the noise of the sensor that it falls on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN_PX: Final = 160
"""By how much the pool of noise is larger than the frame: so many places in each direction to cut a frame's noise."""


class Light:
    """The light of one room."""

    def __init__(self, rng: np.random.Generator, *, lamp_s: float | None = None, flickers: bool = False) -> None:
        """With *lamp_s*, it is dark until then; with *flickers*, the lamps run on mains and the shutter rolls."""
        self._level = rng.uniform(0.8, 1.05)
        self._drift = rng.uniform(0.03, 0.12)
        self._drift_hz = rng.uniform(0.03, 0.1)
        self._phase = rng.uniform(0, 2 * math.pi)
        self._lamp_s = lamp_s
        self._flicker = rng.uniform(0.05, 0.12) if flickers else 0.0
        self._side = rng.uniform(-0.3, 0.3)
        self.direction = (4 * self._side + rng.uniform(-0.2, 0.2), rng.uniform(-0.7, -0.3), 1.0)
        """Where it comes from, seen from a head."""

    def gains(self, time_s: float, width_px: int, height_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the gain of each row, ``(height, 1)``, and of each column, ``(1, width)``, at *time_s*."""
        level = self._level * (1 + self._drift * math.sin(2 * math.pi * self._drift_hz * time_s + self._phase))
        if self._lamp_s is not None:
            # A lamp takes a few frames to light up, and the camera's exposure a second to follow it.
            since_s = time_s - self._lamp_s
            level *= 0.45 if since_s < 0 else 1 + 0.45 * math.exp(-since_s / 0.5) * min(1.0, since_s / 0.1)
        down = np.linspace(0, 1, height_px, dtype=np.float32)[:, None]
        # Lamps pulse at 100 Hz, and 30 frames a second catch them at another moment each time.
        rows = level * (1 + self._flicker * np.sin(2 * math.pi * (2.6 * down + 100 * time_s)))
        columns = 1 + self._side * np.linspace(-1, 1, width_px, dtype=np.float32)[None, :]
        return rows.astype(np.float32), columns.astype(np.float32)


class Sensor:
    """A camera's sensor: noise that grows with the light, new in each frame."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int) -> None:
        self._width_px = width_px
        self._height_px = height_px
        self._seed = int(rng.integers(2**31))
        # Drawing new noise takes longer than drawing the people. So each frame gets another part of a larger picture.
        noise = rng.normal(0, 1, (height_px + MARGIN_PX, width_px + MARGIN_PX)).astype(np.float32)
        # Photons: the noise grows with the tone, above a floor that the electronics add.
        self._gain = 1 + 0.009 * noise
        self._floor = 1.3 * noise
        # One buffer for all frames: memory for each would cost as much as the arithmetic.
        self._lit = np.empty((height_px, width_px), np.float32)

    def expose(
        self, image: NDArray[np.uint8], rows: NDArray[np.float32], columns: NDArray[np.float32], index: int
    ) -> NDArray[np.uint8]:
        """Return *image* as the sensor sees it in frame *index*, with the gains of `Light.gains`."""
        # By the frame's number, so that frames can be drawn in any order.
        rng = np.random.default_rng((self._seed, index))
        x, y = (int(start) for start in rng.integers(0, MARGIN_PX, 2))
        part = slice(y, y + self._height_px), slice(x, x + self._width_px)
        lit = np.multiply(image, columns, out=self._lit)
        lit *= rows
        lit *= self._gain[part]
        # OpenCV rounds and clips on the way, which NumPy does in three passes.
        return np.asarray(cv2.add(lit, self._floor[part], dtype=cv2.CV_8U), np.uint8)
