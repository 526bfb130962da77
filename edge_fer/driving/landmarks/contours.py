"""MediaPipe's iris model: the contour of one eye, and its iris (Ablavatski et al., 2020, arXiv:2006.11341)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.driving.landmarks.networks import Network
from edge_fer.errors import BackendError, BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIDE_PX: Final = 64
POINTS: Final = 71
"""Of the contour and the brow: 0 to 8 go along the lower lid from corner to corner, 9 to 15 along the upper one."""
IRIS_POINTS: Final = 5
"""Its middle, then right, top, left, bottom."""
VALUES: Final = 3


class Contours:
    """The network that sees an eye."""

    def __init__(self, content: bytes, threads: int = 1) -> None:
        """Load it. Raises `BackendError` for another model, `MissingDependency` without LiteRT."""
        self._network = Network(content, threads, SIDE_PX, [(1, POINTS * VALUES), (1, IRIS_POINTS * VALUES)])

    def see(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return contour ``(71, 2)`` and iris ``(5, 2)`` of the eye in *picture*, ``(64, 64)`` grey or BGR, in pixels.

        The eye must look like one that is on the left of the picture: mirror the other one. None for points that are
        no numbers. Raises `BackendError` if the runtime fails.
        """
        contour, iris = self._network.run(picture)
        if not (np.isfinite(contour).all() and np.isfinite(iris).all()):
            return None
        return (
            contour.reshape(POINTS, VALUES)[:, :2].astype(np.float64),
            iris.reshape(IRIS_POINTS, VALUES)[:, :2].astype(np.float64),
        )


def load(content: bytes, path: Path, threads: int = 1) -> Contours:
    """Return the model of the eyes whose file *path* has *content*. Raises `BadInput` for another model."""
    try:
        loaded = Contours(content, threads)
        loaded.see(np.zeros((SIDE_PX, SIDE_PX), np.uint8))  # the first run takes longest
    except BackendError as exc:
        raise BadInput(f"{path} is no model of an eye's {POINTS} points: {exc}") from exc
    return loaded


def rehearse(content: bytes, path: Path) -> None:
    """Run the model *content* on pictures of which models may compute each another way. Raises as `load` does."""
    loaded = load(content, path)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3)).astype(np.uint8)
    for picture in (np.full((SIDE_PX, SIDE_PX), 255, np.uint8), noise):
        loaded.see(picture)
