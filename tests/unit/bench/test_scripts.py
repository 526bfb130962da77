"""The scripts of ``benchmarks/``: each explains itself, and says in one line what it needs."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_fer.errors import MissingDependency

SCRIPTS = Path(__file__).parents[3] / "benchmarks"
pytestmark = pytest.mark.skipif(not (SCRIPTS / "script.py").is_file(), reason="the scripts are not part of the wheel")

#: Runs a script as `python SCRIPT ARGUMENTS` does, where the packages of the first argument are not installed.
WITHOUT = """
import runpy, sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None
sys.argv = sys.argv[2:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
HEAVY = "keras,nncf,onnx,tensorflow,tf2onnx,torch"

#: Script → arguments without which it does not start.
NEED_CONVERT = {
    "contracts.py": ("--data", "nowhere"),
    "conversion_cost.py": ("--data", "nowhere"),
    "hard_models.py": ("--data", "nowhere"),
    "int8_blocks.py": (),
    "keras_forms.py": (),
    "litert_dynamic.py": ("--data", "nowhere"),
    "pytorch_models.py": (),
    "quantizers.py": ("--data", "nowhere"),
    "saturation.py": ("--data", "nowhere"),
    "training_choices.py": ("--data", "nowhere", "--runs", "nowhere"),
    "training_steps.py": (),
    "vendors.py": ("nowhere",),
    "zoo.py": (),
    "peers/compare.py": ("--data", "nowhere"),
}
ALL = (
    *NEED_CONVERT,
    "appliance/kill.py",
    "appliance/power_cut.py",
    "boxes.py",
    "faces/measure.py",
    "footprint.py",
    "live.py",
    "live_faults.py",
    "overhead.py",
    "placed_faces.py",
    "power.py",
    "stopping.py",
    "tracking.py",
    "wake_up.py",
)


def run_script(name, *arguments, without=HEAVY):
    command = [sys.executable, "-c", WITHOUT, without, str(SCRIPTS / name), *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


def test_every_script_is_tried_here():
    found = {path.name for path in SCRIPTS.glob("*.py")} - {"script.py", "live_worker.py"}
    assert found == {name for name in ALL if "/" not in name}


@pytest.mark.parametrize("name", ALL)
def test_a_script_explains_itself_without_the_convert_extra(name):
    done = run_script(name, "--help")
    assert done.returncode == 0, done.stderr
    assert f"python benchmarks/{name}" in done.stdout
    assert "--json" in done.stdout
    if name in NEED_CONVERT:
        assert "`convert` extra" in done.stdout


@pytest.mark.parametrize("name", NEED_CONVERT)
def test_a_script_that_converts_says_what_is_missing_in_one_line(name):
    done = run_script(name, *NEED_CONVERT[name])
    assert done.returncode == 8
    assert done.stderr.startswith(f"{Path(name).name}: ")
    assert done.stderr.endswith("pip install 'edge-fer[convert]'\n")
    assert done.stderr.count("\n") == 1
    assert " needs " in done.stderr


def test_comparing_needs_no_conversion_when_opencv_is_left_out(tmp_path):
    done = run_script("peers/compare.py", "--data", tmp_path / "nowhere.zip", "--only", "fer")
    assert done.stderr.startswith("compare.py: ")
    assert "nowhere.zip is not there" in done.stderr
    assert done.returncode == 3


def test_an_unknown_peer_is_refused(tmp_path):
    done = run_script("peers/compare.py", "--data", tmp_path / "nowhere.zip", "--only", "azure")
    assert done.returncode == 3
    assert "no peer 'azure'; choose from: fer, opencv-dnn, deepface, emotiefflib" in done.stderr


@pytest.fixture
def script():
    """What the scripts share, `benchmarks/script.py`."""
    spec = importlib.util.spec_from_file_location("script", SCRIPTS / "script.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_result_records_the_command_that_makes_it_again(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/home/pi/edge-fer/benchmarks/tracking.py", "--json", "my results.json"])
    assert script.command() == "python benchmarks/tracking.py --json 'my results.json'"


def test_a_result_is_saved_where_it_was_asked_for(script, tmp_path):
    path = tmp_path / "results" / "tracking.json"
    script.save({"rows": [1]}, path)
    assert path.read_text() == '{"rows": [1]}\n'
    script.save({"rows": [1]}, None)


def test_float_weights_that_are_missing_are_a_clear_error(script):
    with pytest.raises(MissingDependency, match=r"no-such-model\.keras is not there.*pip install -e '\.\[convert\]'"):
        script.float_weights("no-such-model")


def test_what_models_lose_is_printed_and_saved(script, tmp_path, drawn_zip, monkeypatch, capsys):
    # Training and evaluation set are the same faces here, so `without_evaluated` would leave none to calibrate with.
    calibration = pytest.importorskip("edge_fer_convert.calibration")
    monkeypatch.setattr(calibration, "without_evaluated", lambda train, evaluation, warn, forced: train)
    for name in ("fer2013-train.zip", "fer2013-public-test.zip"):
        (tmp_path / name).write_bytes(Path(drawn_zip).read_bytes())
    options = argparse.Namespace(data=tmp_path, json=tmp_path / "rows.json")

    def rows_of(name, pool, evaluation):
        yield {"model": name, "pool": len(pool), "images": len(evaluation)}

    script.evaluate_models(options, ("first", "second"), rows_of, lambda row: f"{row['model']}: {row['images']}")
    assert capsys.readouterr().out == "first: 28\nsecond: 28\n"
    saved = json.loads((tmp_path / "rows.json").read_text())
    assert saved["rows"] == [{"model": name, "pool": 28, "images": 28} for name in ("first", "second")]
