"""How much is measured: quick on any board, full for a result to keep, sustained for heat."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from edge_fer.errors import BadInput


@dataclass(frozen=True)
class Suite:
    """Blocks of frames of all candidates take turns; times are in seconds."""

    name: str
    film_frames: int
    """Length of the film. A block shows it whole, forwards and backwards, or blocks would differ by what they show."""
    blocks: int
    """Of each candidate, free-running."""
    block_s: float
    """At least; a block ends with the film."""
    warm_up_s: float
    """At most; it ends when frames stop getting faster."""
    starts: int
    """Processes that are started, each from cold."""
    paced_blocks: int
    paced_s: float
    behaviour_s: float
    """Length of the labelled sequence."""
    limit_s: float = math.inf
    """No further round of blocks begins after so long, once there are `LEAST_ROUNDS`."""

    def lasting(self, minutes: float) -> Suite:
        """Return the suite with as many blocks as fit into *minutes*. Raises `BadInput` for too few."""
        blocks = int(minutes * 60 / self.block_s)
        if blocks < 2:
            raise BadInput(f"{minutes} minutes are less than two blocks of {self.block_s:g} s; pass more")
        return replace(self, blocks=blocks)


LEAST_ROUNDS: Final = 5
QUICK: Final = Suite("quick", 31, 8, 0.3, 2.0, 1, 1, 1.0, 0.0, limit_s=40.0)
FULL: Final = Suite("full", 151, 12, 1.5, 10.0, 5, 2, 5.0, 126.0)
SUSTAINED: Final = Suite("sustained", 151, 120, 5.0, 10.0, 1, 0, 0.0, 0.0).lasting(10)
SUITES: Final = {suite.name: suite for suite in (QUICK, FULL, SUSTAINED)}
