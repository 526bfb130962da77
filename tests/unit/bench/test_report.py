from __future__ import annotations

import re

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[bench]'")

from edge_fer_bench import report
from edge_fer_bench.results import Behaviour, Reading, Skipped


def test_the_page_is_complete_and_needs_no_other_file(make):
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
    assert page.count("<svg") == 5
    assert not re.search(r'(src|href)="(?!#)', page)
    for text in (
        "Invalid: under-voltage", "The run was interrupted", "other programs used 0.90 cores", "it &lt;crashed&gt;",
        "pip install openvino", "Nothing is recommended: the run was interrupted", "What this machine does not tell",
    ):  # fmt: skip
        assert text in page, text


def test_the_page_leaves_out_plots_without_values(make):
    peer = make.measurement(
        kind="peer", free=tuple(block.model_copy(update={"stages_ms": {}}) for block in make.blocks())
    )
    page = report.run_page(make.run(peer, readings=()))
    assert page.count("<svg") == 1
    assert "<svg" not in report.run_page(make.run(make.measurement(free=(), failed="it crashed"), readings=()))


def test_the_fleet_page_compares_boards(make):
    hot = make.run(make.measurement(classify=9.0), readings=(Reading(at_s=0.0, temperature_c=81.0, throttled=4),))
    page = report.fleet_page(
        {"pi-1": make.run(make.measurement(accuracy=0.65), make.measurement("litert-float32", seed=1)), "pi-2": hot}
    )
    assert page.count("<svg") == 1
    for text in (
        "2 boards",
        '<th scope="row">pi-1</th>',
        "litert-int8 x1",
        "65.00% [",
        "<td>81</td>",
        "invalid: throttled",
    ):
        assert text in page, text


def test_a_board_without_measurements_is_on_the_fleet_page(make):
    assert "<td>nothing</td>" in report.fleet_page({"pi-1": make.run(make.measurement(free=(), failed="it crashed"))})
