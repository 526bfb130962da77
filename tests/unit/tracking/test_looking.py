from __future__ import annotations

import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.detectors import Face
from edge_fer.tracking.looking import TILTS_DEG, see, tilts

LAST = Box(100, 100, 80, 80)
EMPTY = np.zeros((480, 640), np.uint8)


@pytest.mark.parametrize("last_deg", [0.0, 25.0, -25.0, 13.5])
def test_a_followed_face_is_looked_for_at_its_own_tilt_first_and_at_each_once(last_deg):
    tilts_deg = tilts(last_deg, followed=True)
    assert tilts_deg[0] == last_deg
    assert sorted(tilts_deg) == sorted({last_deg, *TILTS_DEG})
    assert tilts(last_deg, followed=False) == [last_deg]


@pytest.mark.parametrize("seen_at", [0.0, 25.0, -25.0, None])
def test_the_first_tilt_at_which_it_is_seen_is_taken(seen_at):
    asked = []

    class Tilted:
        def follow(self, gray, last, roll_deg=0.0):
            asked.append(roll_deg)
            return Face(last, 0.9, roll_deg) if roll_deg == seen_at else None

    face = see(Tilted(), EMPTY, LAST, TILTS_DEG)
    assert (None if face is None else face.roll_deg) == seen_at
    assert asked == list(TILTS_DEG if seen_at is None else TILTS_DEG[: TILTS_DEG.index(seen_at) + 1])
