from __future__ import annotations

import gzip
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


def write(path, run, **changes):
    """Write *run* to *path* with *changes*, each by the dotted name of its place."""
    tree = json.loads(run.model_dump_json())
    for place, value in changes.items():
        *parents, last = [int(part) if part.isdecimal() else part for part in place.split("__")]
        target = tree
        for parent in parents:
            target = target[parent]
        target[last] = value
    path.write_text(json.dumps(tree))
    return path


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("seconds", float("nan"), "seconds"),
        ("seconds", 1e300, "less than or equal to"),
        ("cells__0__free__0__frame_ms", [], "stage"),
        ("cells__0__free__0__frame_ms__0", 0, "a frame of 0 ms"),
        ("cells__0__free__0__frame_ms__0", float("inf"), "frame_ms"),
        ("cells__0__free__1__stages_ms__detect", [1.0], "stage detect has 1 values for 40 frames"),
        ("cells__0__free__1__stages_ms", {}, "blocks with different stages"),
        ("cells__0__accuracy__names", ["happy", "sad"], "2 names of classes, 1 values of recall"),
        ("cells__1__accuracy__predicted", [0], "accuracies of different numbers"),
        ("cells__0__accuracy__accuracy", 1.5, "less than or equal to 1"),
        ("cells__0__threads", -1, "greater than or equal to 0"),
        ("scene", {}, "width_px"),
        ("host__cores", "many", "valid integer"),
        ("host", [], "should be an object"),
        ("readings__0__throttled", "x", "throttled"),
    ],
)
def test_a_run_that_does_not_fit_together_is_refused_in_one_line(make, tmp_path, place, value, message):
    run = make.run(make.measurement(accuracy=0.5), make.measurement("litert-float32", accuracy=0.5))
    path = write(tmp_path / "run.json", run, **{place: value})
    with pytest.raises(BadInput, match=message) as caught:
        results.load_run(path)
    assert "\n" not in str(caught.value)


def test_a_compressed_file_is_bounded_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "MAX_BYTES", 1000)
    (tmp_path / "run.json.gz").write_bytes(gzip.compress(b" " * 100_000))
    with pytest.raises(BadInput, match=r"run.json.gz holds more than 0 MB"):
        results.load_run(tmp_path / "run.json.gz")


def test_a_file_of_too_many_numbers_is_refused_before_it_is_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "MAX_VALUES", 1000)
    (tmp_path / "run.json").write_text("[" + "0," * 2000 + "0]")
    with pytest.raises(BadInput, match="holds more than 1000 values"):
        results.load_run(tmp_path / "run.json")


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000])
def test_deep_nesting_is_refused(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(BadInput, match="is not a run"):
        results.load_run(tmp_path / "run.json")


def test_texts_are_kept_in_one_line_that_a_terminal_can_print(make, tmp_path):
    run = make.run(make.measurement(name="a\x1b[2J\nb\u202ec", failed="x" * 9999))
    path = write(tmp_path / "run.json", run, host__system="Linux\x07", host__packages={"numpy": "2\x9b31m"})
    loaded = results.load_run(path)
    assert loaded.measurements[0].name == "a\ufffd[2J b\ufffdc"
    assert len(loaded.measurements[0].failed) == results.MAX_TEXT
    assert loaded.host["system"] == "Linux\ufffd"
    assert loaded.host["packages"] == {"numpy": "2\ufffd31m"}
