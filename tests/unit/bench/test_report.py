from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[bench]'")

from edge_fer_bench import report
from edge_fer_bench.results import Behaviour, Reading, Skipped


def test_the_page_needs_nothing_else_and_shows_what_there_is(make):
    behaviour = Behaviour(
        seconds=60.0, states=((0.0, "unknown"), (1.0, "happy")), truth=((0.0, "happy"), (30.0, "sad"))
    )
    run = make.run(
        make.measurement(accuracy=0.65, behaviour=behaviour),
        make.measurement("litert-float32", seed=1, accuracy=0.66),
        make.measurement("onnx-int8", free=(), failed="it <crashed>"),
        skipped=(Skipped(name="mine openvino-int8", why="pip install openvino"),),
        readings=tuple(Reading(at_s=float(n), temperature_c=50.0 + n, throttled=1, others_cores=0.9) for n in range(5)),
        partial=True,
    )
    page = report.run_page(run)
    assert page.count("<img") == 5
    assert not re.search(r'(src|href)="(?!data:)', page)
    for words in (
        "Invalid: under-voltage", "It was interrupted", "other programs used 0.90 cores", "it &lt;crashed&gt;",
        "pip install openvino", "on this device use", "<td>unknown</td>",
    ):  # fmt: skip
        assert words in page, words


def test_a_run_with_little_in_it_is_a_page_too(make):
    peer = make.measurement(
        kind="peer", free=tuple(block.model_copy(update={"stages_ms": {}}) for block in make.blocks())
    )
    page = report.run_page(make.run(peer, readings=()))
    assert page.count("<img") == 1
    assert report.run_page(make.run(make.measurement(free=(), failed="it crashed"), readings=())).count("<img") == 0


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0, 100)), min_size=1))
def test_nothing_beats_what_is_on_the_front(points):
    front = report.pareto_front(points)
    assert front
    for time, accuracy in points:
        beaten = any(t <= time and a >= accuracy for t, a in front)
        assert beaten
    assert all(not (t < time and a >= accuracy) for time, accuracy in front for t, a in points)


def test_boards_stand_beside_each_other(make):
    hot = make.run(make.measurement(classify=9.0), readings=(Reading(at_s=0.0, temperature_c=81.0, throttled=4),))
    page = report.fleet_page(
        {"pi-1": make.run(make.measurement(accuracy=0.65), make.measurement("litert-float32", seed=1)), "pi-2": hot}
    )
    assert page.count("<img") == 1
    for words in ("2 boards", "<td>pi-1</td>", "litert-int8 x1", "65.00%", "<td>81</td>", "invalid: throttled"):
        assert words in page, words


def test_a_board_where_nothing_could_be_measured_is_shown_too(make):
    assert "<td>nothing</td>" in report.fleet_page({"pi-1": make.run(make.measurement(free=(), failed="it crashed"))})
