"""How much is measured: quick on any board, full for a result to keep, sustained for heat."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from edge_fer.errors import BadInput


@dataclass(frozen=True)
class Suite:
    """How much is measured of each candidate. Their blocks of frames take turns; times are in seconds."""

    name: str
    film_frames: int
    """Length of the film. A block shows all of it, forwards and backwards, so that all blocks show the same."""
    blocks: int
    """Blocks of free-running frames."""
    block_s: float
    """Shortest duration of a block; it then runs to the end of the film."""
    warm_up_s: float
    """Longest duration of the warm-up; it ends earlier if frames stop getting faster."""
    starts: int
    """How often a process is started from cold."""
    paced_blocks: int
    """Blocks of frames at the rate of a camera."""
    paced_s: float
    behaviour_s: float
    """Length of the labelled sequence; 0 leaves it out."""
    limit_s: float = math.inf
    """After this time no further round of blocks begins, once there are `MIN_ROUNDS`."""

    def lasting(self, minutes: float) -> Suite:
        """Return the suite with as many blocks as fit into *minutes*, or with `MAX_BLOCKS` longer ones.

        Raises `BadInput` for fewer than two.
        """
        blocks = int(minutes * 60 / self.block_s)
        if blocks < 2:
            raise BadInput(f"{minutes} minutes are less than two blocks of {self.block_s:g} s; pass more")
        if blocks > MAX_BLOCKS:
            return replace(self, blocks=MAX_BLOCKS, block_s=minutes * 60 / MAX_BLOCKS)
        return replace(self, blocks=blocks)

    def frames_kept(self, candidates: int, turn: int) -> int:
        """Return of how many frames of a block the times are kept: whole turns of the film, of *turn* frames each.

        A run of so many *candidates* keeps about `MAX_FRAMES`: hours of it fit into memory and can be read again.
        """
        # None is left where every candidate lacks a package.
        turns = MAX_FRAMES // (max(1, candidates) * self.blocks * turn)
        return turn * max(1, turns)


MAX_BLOCKS: Final = 500
"""Blocks of a sustained run of each candidate: in a day of it, one of three minutes."""
MAX_FRAMES: Final = 500_000
"""Frames of a run whose times are kept. With their stages they are 3.5 of the 5 million values that are read again."""
MIN_ROUNDS: Final = 5
"""As many as `stability.MIN_BLOCKS`, which gives the reason."""

QUICK: Final = Suite(
    name="quick",
    # One second of film is enough to show whether a target works; a block is short.
    film_frames=31,
    # With eight blocks in each of two runs, chance alone explains a difference of all of them in 1 of 6,435 cases.
    blocks=8,
    block_s=0.3,
    warm_up_s=2.0,
    starts=1,
    paced_blocks=1,
    paced_s=1.0,
    behaviour_s=0.0,
    # A slow board with many targets still answers in about a minute.
    limit_s=40.0,
)
FULL: Final = Suite(
    name="full",
    # Five seconds of film at 30 frames a second, so that the tracker meets every phase of the movement.
    film_frames=151,
    blocks=12,
    block_s=1.5,
    warm_up_s=10.0,
    # The first start reads the model from the disk, the others find it in memory.
    starts=5,
    paced_blocks=2,
    paced_s=5.0,
    # 42 faces of 3 s each, six of each of seven classes on average.
    behaviour_s=126.0,
)
SUSTAINED: Final = Suite(
    name="sustained",
    film_frames=151,
    # Ten minutes in all; `lasting` changes them.
    blocks=120,
    block_s=5.0,
    warm_up_s=10.0,
    starts=1,
    # A pause between frames lets the board cool down, so nothing is paced here.
    paced_blocks=0,
    paced_s=0.0,
    behaviour_s=0.0,
)
SUITES: Final = {suite.name: suite for suite in (QUICK, FULL, SUSTAINED)}
