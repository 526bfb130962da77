"""MediaPipe's face mesh: 468 points of a face, and whether there is one (Kartynnik et al., 2019, arXiv:1907.06724)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.driving.landmarks.networks import Network
from edge_fer.errors import BackendError, BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIDE_PX: Final = 192
POINTS: Final = 468
VALUES: Final = 3
"""x and y in pixels of the picture, and z in the same unit, smaller towards the camera."""
MAX_LOGIT: Final = 80.0
"""Beyond this, exp overflows."""


class Mesh:
    """The network of the face mesh."""

    def __init__(self, content: bytes, threads: int = 1) -> None:
        """Load it. Raises `BackendError` for another model, `MissingDependency` without LiteRT."""
        self._network = Network(content, threads, SIDE_PX, [(1, 1, 1, POINTS * VALUES), (1, 1, 1, 1)])

    def see(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float]:
        """Return the points ``(468, 3)`` in *picture*, ``(192, 192)`` grey or BGR, and how sure a face is there.

        Points that are no numbers are no face. Raises `BackendError` if the runtime fails.
        """
        values, logit = self._network.run(picture)
        points = values.reshape(POINTS, VALUES).astype(np.float64)
        if not np.isfinite(points).all():
            return np.zeros_like(points), 0.0
        flag = 1 / (1 + math.exp(-float(np.clip(logit, -MAX_LOGIT, MAX_LOGIT).item())))
        return points, 0.0 if math.isnan(flag) else flag


def load(content: bytes, path: Path, threads: int = 1) -> Mesh:
    """Return the mesh whose file *path* has *content*. Raises `BadInput` for another model."""
    try:
        loaded = Mesh(content, threads)
        loaded.see(np.zeros((SIDE_PX, SIDE_PX), np.uint8))  # the first run takes longest
    except BackendError as exc:
        raise BadInput(f"{path} is no face mesh of {POINTS} points: {exc}") from exc
    return loaded


def rehearse(content: bytes, path: Path) -> None:
    """Run the model *content* on pictures of which models may compute each another way. Raises as `load` does."""
    loaded = load(content, path)
    for picture in (np.full((SIDE_PX, SIDE_PX), 255, np.uint8), _noise()):
        loaded.see(picture)


def _noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3)).astype(np.uint8)
