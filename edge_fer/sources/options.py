"""How a source is opened and which part of its pictures is used: what a user may ask for besides its name."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Self

from edge_fer.errors import BadInput

DEFAULT_SIZE_PX: Final = 640, 480
"""Width and height that a camera is asked for by default."""
MAX_SIDE_PX: Final = 16384
"""Largest side that a camera is asked for."""
MAX_REGION_PX: Final = 1_000_000
"""Largest number of a region."""
DEFAULT_FPS: Final = 30.0
"""Frames a second that a camera is asked for by default, and of a film that tells no rate."""
SCENES: Final = ("easy", "hard", "drive")
"""What the synthetic camera may look at. Here and not with the camera, which imports OpenCV."""
ROTATIONS: Final = (0, 90, 180, 270)
"""Angles by which pictures are turned, in degrees."""


@dataclass(frozen=True)
class Region:
    """A part of the picture: in pixels, or with *is_share* in shares of its width and height, from 0 to 1."""

    x: float
    y: float
    width: float
    height: float
    is_share: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the region that *text*, ``X,Y,W,H``, means: shares if no number is above 1, otherwise pixels.

        Raises `BadInput`.
        """
        try:
            values = [float(part) for part in text.split(",")]
        except ValueError:
            values = []
        if len(values) != 4 or not all(map(math.isfinite, values)):
            raise BadInput(
                f"the region {text[:60]!r} is not X,Y,W,H; write pixels (100,50,320,240) or shares (0,0,0.5,1)"
            )
        x, y, width, height = values
        if min(x, y) < 0 or min(width, height) <= 0:
            raise BadInput(f"the region {text[:60]!r} needs x and y from 0 on, and a width and a height above 0")
        if max(values) > MAX_REGION_PX:
            raise BadInput(f"the region {text[:60]!r} has numbers above {MAX_REGION_PX}, and no picture is so large")
        return cls(x, y, width, height, is_share=max(values) <= 1)

    def __str__(self) -> str:
        """Return it as ``X,Y,W,H``."""
        return f"{self.x:g},{self.y:g},{self.width:g},{self.height:g}"


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height in pixels of *text*, such as ``1280x720``. Raises `BadInput`."""
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text)
    if match is None or not all(0 < int(side) <= MAX_SIDE_PX for side in match.groups()):
        raise BadInput(f"the size {text[:60]!r} is not WIDTHxHEIGHT with sides from 1 to {MAX_SIDE_PX}, as 1280x720")
    return int(match[1]), int(match[2])


@dataclass(frozen=True)
class View:
    """What is done to each picture: turned clockwise, then mirrored, then cut."""

    rotate: int | None = None
    """Degrees: 0, 90, 180 or 270; None as the picture's or the stream's own metadata says."""
    flip: str = ""
    """``h`` left to right, ``v`` top to bottom."""
    roi: Region | None = None
    """In the picture as it is after turning and mirroring."""

    @property
    def changes(self) -> bool:
        """Whether anything is to be done to the pictures."""
        return bool(self.rotate or self.flip or self.roi)


@dataclass(frozen=True)
class SourceOptions:
    """How a source is opened."""

    size_px: tuple[int, int] | None = None
    """Width and height that a camera is asked for; None for *usual_size_px*."""
    fps: float | None = None
    """Frames a second that a camera is asked for; None for `DEFAULT_FPS`."""
    view: View = View()
    read_timeout_s: float = 10.0
    """How long a camera or an address may take to open, and to deliver its next frame."""
    wait: bool = False
    """Whether a camera that is not there is waited for."""
    usual_size_px: tuple[int, int] = DEFAULT_SIZE_PX
    """Width and height that a camera of this machine is asked for where nobody asks for others. Sources that have a
    size of their own ignore it."""
