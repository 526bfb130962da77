from __future__ import annotations

import json
import os

import pytest

from edge_fer import host


@pytest.mark.parametrize(
    ("model", "cpu", "name"),
    [("Raspberry Pi 5", "0xd0b", "Raspberry Pi 5"), (None, "EPYC", "EPYC"), (None, None, "unknown")],
)
def test_a_machine_is_called_by_its_model_or_else_by_its_processor(model, cpu, name):
    assert host.machine_name({"model": model, "cpu": cpu}, "unknown") == name


def test_the_facts_of_a_pi_are_read(raspberry_pi):
    facts = host.facts(raspberry_pi)
    assert facts["model"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert facts["soc"] == "brcm,bcm2712"
    assert facts["cpu_features"] == ["asimd", "asimddp", "asimdhp"]
    assert (facts["governor"], facts["frequency_mhz"], facts["max_frequency_mhz"]) == ("ondemand", 1950.0, 2400.0)
    assert (facts["memory_mb"], facts["swap_mb"]) == (8052, 511)
    assert (facts["temperature_c"], facts["power"]) == (61.234, "hwmon")
    assert host.throttling(facts["throttled"]) == ("under-voltage", "throttled")


def test_facts_that_the_machine_does_not_give_are_none_never_zero(tmp_path):
    facts = host.facts(tmp_path)
    unknown = ("model", "soc", "cpu", "governor", "frequency_mhz", "max_frequency_mhz", "temperature_c", "throttled",
               "memory_mb", "swap_mb", "power")  # fmt: skip
    for name in unknown:
        assert facts[name] is None, name
    assert facts["cpu_features"] == []
    assert host.energy_j(tmp_path) is None
    assert host.cpu_seconds(tmp_path) is None
    assert host.sensor_w(tmp_path) is None


def test_facts_of_this_machine_are_json():
    facts = json.loads(json.dumps(host.facts()))
    assert facts["cores"] >= 1
    assert "numpy" in facts["packages"]
    assert host.process_memory_mb() > 5
    assert host.process_files() >= 3
    assert host.process_files(2**30) is None


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 3}, raising=False)
    assert host.usable_cores() == 3


@pytest.mark.parametrize(("known", "cores"), [(8, 8), (None, 1)])
def test_without_an_affinity_all_cores_count(monkeypatch, known, cores):
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: known)
    assert host.usable_cores() == cores
    assert host.facts()["cores"] == cores


def test_without_a_load_average_it_is_none(monkeypatch):
    monkeypatch.delattr(os, "getloadavg", raising=False)
    assert host.facts()["load_1min"] is None


def test_a_firmware_that_does_not_answer_is_no_fact(monkeypatch):
    monkeypatch.setattr(host.shutil, "which", lambda name: f"/usr/bin/{name}")
    for raised in (PermissionError(13, "Permission denied"), host.subprocess.TimeoutExpired("vcgencmd", 5.0)):

        def fail(*arguments, raised=raised, **options):
            assert options["timeout"] > 0
            raise raised

        monkeypatch.setattr(host.subprocess, "run", fail)
        assert host.throttled() is None


def test_numbers_of_the_system_that_are_none_are_left_out(raspberry_pi):
    (raspberry_pi / "proc/meminfo").write_text("MemTotal: much\nSwapTotal:        524272 kB\n")
    (raspberry_pi / "proc/stat").write_text("cpu  a b c d e f g h\n")
    assert host.facts(raspberry_pi)["memory_mb"] is None
    assert host.facts(raspberry_pi)["swap_mb"] == 511
    assert host.cpu_seconds(raspberry_pi) is None
