from __future__ import annotations

import json

from edge_fer_bench import table
from edge_fer_bench.recommendation import judge
from edge_fer_bench.results import Behaviour, Block, Golden, Reading, Skipped


def test_the_text_shows_figures_failures_and_doubts(make):
    behaviour = Behaviour(seconds=60.0, states=((0.0, "happy"),), truth=((0.0, "happy"), (30.0, "sad")))
    paced = (Block(at_s=0.0, frame_ms=(5.0,) * 30, dropped=2, late=1),)
    wrong = Golden(inputs=10, same_label=3, worst=0.9, tolerance=0.01, passed=False)
    run = make.run(
        make.measurement(accuracy=0.65, behaviour=behaviour, paced=paced),
        make.measurement("litert-float32", golden=wrong),
        make.measurement("onnx-int8", free=(), failed="it crashed"),
        skipped=(Skipped(name="mine openvino-int8", why="pip install openvino"),),
        readings=(Reading(at_s=1.0, throttled=1),),
        paced_fps=30.0,
        partial=True,
    )
    text = table.render(run)
    for phrase in (
        "interrupted", "1 face in each frame", "65.00%", "DIFFER", "INVALID: under-voltage",
        "failed: mine onnx-int8 x1: it crashed",
        "not measured: mine openvino-int8: pip install openvino", "30 processed, 2 dropped, 1 late",
        "a label detected after 0.00 s (1 missed)", "detect", "nothing is recommended: the run was interrupted",
    ):  # fmt: skip
        assert phrase in text, phrase


def test_equal_targets_of_two_bundles_have_a_line_each(make):
    behaviour = Behaviour(seconds=60.0, states=((0.0, "happy"),), truth=((0.0, "happy"),))
    run = make.run(
        make.measurement(behaviour=behaviour),
        make.measurement(behaviour=behaviour, bundle="other", name="other litert-int8 x1"),
    )
    text = table.render(run)
    assert "mine litert-int8 on drawn faces" in text
    assert "other litert-int8 on drawn faces" in text


def test_markdown_has_one_row_per_measurement_the_fastest_first(make):
    lines = table.markdown(make.run(make.measurement(classify=2.0), make.measurement("onnx-int8", seed=1))).splitlines()
    assert [line.split("|")[1].strip() for line in lines] == ["", "---", "mine onnx-int8 x1", "mine litert-int8 x1"]


def test_figures_are_ready_for_json(make):
    figures = json.loads(json.dumps(table.figures(make.run())))
    assert figures["cells"][0]["p50_ms"] < figures["cells"][0]["p90_ms"] < figures["cells"][0]["max_ms"]
    assert len(figures["cells"][0]["blocks"]) == len(make.run().measurements[0].free)
    assert figures["cells"][0]["growth"] == {"memory_mb": None, "open_files": None}
    assert figures["recommended"] == "mine litert-int8 x1"


def test_a_run_without_frames_says_so(make):
    assert "nothing to recommend" in table.render(make.run(make.measurement(free=(), failed="it crashed")))


def test_a_page_derives_its_recommendation_once(make, monkeypatch):
    def counted(run):
        derived.append(run)
        return judge(run)

    derived = []
    monkeypatch.setattr(table, "judge", counted)
    run = make.run()
    table.render(run)
    table.figures(run)
    assert derived == [run, run]
