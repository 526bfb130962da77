"""The command ``edge-fer devices``."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from edge_fer import host, profile
from edge_fer.errors import BadInput
from edge_fer_devices.boards import load, names
from edge_fer_devices.boards.command import devices


def call(*arguments):
    done = CliRunner().invoke(devices, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def on_a_pi(monkeypatch):
    facts = {"machine": "aarch64", "model": "Raspberry Pi 4 Model B Rev 1.5", "cpu": "0xd08", "memory_mb": 3791}
    monkeypatch.setattr(host, "facts", lambda: facts)


@pytest.fixture
def on_another_architecture(monkeypatch):
    facts = {"machine": "riscv64", "model": "A board\x1b[2J", "cpu": None, "memory_mb": 3791}
    monkeypatch.setattr(host, "facts", lambda: facts)


@pytest.mark.usefixtures("on_a_pi")
def test_the_boards_are_listed_and_this_one_is_marked():
    heading, *lines = call().splitlines()
    assert heading.split()[0] == "board"
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [
        name for name in names() if name != "raspberry-pi-4"
    ]
    assert [line.split()[1] for line in lines if line.startswith("* r")] == ["raspberry-pi-4"]
    assert lines[-1] == "* this machine: its device tree says Raspberry Pi 4 Model B Rev 1.5"


@pytest.mark.usefixtures("on_a_pi")
def test_the_list_as_json_is_whole_profiles():
    listed = json.loads(call("--json"))
    assert [entry["name"] for entry in listed] == names()
    (here,) = [entry for entry in listed if entry["this_machine"]]
    assert (here["name"], here["budget"]["temperature_c"]) == ("raspberry-pi-4", 80.0)


@pytest.mark.usefixtures("on_another_architecture")
def test_a_machine_that_is_none_of_them_is_told():
    assert call().splitlines()[-1] == "this machine is none of them"
    assert not any(entry["this_machine"] for entry in json.loads(call("--json")))
    with pytest.raises(BadInput, match="pass one of: generic-arm64"):
        call("show")
    assert "Cortex-A76" in call("show", "raspberry-pi-5")


@pytest.mark.usefixtures("on_a_pi")
def test_a_board_is_explained_with_units_and_sources():
    text = call("show", "raspberry-pi-zero-2-w")
    for words in ("Arm Cortex-A53, 4 cores, up to 1000 MHz", "512 MiB", "320x240", "p90 200 ms a frame", "80 °C"):
        assert words in text
    assert text.count("source: ") == 7
    assert "This machine" not in text
    assert json.loads(call("show", "raspberry-pi-zero-2-w", "--json"))["this_machine"] is False


@pytest.mark.usefixtures("on_a_pi")
def test_without_a_name_this_machine_is_explained_and_what_it_runs():
    assert "Nothing was measured here" in call("show")
    call("use")
    assert "assumed of raspberry-pi-4" in call("show")
    profile.replace_of_this_machine("compact", "litert-int8", 4, "2026-11-30, suite quick: p90 9.00 ms a frame")
    assert "4 threads: 2026-11-30, suite quick: p90 9.00 ms a frame, which wins" in call("show")


@pytest.mark.usefixtures("on_a_pi")
def test_use_writes_the_assumptions_into_the_profile_of_this_machine():
    text = call("use", "raspberry-pi-zero-2-w")
    assert str(profile.default_path()) in text
    assert profile.of_this_machine() == load("raspberry-pi-zero-2-w").as_profile()
    call("use")
    assert profile.of_this_machine().board == "raspberry-pi-4"


@pytest.mark.usefixtures("on_a_pi")
def test_json_belongs_after_the_command():
    with pytest.raises(BadInput, match="pass --json after show"):
        call("--json", "show")


@pytest.mark.usefixtures("on_a_pi")
def test_what_comes_next_is_said_beside_the_result():
    assert "edge-fer devices use" in CliRunner().invoke(devices, []).stderr
    assert (
        "flash IMAGE --out NEW.img --device raspberry-pi-5"
        in CliRunner().invoke(devices, ["show", "raspberry-pi-5"]).stderr
    )
    assert "flash" not in CliRunner().invoke(devices, ["show", "generic-x86"]).stderr
