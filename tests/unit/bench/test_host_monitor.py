from __future__ import annotations

import os

import pytest

from edge_fer import host
from edge_fer_bench.host_monitor import HostMonitor


@pytest.fixture
def board(tmp_path):
    """The files of /proc and /sys that a Raspberry Pi 5 with a power sensor has."""
    files = {
        "proc/stat": "cpu  1000 0 500 9000 10 0 0 50 0 0\n",
        "sys/class/thermal/thermal_zone0/temp": "61234\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        "sys/class/hwmon/hwmon2/power1_input": "4250000\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_reading_has_the_load_of_other_programs(board):
    times = iter([100.0, 110.0, 110.0])
    monitor = HostMonitor(root=board, now=lambda: next(times))
    tick = os.sysconf("SC_CLK_TCK")
    (board / "proc/stat").write_text(f"cpu  {1000 + 12 * tick} 0 500 9000 10 0 0 {50 + 2 * tick} 0 0\n")
    reading = monitor.read(candidate_cpu_s=4.0)
    assert reading.at_s == 10.0
    assert reading.others_cores == pytest.approx(0.8, abs=0.05)  # of 12 s the candidate used 4, this test a little
    assert reading.stolen_cores == pytest.approx(0.2)
    assert (reading.power_w, reading.throttled, reading.temperature_c) == (4.25, 0x50005, 61.234)
    assert monitor.read().others_cores is None  # no time has passed
    assert len(monitor.readings) == 2


def test_power_is_the_energy_of_rapl_over_time(tmp_path):
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
def test_the_power_command_of_the_user_is_read(command, watts):
    assert HostMonitor(command).read().power_w == watts
