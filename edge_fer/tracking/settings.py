"""When to search, how long to trust looks, and how long to remember a face."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from edge_fer.errors import BadInput


@dataclass(frozen=True)
class Tracking:
    """When to search, how long to trust looks, and how long to remember a face. Times are in seconds.

    Raises `BadInput` for values outside their range.
    """

    search_every_s: float = 1.0
    """Pause between searches of the whole frame."""
    search_again_s: float = 0.1
    """Pause between searches of what changed in the frame, where nothing was found at first."""
    confirm_every_s: float = 0.4
    """How long a face may be found by its looks alone before the detector must confirm it; 0: every frame."""
    bridge_s: float = 2.0
    """How long a face that the detector does not confirm is followed by its looks."""
    look_every_s: float = 0.5
    """Pause between the detector's looks at such a face."""
    forget_after_s: float = 3.0
    """How long a face may remain unseen before its track ends."""
    settle: float = 0.6
    """Weight of a new box against the last one, in (0, 1]. Lower values reduce the detector's jitter."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "settle" and not (math.isfinite(value) and value >= 0):
                raise BadInput(f"{field.name} is {value} s; pass a finite value of 0 or more")
        if not 0 < self.settle <= 1:
            raise BadInput(f"settle is {self.settle}; pass a value in (0, 1]")
