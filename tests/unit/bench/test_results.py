from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.backends import BackendInfo
from edge_fer.errors import BadInput, SinkError
from edge_fer_bench import host, results, table
from edge_fer_bench.results import Accuracy, Golden, Result, Tracking

MS = st.lists(st.floats(0, 1e4), min_size=2, max_size=20).map(tuple)


def make(stage: tuple[float, ...] = (1.0, 2.0, 4.0), **changes) -> Result:
    values = {
        "command": "edge-fer bench",
        "started": results.now(),
        "bundle": "cnn-1",
        "target": "litert-int8",
        "backend": asdict(BackendInfo("litert", "ai-edge-litert", "2.3.0", 1, "int8", "int8")),
        "host": host.facts(),
        "frame_px": (640, 480),
        "stages_ms": dict.fromkeys(("capture", "detect", "preprocess", "classify", "smooth"), stage),
        "classifier_ms": {"litert-int8": (0.5, 0.5), "litert-float32": (1.0, 1.0)},
        "first_result_s": (0.5,),
        "peak_memory_mb": (100.0,),
        "golden": Golden(inputs=10, same_label=10, worst=0.0, tolerance=0.01, passed=True),
        "tracking": Tracking(iou=(0.9, 1.0), found_again_s=(0.1,)),
        "accuracy": (
            Accuracy(target="litert-int8", data="x.zip", images=2, accuracy=0.5, macro_f1=0.4, predicted=(0, 1)),
        ),
    }
    return Result(**{**values, **changes})


@given(MS)
def test_a_result_survives_its_file_with_every_raw_value(tmp_path_factory, stage):
    path = tmp_path_factory.mktemp("results") / "deep" / "result.json"
    result = make(stage)
    results.save(result, path)
    assert results.load(path) == result
    assert [entry.name for entry in path.parent.iterdir()] == ["result.json"]


def test_a_frame_is_the_sum_of_its_stages_without_the_camera():
    assert make().frames_ms().tolist() == [4.0, 8.0, 16.0]


def test_percentiles_keep_the_tail():
    assert results.percentiles([1.0] * 98 + [100.0] * 2) == (1.0, 1.0, 100.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Invalid JSON"),
        ("{}", "Field required"),
        ('{"format_version": 2}', "format_version"),
        ("[]", "should be an object"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path, content, message):
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        results.load(path)


def test_a_result_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        results.load(tmp_path / "nothing.json")


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        results.save(make(), tmp_path / "file" / "result.json")


def test_the_table_shows_stages_ratio_and_verdicts():
    text = table.render(make())
    for expected in (
        "detect",
        "p99 ms",
        "107 frames a second",
        "2.00x as fast",
        "match (10/10",
        "50.00%",
        "mean IoU 0.950",
    ):
        assert expected in text
    assert "DO NOT MATCH" in table.render(make(golden=make().golden.model_copy(update={"passed": False})))


def test_the_hosts_facts_are_json_and_unknown_is_none(monkeypatch):
    facts = host.facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["cores"] >= 1
    assert "numpy" in facts["packages"]
    monkeypatch.setattr(host, "_read", lambda path: None)
    blind = host.facts()
    assert blind["memory_mb"] is None
    assert blind["temperature_c"] is None
    assert np.isfinite(blind["load_1min"])
