from __future__ import annotations

import json
import os

import pytest

from edge_fer import host
from edge_fer_bench.host_monitor import HostMonitor


@pytest.fixture
def pi(tmp_path):
    """What /proc and /sys of a Raspberry Pi 5 hold."""
    files = {
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\x00",
        "proc/device-tree/compatible": "raspberrypi,5-model-b\x00brcm,bcm2712\x00",
        "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp\nCPU part\t: 0xd0b\n\nprocessor\t: 1\n",
        "proc/meminfo": "MemTotal:        8245248 kB\nSwapTotal:        524272 kB\n",
        "proc/stat": "cpu  1000 0 500 9000 10 0 0 50 0 0\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2400000\n",
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1500000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "2400000\n",
        "sys/class/thermal/thermal_zone0/temp": "61234\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        "sys/class/hwmon/hwmon2/power1_input": "4250000\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_facts_of_a_pi_are_read(pi):
    facts = host.facts(pi)
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


def test_readings_tell_how_busy_other_programs_were(pi):
    times = iter([100.0, 110.0, 110.0])
    monitor = HostMonitor(root=pi, now=lambda: next(times))
    tick = os.sysconf("SC_CLK_TCK")
    (pi / "proc/stat").write_text(f"cpu  {1000 + 12 * tick} 0 500 9000 10 0 0 {50 + 2 * tick} 0 0\n")
    reading = monitor.read(ours_s=4.0)
    assert reading.at_s == 10.0
    assert reading.others_cores == pytest.approx(0.8, abs=0.05)  # of 12 s were 4 ours, and a little this test's
    assert reading.stolen_cores == pytest.approx(0.2)
    assert (reading.power_w, reading.throttled, reading.temperature_c) == (4.25, 0x50005, 61.234)
    assert monitor.read().others_cores is None  # no time has passed
    assert len(monitor.readings) == 2


def test_power_is_rapls_energy_over_time(tmp_path):
    energy = tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
    energy.parent.mkdir(parents=True)
    energy.write_text("1000000\n")
    times = iter([0.0, 2.0, 4.0])
    monitor = HostMonitor(root=tmp_path, now=lambda: next(times))
    energy.write_text("21000000\n")
    assert host.facts(tmp_path)["power"] == "rapl"
    assert monitor.read().power_w == 10.0
    energy.write_text("500\n")  # the counter overflowed
    assert monitor.read().power_w is None


@pytest.mark.parametrize(("command", "watts"), [("echo 3.5 W", 3.5), ("echo none", None), ("no-such-meter", None)])
def test_the_users_own_meter_is_read(command, watts):
    assert HostMonitor(command).read().power_w == watts
