"""What may be a face or a thing that looks like one: it is taken for a face once it has moved by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer.tracking.association import same
from edge_fer.tracking.patches import Patch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box

STILL: Final = 0.97
"""Least likeness of a thing with itself, a moment later: people are never so still."""
MOST_QUARTERS: Final = 3
"""How many of its four quarters look otherwise where the whole has moved."""
OTHER: Final = 0.5
"""Likeness below which something else has come to the same place, as after a cut."""
FORGET_S: Final = 5.0
"""How long a suspect that was not found again is remembered."""


@dataclass(frozen=True)
class _Suspect:
    box: Box
    patch: Patch
    """How it looked when it was found first."""
    found_s: float
    """When it was found last."""


def _moved(before: Patch, now: Patch) -> bool:
    """Return whether the whole has moved, and not only something before a part of it."""
    rows = before.pixels.shape[0] // 2
    columns = before.pixels.shape[1] // 2
    moved = 0
    for top in (0, rows):
        for left in (0, columns):
            quarter = before.pixels[top : top + rows, left : left + columns]
            same_quarter = now.pixels[top : top + rows, left : left + columns]
            moved += Patch(quarter, 0, 0).likeness(Patch(same_quarter, 0, 0)) < STILL
    return moved >= MOST_QUARTERS


class Suspects:
    """What a search found with too little confidence."""

    def __init__(self) -> None:
        self._suspects: list[_Suspect] = []

    def reset(self) -> None:
        """Forget them all."""
        self._suspects = []

    def moves(self, gray: NDArray[np.uint8], box: Box, time_s: float) -> bool:
        """Return whether what was found at *box* in *gray* was found there before, and looks otherwise by now."""
        patch = Patch.of(gray, box)
        if patch is None or min(patch.pixels.shape) < 2:
            return False  # almost all of it lies outside the frame
        moves = False
        kept = []
        for suspect in self._suspects:
            if not 0 <= time_s - suspect.found_s <= FORGET_S:
                continue
            if not same(suspect.box, box):
                kept.append(suspect)
                continue
            now = Patch.of(gray, suspect.box)
            if now is None or now.pixels.shape != suspect.patch.pixels.shape:
                continue  # frames have another size by now
            if suspect.patch.likeness(now) < OTHER:
                continue
            moves = moves or _moved(suspect.patch, now)
            # As it looked at first, so that slow movements add up.
            box, patch = suspect.box, suspect.patch
        if not moves:
            kept.append(_Suspect(box, patch, time_s))
        self._suspects = kept
        return moves
