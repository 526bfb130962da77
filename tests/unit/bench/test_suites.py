from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.errors import BadInput
from edge_fer_bench.results import Block
from edge_fer_bench.suites import FULL, MAX_FRAMES, SUSTAINED


def test_a_suite_lasts_as_many_minutes_as_asked_for():
    assert SUSTAINED.lasting(5).blocks == SUSTAINED.blocks / 2
    with pytest.raises(BadInput, match="less than two blocks"):
        SUSTAINED.lasting(0.1)


@given(st.floats(0.2, 24 * 60), st.integers(0, 3))
def test_a_run_of_any_length_keeps_what_can_be_read_again(minutes, candidates):
    suite = SUSTAINED.lasting(minutes)
    turn = 2 * (suite.film_frames - 1)
    kept = suite.frames_kept(candidates, turn)
    assert kept >= turn
    assert kept % turn == 0
    assert kept * candidates * suite.blocks <= MAX_FRAMES
    assert suite.blocks * suite.block_s == pytest.approx(minutes * 60, abs=SUSTAINED.block_s)


def test_the_full_suite_keeps_every_frame_of_a_fast_machine():
    fastest_frames = 1500 * FULL.block_s
    assert FULL.frames_kept(14, 2 * (FULL.film_frames - 1)) > fastest_frames


def test_a_block_is_cut_with_its_stages():
    block = Block(at_s=1.0, frame_ms=(1.0, 2.0, 3.0), stages_ms={"detect": (0.1, 0.2, 0.3)})
    assert block.first(3) == block
    assert block.first(2) == Block(at_s=1.0, frame_ms=(1.0, 2.0), stages_ms={"detect": (0.1, 0.2)})
