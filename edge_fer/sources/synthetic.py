"""The synthetic camera: drawn people whose place, pose and expression are known, and that Haar's cascade finds.

Demos, tests and default benchmarks use it. It needs no hardware and no picture of anybody, and draws the same frames
for the same seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.sources import Frame, SourceBase, Truth
from edge_fer.sources.drawn.expressions import EXPRESSIONS, Expression
from edge_fer.sources.drawn.face import PATCH_PX, draw_face
from edge_fer.sources.options import SCENES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["EXPRESSIONS", "PATCH_PX", "Expression", "SyntheticCamera", "draw_face"]


LEAST_SIDE_PX: Final = 32


class Scene(Protocol):
    """What the camera looks at."""

    def draw(self, time_s: float, index: int) -> tuple[NDArray[np.uint8], tuple[Truth, ...]]:
        """Return the picture of *time_s*, grey ``(height, width)``, of frame *index*, and the faces in it."""
        ...


class SyntheticCamera(SourceBase):
    """Drawn people, grey uint8. The same arguments give the same frames.

    Scene ``easy``: *faces* that look at the camera before a soft background. Each changes its expression every
    *hold_s*. During each ``(start, end)`` of *hidden_s* no face is drawn.

    Scene ``hard``: shots of people who turn, nod, tilt their heads, talk, blink, walk past each other and hide their
    faces, in rooms with things that look like faces, in light that changes. *faces*, *hold_s* and *hidden_s* have no
    effect.

    Scene ``drive``: one driver in a car, who looks aside, nods off and so on by a script that lasts `drive.LOOP_S` and
    begins again. *faces*, *hold_s* and *hidden_s* have no effect.

    With *frames* None the source never ends. Raises `BadInput` for a scene that cannot be drawn.
    """

    def __init__(
        self,
        *,
        scene: str = "easy",
        width_px: int = 640,
        height_px: int = 480,
        fps: float = 30.0,
        frames: int | None = None,
        faces: int = 1,
        hold_s: float = 3.0,
        hidden_s: Sequence[tuple[float, float]] = (),
        seed: int = 0,
    ) -> None:
        if min(width_px, height_px) < LEAST_SIDE_PX:
            raise BadInput(
                f"the synthetic camera draws pictures of at least {LEAST_SIDE_PX}x{LEAST_SIDE_PX} px, not "
                f"{width_px}x{height_px}; pass a larger --size"
            )
        if fps <= 0 or faces < 0 or hold_s <= 0:
            raise BadInput(
                f"synthetic camera with {fps:g} frames a second, faces: {faces}, held for {hold_s:g} s; pass positive "
                "times and no negative count"
            )
        if scene not in SCENES:
            raise BadInput(f"no scene {scene!r}; pass one of: {', '.join(SCENES)}")
        self.fps = fps
        self._frames = frames
        self._scene: Scene
        if scene == "hard":
            from edge_fer.sources.drawn.hard import HardScene

            self._scene = HardScene(seed, width_px, height_px)
        elif scene == "drive":
            from edge_fer.sources.drawn.drive import DriveScene

            self._scene = DriveScene(seed, width_px, height_px)
        else:
            from edge_fer.sources.drawn.easy import EasyScene

            self._scene = EasyScene(np.random.default_rng(seed), width_px, height_px, faces, hold_s, hidden_s)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames as fast as they are asked for."""
        index = 0
        while self._frames is None or index < self._frames:
            yield self.frame(index)
            index += 1

    def frame(self, index: int) -> Frame:
        """Return frame *index*. Any frame can be drawn at any time."""
        time_s = index / self.fps
        image, truth = self._scene.draw(time_s, index)
        return Frame(image, time_s, index, "synthetic", truth)
