"""What of `devices/emulate` needs no emulator: how a machine is started, and how cards are judged."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "devices" / "emulate"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the emulation lies in a clone, not in the wheel")


@pytest.fixture
def machine(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("stand_in", "machine", "scenarios"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    spec = importlib.util.find_spec("machine")
    loaded = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "machine", loaded)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def scenarios(machine, monkeypatch):
    import importlib

    return importlib.import_module("scenarios")


@pytest.fixture
def card(machine, monkeypatch):
    """A card's image whose boot partition cannot be read here."""

    def read(*words, stdin=None):
        return "root=LABEL=rootfs quiet\n" if "mtype" in words else ""

    monkeypatch.setattr(machine.stand_in, "run", read)
    return Path("card.img")


def test_a_machine_has_the_cards_command_line_and_no_way_out(machine, card, tmp_path):
    command = machine.qemu(card, machine.VIRT_A72, tmp_path / "console.log", 1234)
    line = command[command.index("-append") + 1]
    assert line.startswith("root=LABEL=rootfs quiet ")
    network = command[command.index("-netdev") + 1]
    assert "restrict=on" in network  # no internet in the guest
    assert "hostfwd=tcp:127.0.0.1:1234-:8737" in network
    assert "-no-reboot" in command


def test_a_machine_may_have_no_network_card(machine, card, tmp_path):
    command = machine.qemu(card, machine.VIRT_A72, tmp_path / "console.log", None)
    assert command[command.index("-nic") + 1] == "none"
    assert "-netdev" not in command


def test_what_the_probe_tells_is_found_between_other_lines(machine, tmp_path):
    console = tmp_path / "console.log"
    console.write_text('[ 1.0] systemd\nPROBE {"root": "ext4"}\r\n\nPROBE {"root":')  # the last is being written
    one = machine.Machine(None, tmp_path / "card.img", console, None)
    assert one.probes() == [{"root": "ext4"}]


def test_a_machine_that_ends_is_not_waited_for(machine, tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    one = machine.Machine(ended, tmp_path / "card.img", tmp_path / "console.log", None)
    with pytest.raises(machine.NeverHappened, match="ended with 3"):
        one.wait("frames", 60, lambda: False)


def test_another_label_is_another_first_record(scenarios):
    face = {"state": "happy", "box": [10.0, 10.0, 50.0, 50.0], "scores": {"happy": 0.9}}
    scenarios.check_first({"faces": [{**face, "box": [10.5, 10.0, 50.0, 50.0]}]}, {"faces": [face]})
    for other in (
        {**face, "state": "sad"},
        {**face, "box": [12.0, 10.0, 50.0, 50.0]},
        {**face, "scores": {"happy": 0.8}},
    ):
        with pytest.raises(AssertionError):
            scenarios.check_first({"faces": [other]}, {"faces": [face]})
    with pytest.raises(AssertionError):
        scenarios.check_first(None, {"faces": [face]})


def test_moments_are_chosen_evenly_and_each_keeps_its_card(scenarios, tmp_path):
    class Machine:
        def copy_as_cut(self, target):
            target.write_text(self.card)

    one = Machine()
    begun = [0, 0]
    for seed in range(200):
        sample = scenarios.Sample(tmp_path / "cuts", 4, random.Random(seed))  # noqa: S311
        for number in range(20):
            one.card = str(number)
            sample.offer(one, str(number))
        assert len(sample.kept) == 4
        assert all(path.read_text() == moment for path, moment in sample.kept)
        for _, moment in sample.kept:
            begun[int(moment) >= 10] += 1
    assert 300 < begun[0] < 500  # of 800, half


def test_every_scenario_says_what_it_does(scenarios):
    assert all(scenario.__doc__ for scenario in scenarios.SCENARIOS.values())
