from __future__ import annotations

import os

import pytest

from edge_fer import host
from edge_fer.clock import FakeClock
from edge_fer_bench.host_monitor import HostMonitor


def test_a_reading_has_the_load_of_other_programs(raspberry_pi):
    clock = FakeClock(100.0)
    monitor = HostMonitor(root=raspberry_pi, clock=clock)
    tick = os.sysconf("SC_CLK_TCK")
    (raspberry_pi / "proc/stat").write_text(f"cpu  {1000 + 12 * tick} 0 500 9000 10 0 0 {50 + 2 * tick} 0 0\n")
    clock.advance(10.0)
    reading = monitor.read(candidate_cpu_s=4.0)
    assert reading.at_s == monitor.elapsed_s() == 10.0
    assert reading.others_cores == pytest.approx(0.8, abs=0.05)  # of 12 s the candidate used 4, this test a little
    assert reading.stolen_cores == pytest.approx(0.2)
    assert (reading.power_w, reading.throttled, reading.temperature_c) == (4.25, 0x50005, 61.234)
    assert monitor.read().others_cores is None  # no time has passed
    assert [reading.at_s for reading in monitor.readings] == [10.0, 10.0]


def test_power_is_the_energy_of_rapl_over_time(tmp_path):
    energy = tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
    energy.parent.mkdir(parents=True)
    energy.write_text("1000000\n")
    clock = FakeClock()
    monitor = HostMonitor(root=tmp_path, clock=clock)
    energy.write_text("21000000\n")
    assert host.facts(tmp_path)["power"] == "rapl"
    clock.advance(2.0)
    assert monitor.read().power_w == 10.0
    energy.write_text("500\n")  # the counter overflowed
    clock.advance(2.0)
    assert monitor.read().power_w is None


@pytest.mark.parametrize(("command", "watts"), [("echo 3.5 W", 3.5), ("echo none", None), ("no-such-meter", None)])
def test_the_power_command_of_the_user_is_read(command, watts):
    assert HostMonitor(command).read().power_w == watts
