"""Sees a face from the side, where the frontal detector has lost one: who turns away is still there."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import cv2

from edge_fer.cascades import cascade_path, load_cascade

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box

CASCADE: Final = "haarcascade_profileface.xml"
"""It knows faces that look to the left of the picture; mirrored, those that look to the right."""
MARGIN: Final = 0.5
"""How far around the last place of the face it is searched for, as a share of its size on each side."""
SIDE_PX: Final = 48
"""Side to which the face is scaled down before: the cascade was trained on 20 px."""
SIZES: Final = (0.7, 1.5)
"""Smallest and largest size that is searched for, relative to the last one."""
LEAST_WINDOWS: Final = 3
"""How many windows must agree."""


class ProfileFace:
    """OpenCV's cascade of faces from the side."""

    @cached_property
    def _cascade(self) -> cv2.CascadeClassifier:
        return load_cascade(cascade_path(CASCADE))

    def is_near(self, gray: NDArray[np.uint8], last: Box) -> bool:
        """Return whether a face from the side is around *last* in grey ``(height, width)`` uint8 *gray*."""
        left, top, right, bottom = last.grown(MARGIN).pixels(gray.shape)
        scale = min(1.0, SIDE_PX / last.width)
        if min(right - left, bottom - top) * scale < SIDE_PX / 2:
            return False
        part = cv2.resize(gray[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        side = last.width * scale
        smallest, largest = (max(20, round(side * size)) for size in SIZES)
        for view in (part, cv2.flip(part, 1)):
            found = self._cascade.detectMultiScale(
                view, 1.15, LEAST_WINDOWS, minSize=(smallest, smallest), maxSize=(largest, largest)
            )
            if len(found) > 0:
                return True
        return False
