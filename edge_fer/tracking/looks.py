"""What tells people apart: how a face and what is around it have looked while nobody else was near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from edge_fer.tracking.patches import Patch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box

CONTEXT: Final = 0.25
"""How much around a face is looked at, as a share of its size on each side: faces alone differ little."""
MOST: Final = 6
"""How many looks are kept."""
NEW_LOOK: Final = 0.85
"""A look that is more like one of those kept than this adds nothing."""


@dataclass(frozen=True)
class Looks:
    """Some looks of one person, the newest last."""

    patches: tuple[Patch, ...] = ()

    def likeness(self, gray: NDArray[np.uint8], box: Box) -> float:
        """Return how much what is at *box* in *gray* looks like the person, in [-1, 1]; 0 without any look."""
        seen = Patch.of(gray, box.grown(CONTEXT))
        if seen is None or not self.patches:
            return 0.0
        return max(patch.likeness(seen) for patch in self.patches)

    def having_seen(self, gray: NDArray[np.uint8], box: Box) -> Self:
        """Return the looks with what is at *box* in *gray*, if it adds something."""
        seen = Patch.of(gray, box.grown(CONTEXT))
        if seen is None or any(patch.likeness(seen) > NEW_LOOK for patch in self.patches):
            return self
        return type(self)((*self.patches, seen)[-MOST:])
