"""What is tried in processes of their own, and what is left of one that dies."""

from __future__ import annotations

import os
import sys

import pytest

from edge_fer import host
from edge_fer_devices.doctor.probes import ChildProbe, Probes, Result


@pytest.fixture
def opencv(tmp_path, monkeypatch):
    """Return a function that replaces the OpenCV of child processes by a module with some content."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def replace(content):
        (tmp_path / "cv2.py").write_text(content)
        return ChildProbe(["opencv"], limit_s=60)

    return replace


def test_a_library_for_another_processor_ends_the_child_alone(opencv):
    result = opencv("import os, signal\nos.kill(os.getpid(), signal.SIGILL)").result()
    assert result == Result(None, "was ended by SIGILL", "")


def test_a_library_that_never_loads_is_given_up(opencv):
    probe = opencv("import time\ntime.sleep(3600)")
    probe._limit_s = 0.2
    assert probe.result() == Result(None, "did not end within 0.2 s")
    assert probe._process.returncode is not None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("raise ImportError('libGL.so.1: cannot open shared object file')", "libGL.so.1: cannot open"),
        ("raise KeyError('x')", "KeyError: 'x'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import nowhere_at_all", "No module named 'nowhere_at_all'"),
        ("(", "was never closed"),
    ],
)
def test_a_library_that_cannot_be_loaded_says_why(opencv, content, words):
    assert words in opencv(content).result().answer["error"]


def test_an_opencv_without_cascades_says_where_they_were_looked_for(opencv):
    answer = opencv("__version__ = '4.6'\nclass CascadeClassifier:\n    pass").result().answer
    assert (answer["has_classifier"], answer["cascades"]) == (True, "")
    assert "/usr/share/opencv4/haarcascades" in answer["cascade_error"]


def test_what_a_library_prints_is_no_answer(opencv):
    result = opencv("import os\n__version__ = '5.0'\nprint('{}')\nos.write(1, b'[1]')").result()
    assert result.answer == {"version": "5.0", "has_classifier": False, "cascades": ""}
    assert "[1]" in result.log


def test_a_child_that_ends_in_silence_is_told(opencv):
    result = opencv("import os, sys\nsys.stderr.write('oh\\n')\nsys.stderr.flush()\nos._exit(7)").result()
    assert (result.answer, result.end) == (None, "failed with exit code 7: oh")


def test_a_child_that_cannot_be_started_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert ChildProbe(["opencv"]).result().end == "could not be started: No such file or directory"


def test_a_python_that_does_not_know_its_path_is_found(opencv, monkeypatch):
    """As where PATH is not set."""
    monkeypatch.setattr(sys, "executable", "")
    assert opencv("__version__ = '5.0'").result().answer["version"] == "5.0"


@pytest.mark.parametrize(("available_mb", "started"), [(None, True), (4000, True), (200, False)])
def test_with_little_memory_probes_run_one_after_the_other(monkeypatch, available_mb, started):
    began = []
    monkeypatch.setattr(host, "available_mb", lambda: available_mb)
    monkeypatch.setattr(ChildProbe, "start", lambda probe: began.append(probe._arguments[0]))
    with Probes():
        assert set(began) == ({"golden", "litert", "opencv"} if started else set())


def test_no_process_is_left_behind(opencv):
    probe = opencv("import time\ntime.sleep(3600)")
    probe.start()
    number = probe._process.pid
    probe.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_the_libraries_of_this_machine_answer():
    with Probes() as by_name:
        opencv, litert, golden = (by_name[name].result() for name in ("opencv", "litert", "golden"))
    assert opencv.answer["has_classifier"]
    assert opencv.answer["cascades"]
    assert litert.answer["delegated"] > 0
    assert "XNNPACK delegate" in litert.log
    assert (golden.answer["passed"], golden.answer["target"], golden.answer["model"]) == (
        True,
        "litert-int8",
        "compact",
    )
    assert "openvino" not in golden.answer["sentence"]
