"""Reads the driver's face in a film: points, pose, eyes and mouth, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer.driving.landmarks import contours, eyes, files, glasses, head, mesh, mouth, region

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.driving.observation import Measured, Pose

LEAST_FLAG: Final = 0.5
"""How sure the mesh must be that it sees a face. As in MediaPipe."""


@dataclass(frozen=True, eq=False)
class Marks:
    """What the points of one face tell."""

    points: NDArray[np.float64]
    """``(468, 3)``: x and y in pixels of the picture, and z in the same unit, smaller towards the camera."""
    flag: float
    """How sure it is that there is a face, in [0, 1]."""
    pose: Pose | None
    """None where it is too uncertain."""
    eyes: Measured | None
    """As `Observation.eyes`. None without a model of the eyes, and where they are too uncertain."""
    mouth: Measured
    """As `Observation.mouth`."""
    eyes_hidden: bool = False
    """Whether dark glasses hide the eyes, or something else under which no eye is seen."""


class Landmarks:
    """Reads one face. For one film and one thread at a time.

    The eyes are claimed only with the second model: the mesh takes closed eyes for open ones.
    """

    def __init__(self, mesh_path: Path, eyes_path: Path | None = None, *, threads: int = 1) -> None:
        """Load the models.

        Raises `BadInput` for a file that cannot be read, is another model or harmful; `MissingDependency` without
        LiteRT.
        """
        self._mesh = mesh.load(files.read(files.MESH, mesh_path), mesh_path, threads)
        self._eyes = None
        if eyes_path is not None:
            self._eyes = contours.load(files.read(files.EYES, eyes_path), eyes_path, threads)
        self._last: Marks | None = None

    def look(self, image: NDArray[Any], box: Box | None, roll_deg: float = 0.0) -> Marks | None:
        """Return the marks of the face in *box* of *image*, ``(height, width[, 1 | 3 | 4])`` grey, BGR or BGRA uint8.

        *roll_deg* is its tilt, positive clockwise; both are those of a detector. Without a box, the face that was
        looked at last is followed. None where the mesh sees no face. Raises `BackendError` if LiteRT fails.
        """
        if self._last is not None and (box is None or region.is_in(self._last.points, box)):
            square = region.of_points(self._last.points)
        elif box is not None:
            square = region.of_box(box, roll_deg)
        else:
            return None
        self._last = self._read(_picture(image), square)
        return self._last

    def reset(self) -> None:
        """Forget the face: the next picture shows another one, or the same elsewhere."""
        self._last = None

    def _read(self, image: NDArray[Any], square: region.Square) -> Marks | None:
        picture = square.cut(image, mesh.SIDE_PX)
        found, flag = self._mesh.see(picture)
        if flag <= LEAST_FLAG:
            return None
        points = square.placed(found, mesh.SIDE_PX)
        fit = head.fitted(points)
        if fit is None:
            return None
        opened, hidden = None, False
        if self._eyes is not None:
            hidden = glasses.are_dark(picture, found, eyes.CORNERS)
            opened = None if hidden else eyes.measure(image, points, fit, self._eyes)
        return Marks(points, flag, head.pose_of(fit), opened, mouth.measure(points), hidden)


def _picture(image: NDArray[Any]) -> NDArray[Any]:
    """Return *image* as grey ``(height, width)`` or BGR ``(height, width, 3)``."""
    if image.ndim == 2:
        return image
    return image[:, :, 0] if image.shape[2] == 1 else image[:, :, :3]
