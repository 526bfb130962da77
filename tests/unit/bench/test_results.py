from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.errors import BadInput, SinkError
from edge_fer_bench import results
from edge_fer_bench.results import Block, Run

MS = st.lists(st.floats(0.001, 1e4), min_size=1, max_size=20).map(tuple)


@given(MS)
def test_times_are_rounded_to_a_microsecond(values):
    kept = Block(at_s=0.0, frame_ms=values).frame_ms
    assert all(abs(a - b) <= 0.5e-3 + 1e-12 for a, b in zip(kept, values, strict=True))


@pytest.mark.parametrize("name", ["run.json", "run.json.gz"])
def test_a_run_survives_its_file(make, tmp_path, name):
    path = tmp_path / "deep" / name
    run = make.run(make.measurement(accuracy=0.5), make.measurement("litert-float32"))
    results.save_run(run, path)
    assert results.load_run(path) == run
    assert [entry.name for entry in path.parent.iterdir()] == [name]


def test_a_run_fits_its_schema(make):
    """The public schema names every field of a run."""
    schema = Run.model_json_schema()
    run = json.loads(make.run().model_dump_json())
    assert schema["properties"].keys() == run.keys()
    assert schema["$defs"]["Measurement"]["properties"].keys() == run["cells"][0].keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Invalid JSON"),
        ("{}", "Field required"),
        ('{"format_version": 1}', "is not a run of format version 2"),
        ('{"format_version": 3}', "has format version 3, this edge-fer reads 2; update edge-fer"),
        ("[]", "should be an object"),
    ],
)
def test_a_file_that_is_not_a_run_is_refused(tmp_path, content, message):
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        results.load_run(path)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x00" + b"\xff" * 20])
def test_a_damaged_compressed_file_is_refused(tmp_path, content):
    (tmp_path / "run.json.gz").write_bytes(content)
    with pytest.raises(BadInput, match=r"cannot be read|is not a run"):
        results.load_run(tmp_path / "run.json.gz")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        results.load_run(tmp_path / "nothing.json")


def test_a_path_that_cannot_be_written_is_an_error(make, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        results.save_run(make.run(), tmp_path / "file" / "run.json")


def test_a_full_disk_leaves_nothing_half_written(make, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(SinkError, match="No space left on device"):
        results.save_run(make.run(), tmp_path / "run.json")
    assert not list(tmp_path.iterdir())
