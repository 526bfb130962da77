"""The profiles of boards, and which board a machine is."""

from __future__ import annotations

import tomllib

import pytest

from edge_fer import bundle, host, profile
from edge_fer.errors import BadInput
from edge_fer.host import CPU_FEATURES
from edge_fer.tracking import Tracking
from edge_fer_devices.boards import assumed, board, load, names, recognise

EVERY = pytest.mark.parametrize("name", names())
PI_4 = {"machine": "aarch64", "model": "Raspberry Pi 4 Model B Rev 1.5", "cpu": "0xd08", "memory_mb": 3791}


def test_the_boards_are_there():
    assert set(names()) == {
        "generic-arm64",
        "generic-x86",
        "raspberry-pi-3",
        "raspberry-pi-4",
        "raspberry-pi-5",
        "raspberry-pi-zero-2-w",
    }


@EVERY
def test_a_file_that_is_read_and_written_is_the_same_file(name):
    path = board.PROFILES / f"{name}.toml"
    assert load(name).toml() == path.read_text(encoding="utf-8")


@EVERY
def test_every_table_tells_where_its_facts_come_from(name):
    tables = [table for table in load(name).model_dump().values() if isinstance(table, dict)]
    assert len(tables) == 7
    for table in tables:
        assert table["facts_from"]


@EVERY
def test_a_board_begins_from_what_edge_fer_ships(name):
    known = load(name)
    shipped = bundle.load(known.settings.model)
    assert known.settings.target in [target.name for target in shipped.manifest.targets]
    assert set(known.cpu.features) <= set(CPU_FEATURES)
    assert Tracking(
        search_every_s=known.schedule.search_every_s, confirm_every_s=known.schedule.confirm_every_s
    )  # raises for values that cannot be


@EVERY
def test_nobody_claims_to_have_measured(name):
    known = load(name)
    assert "assumed" in known.settings.facts_from
    assert "assumed" in known.budget.facts_from
    assert assumed(name).assumed
    assert assumed(name).board == name


@pytest.mark.parametrize("name", ["", "pi", "../profiles/generic-x86", "generic-x86.toml", "x" * 5000, "a\0b"])
def test_an_unknown_board_is_refused_with_the_known_ones(name):
    with pytest.raises(BadInput, match=r"no board profile .*pass one of: generic-arm64, generic-x86, raspberry-pi-3"):
        load(name)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("threads = 2", "threads = 5"),
        ('target = "litert-int8"', 'target = "openvino-int8"'),
        ('name = "raspberry-pi-4"', 'name = "raspberry-pi-5"'),
        ("memory_mb = 100", "memory = 100"),
        ('facts_from = "assumed: edge-fer\'s own values"', 'facts_from = "somewhere"'),
        ("[cpu]", "[cpu"),
    ],
)
def test_a_file_with_a_fault_is_refused(tmp_path, monkeypatch, old, new):
    text = (board.PROFILES / "raspberry-pi-4.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "raspberry-pi-4.toml").write_text(text.replace(old, new, 1))
    monkeypatch.setattr(board, "PROFILES", tmp_path)
    with pytest.raises(BadInput, match="install edge-fer again"):
        load("raspberry-pi-4")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Raspberry Pi 3 Model A Plus Rev 1.0", "raspberry-pi-3"),
        ("Raspberry Pi Compute Module 3 Plus Rev 1.0", "raspberry-pi-3"),
        ("Raspberry Pi 4 Model B Rev 1.5", "raspberry-pi-4"),
        ("Raspberry Pi 400 Rev 1.0", "raspberry-pi-4"),
        ("Raspberry Pi Compute Module 4S Rev 1.0", "raspberry-pi-4"),
        ("Raspberry Pi 5 Model B Rev 1.1", "raspberry-pi-5"),
        ("Raspberry Pi 500 Rev 1.0", "raspberry-pi-5"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "raspberry-pi-zero-2-w"),
    ],
)
def test_a_board_is_recognised_by_its_device_tree(model, name):
    found = recognise({**PI_4, "model": model})
    assert found.board.name == name
    assert found.evidence == f"its device tree says {model}"


@pytest.mark.parametrize(
    ("cpu", "memory_mb", "name"),
    [
        ("0xd03", 416, "raspberry-pi-zero-2-w"),
        ("0xd03", 905, "raspberry-pi-3"),
        ("0xd03", None, "raspberry-pi-zero-2-w"),
        ("0xd08", 7820, "raspberry-pi-4"),
        ("0xd08", 63_000, "generic-arm64"),
        ("0xd0b", 16_000, "raspberry-pi-5"),
        ("0xd40", 4000, "generic-arm64"),
        (None, None, "generic-arm64"),
    ],
)
@pytest.mark.parametrize("model", [None, "linux,dummy-virt"])
def test_without_a_known_device_tree_the_processor_and_the_memory_count(model, cpu, memory_mb, name):
    facts = {"machine": "aarch64", "model": model, "cpu": cpu, "memory_mb": memory_mb}
    assert recognise(facts).board.name == name


@pytest.mark.parametrize(
    ("machine", "name"), [("x86_64", "generic-x86"), ("AMD64", "generic-x86"), ("arm64", "generic-arm64")]
)
def test_else_the_architecture_counts(machine, name):
    facts = {"machine": machine, "model": None, "cpu": "Some CPU", "memory_mb": 2000}
    assert recognise(facts).board.name == name


@pytest.mark.parametrize("machine", ["riscv64", "armv7l", ""])
def test_an_architecture_without_a_board_is_an_error(machine):
    with pytest.raises(BadInput, match="no board profile is for"):
        recognise({"machine": machine, "model": None, "cpu": None, "memory_mb": None})


def test_the_files_of_a_machine_are_enough(raspberry_pi):
    assert recognise(host.facts(raspberry_pi)).board.name == "raspberry-pi-5"


def test_auto_is_the_board_that_this_machine_is(monkeypatch):
    monkeypatch.setattr(host, "facts", lambda: PI_4)
    assert assumed("auto") == load("raspberry-pi-4").as_profile()


def test_the_runtime_finds_the_boards():
    assert profile.of_board("raspberry-pi-3") == load("raspberry-pi-3").as_profile()


def test_what_is_assumed_of_a_board_is_a_profile_that_can_be_read(tmp_path):
    path = tmp_path / "profile.toml"
    path.write_text(load("raspberry-pi-zero-2-w").as_profile().toml())
    read = profile.Profile.load(path)
    assert (read.board, read.frame_px, read.schedule.classify_fps) == ("raspberry-pi-zero-2-w", (320, 240), 5.0)
    assert tomllib.loads(path.read_text())["assumed"] is True
