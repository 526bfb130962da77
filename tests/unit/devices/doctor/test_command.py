"""The command ``edge-fer doctor``."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from edge_fer.cli import main
from edge_fer.errors import BadInput, UnfitMachine
from edge_fer_devices.doctor import CHECKS, probes
from edge_fer_devices.doctor import machine as machines
from edge_fer_devices.doctor.command import doctor
from edge_fer_devices.doctor.probes import Result


@pytest.fixture
def on(monkeypatch):
    """Return a function that puts the command on a made-up machine, and returns what it was called with."""
    asked = []

    def put(machine):
        @contextmanager
        def no_probes(*arguments):
            asked.append(arguments)
            yield machine.probes

        def this_machine(budget, source, found):
            asked.append((budget, source))
            return machine

        monkeypatch.setattr(probes, "Probes", no_probes)
        monkeypatch.setattr(machines, "this_machine", this_machine)
        return asked

    return put


def test_a_healthy_machine_has_exit_code_0_and_a_line_a_check(machine, on):
    on(machine())
    done = CliRunner().invoke(doctor, [])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * len(CHECKS)
    assert [line[9:25].strip() for line in lines] == list(CHECKS)
    assert done.stderr == "no fault, 0 warnings: edge-fer runs here\n"


def test_warnings_leave_the_exit_code_at_0(machine, on):
    on(machine(free_mb=lambda path: 300.0))
    done = CliRunner().invoke(doctor, [])
    assert done.exit_code == 0
    assert done.stderr == "no fault, 1 warning: edge-fer runs here\n"
    assert "warning  disk             only 300 MiB are free on /\n    sudo apt clean" in done.stdout


def test_faults_have_an_exit_code_of_their_own_and_lines_to_paste(machine, on):
    on(machine(bits=32, free_mb=lambda path: 1.0))
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == UnfitMachine.exit_code == 11
    assert done.stderr == "edge-fer: 2 faults on this machine; see above\n"
    assert "fault    64-bit system    this Python is a 32-bit program" in done.stdout


def test_json_is_an_object_for_each_check(machine, on):
    on(machine(bits=32))
    done = CliRunner().invoke(main, ["doctor", "--json"])
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["check"] for entry in found] == list(CHECKS)
    assert found[0]["level"] == "fault"
    assert found[0]["remedy"][0].startswith("# write Raspberry Pi OS")
    assert {entry["level"] for entry in found[1:]} == {"ok"}
    assert done.exit_code == 11


def test_names_of_the_machine_are_shown_and_not_obeyed(machine, on):
    on(machine(facts={"governor": "fast\x1b[2J"}))
    done = CliRunner().invoke(doctor, [])
    assert "fast\\x1b[2J" in done.stdout
    assert "\x1b" not in done.stdout


def test_what_is_asked_is_handed_on(machine, on, tmp_path):
    asked = on(machine())
    key = str(tmp_path / "ours.pem")
    options = [
        "--model",
        "m.zip",
        "--target",
        "onnx-int8",
        "--key",
        key,
        "--source",
        "2",
        "--device",
        "raspberry-pi-3",
    ]
    assert CliRunner().invoke(doctor, options).exit_code == 0
    assert asked == [("raspberry-pi-3", "m.zip", "onnx-int8", key), (machines.Budget(100, 80.0), "2")]


@pytest.mark.parametrize("result", [Result({}), Result({"error": "…"}), Result(None, "was ended by SIGILL")])
def test_without_a_budget_the_usual_limits_count(machine, on, result):
    asked = on(machine(results={"budget": result}))
    assert CliRunner().invoke(doctor, []).exit_code == 0
    assert asked[-1] == (None, None)


def test_an_unknown_board_is_bad_input(machine, on):
    on(machine(answers={"budget": {"error": "no board profile 'pi'"}}))
    with pytest.raises(BadInput, match="no board profile 'pi'"):
        CliRunner().invoke(doctor, ["--device", "pi"], catch_exceptions=False)


RUN = """
import sys
from edge_fer.cli import main
try:
    main(["doctor", *sys.argv[1:]])
except SystemExit as exc:
    print([name for name in ("numpy", "cv2", "pydantic", "ai_edge_litert") if name in sys.modules], file=sys.stderr)
    raise
"""


def test_a_bundle_that_is_not_there_is_a_finding_and_nothing_is_imported_that_may_crash(tmp_path):
    command = [sys.executable, "-c", RUN, "--model", str(tmp_path / "gone.zip"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = {entry["check"]: entry for entry in map(json.loads, done.stdout.splitlines())}
    assert found["golden answers"]["level"] == "fault"
    assert "no bundle at" in found["golden answers"]["says"]
    for name in ("64-bit system", "OpenCV", "LiteRT", "XNNPACK", "NumPy"):
        assert found[name]["level"] == "ok", found[name]
    assert done.returncode == 11
    assert done.stderr.splitlines()[-1] == "[]"
