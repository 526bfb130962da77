"""How much is measured: quick on any board, full for a result to keep, sustained for heat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from edge_fer.errors import BadInput


@dataclass(frozen=True)
class Suite:
    """Blocks of frames of all contenders take turns; times are in seconds."""

    name: str
    blocks: int
    """Of each contender, free-running."""
    block_s: float
    least_frames: int
    """In a block, however slow the board is."""
    warm_up_s: float
    """At most; it ends when frames stop getting faster."""
    starts: int
    """Processes that are started, each from cold."""
    paced_blocks: int
    paced_s: float
    behaviour_s: float
    """Length of the labelled sequence."""

    def lasting(self, minutes: float) -> Suite:
        """Return the suite with as many blocks as fit into *minutes*. Raises `BadInput` for too few."""
        blocks = int(minutes * 60 / self.block_s)
        if blocks < 2:
            raise BadInput(f"{minutes} minutes are less than two blocks of {self.block_s:g} s; pass more")
        return replace(self, blocks=blocks)


QUICK: Final = Suite("quick", 8, 0.35, 10, 2.0, 1, 1, 1.0, 21.0)
FULL: Final = Suite("full", 20, 1.5, 60, 10.0, 5, 4, 5.0, 126.0)
SUSTAINED: Final = Suite("sustained", 120, 5.0, 60, 10.0, 1, 0, 0.0, 0.0).lasting(10)
SUITES: Final = {suite.name: suite for suite in (QUICK, FULL, SUSTAINED)}
