"""A face over time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge_fer.records import Seen
from edge_fer.tracking.looks import Looks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.detectors import Face
    from edge_fer.tracking.patches import Match, Patch


@dataclass(frozen=True)
class Track:
    """A face over time."""

    id: int
    """Unique for the tracker, from 1."""
    face: Face
    seen_s: float
    """Time of the frame in which it was seen last."""
    reported: bool
    """Whether it counts as a face: it was confirmed, or just found while no other face was in sight."""
    seen: Seen = Seen.FOUND
    followed: bool = False
    """Whether a look around it has ever confirmed it. What only searches see is rarely a face: beside another face it
    is not reported, and when it disappears it is not remembered."""
    confirmed_s: float = -math.inf
    """Time of the frame in which the detector confirmed it last."""
    looked_s: float = -math.inf
    """Time of the frame in which the detector was asked for it last."""
    # Not compared: == of arrays is an array.
    confirmed: Patch | None = field(default=None, compare=False, repr=False)
    """How it looked at `confirmed_s`."""
    last: Patch | None = field(default=None, compare=False, repr=False)
    """How it looked at `seen_s`."""
    looks: Looks = field(default_factory=Looks, compare=False, repr=False)
    """How it has looked while nobody else was near."""
    cropped: bool = False
    """Whether the picture is the face: no margin is added to it then."""

    @property
    def box(self) -> Box:
        """Where it is, or was last seen."""
        return self.face.box

    @property
    def denied(self) -> bool:
        """Whether the detector did not see it when it was asked last."""
        return self.looked_s > self.confirmed_s

    def likeness(self, gray: NDArray[np.uint8]) -> float:
        """Return how much what is at its place in *gray* looks like it, in [-1, 1]."""
        return self.looks.likeness(gray, self.box)

    def moved(self, match: Match, time_s: float, seen: Seen) -> Track:
        """Return the track where *match* found it at *time_s*."""
        return replace(self, face=self.face._replace(box=match.box), seen_s=time_s, seen=seen, last=match.patch)

    def found(self, face: Face, time_s: float, patch: Patch | None, reported: bool) -> Track:
        """Return the track with *face*, which a search found, and which a look has yet to confirm."""
        return replace(
            self,
            face=face,
            seen_s=time_s,
            seen=Seen.FOUND,
            reported=reported,
            confirmed=patch,
            last=patch,
            confirmed_s=time_s,
            looked_s=-math.inf,
        )

    def lost(self, time_s: float) -> Track:
        """Return the track without what could lead it to another face. The detector did not see it at *time_s*."""
        return replace(self, confirmed=None, last=None, looked_s=time_s)

    def at_unknown_time(self, before_s: float) -> Track:
        """Return the track of a source whose time starts again, after *before_s*."""
        return replace(self, seen_s=before_s, confirmed_s=-math.inf, looked_s=-math.inf, confirmed=None)
