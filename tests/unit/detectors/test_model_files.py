"""Model files of detectors: which are tried in a process of their own, and what becomes of harmful ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge_fer import trial, trial_child
from edge_fer.detectors import model_files, open_detector
from edge_fer.errors import BadInput
from edge_fer.trial import SINGLE_MODEL, Limits

GOLDEN = Path(__file__).parents[2] / "golden"
FILES = {"yunet": GOLDEN / "yunet.onnx", "blazeface": GOLDEN / "blazeface.tflite"}


def refuse(*arguments, **options):
    raise AssertionError("a trial was made")


@pytest.mark.parametrize("name", FILES)
def test_only_files_of_unknown_checksums_are_tried(monkeypatch, name):
    monkeypatch.setattr(trial, "check_detector", refuse)
    with pytest.raises(AssertionError, match="a trial was made"):
        open_detector(f"{name}:{FILES[name]}")
    digest = hashlib.sha256(FILES[name].read_bytes()).hexdigest()
    monkeypatch.setattr(model_files, "KNOWN", {name: frozenset({digest})})
    assert open_detector(f"{name}:{FILES[name]}").name == name


def test_what_was_tried_is_what_is_executed(monkeypatch, tmp_path):
    copy = tmp_path / "model"
    copy.write_bytes(FILES["yunet"].read_bytes())
    monkeypatch.setattr(trial, "check_detector", lambda *arguments: copy.write_bytes(b"another model"))
    assert open_detector(f"yunet:{copy}").name == "yunet"


def test_a_large_file_is_not_read(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(model_files.MAX_BYTES + 1)
    with pytest.raises(BadInput, match=r"is larger than 16 MB; it is no model of yunet$"):
        open_detector(f"yunet:{tmp_path / 'large'}")


def test_a_file_in_the_home_folder_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(trial, "check_detector", lambda *arguments: None)
    (tmp_path / "mine.onnx").write_bytes(FILES["yunet"].read_bytes())
    assert open_detector("yunet:~/mine.onnx").name == "yunet"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "os.kill(os.getpid(), signal.SIGSEGV)",
            r"^m\.onnx ends the process that runs it \(SIGSEGV\); do not use this",
        ),
        ("print('ready', flush=True); time.sleep(60)", r"^m\.onnx takes longer than 0\.2 s; do not use this file"),
        ("""print('ready'); print('{"error": "BadInput", "message": "m.onnx is none"}')""", r"^m\.onnx is none$"),
    ],
)
def test_a_harmful_file_is_told_in_a_line(monkeypatch, tmp_path, script, message):
    (tmp_path / "scripted_detector.py").write_text(f"import os, signal, time\n{script}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(trial, "CHILD", "scripted_detector")
    with pytest.raises(BadInput, match=message):
        trial.check_detector("yunet", Path("m.onnx"), b"", Limits(time_s=0.2 if "sleep" in script else 20))


@pytest.mark.parametrize("name", FILES)
def test_the_child_searches_with_the_model_that_it_was_sent(name):
    request = {"detector": name, "path": "m"}
    assert trial_child._answer(request, {SINGLE_MODEL: FILES[name].read_bytes()}) == {}
    answer = trial_child._answer(request, {SINGLE_MODEL: b"nonsense"})
    assert answer["error"] == "BadInput"
    assert answer["message"].startswith("m is no ")


@pytest.mark.parametrize("name", FILES)
def test_what_a_detector_runs_on_is_imported_before_the_time_counts(monkeypatch, name):
    imported = []
    monkeypatch.setattr(trial_child, "_import_runtime", imported.append)
    trial_child._import_detector(name)
    assert imported == (["litert"] if name == "blazeface" else [])
