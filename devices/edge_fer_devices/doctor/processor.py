"""Checks of clock rate, heat and power."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer import host
from edge_fer_devices.doctor.finding import Finding, fault, ok, warning

if TYPE_CHECKING:
    from edge_fer_devices.doctor.machine import Machine

FAST: Final = "echo ondemand | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
OWN_GOVERNORS: Final = ("intel_pstate", "amd-pstate", "amd-pstate-epp")
"""Drivers whose ``powersave`` follows the load; with all others it is the lowest clock."""
USUAL_LIMIT_C: Final = 85.0
"""The limit where the board is unknown: see the budgets of the boards."""
NEARLY_C: Final = 10.0
"""So near the limit, a warmer day is enough."""
SINCE_START: Final = 16
"""The bits of the past are so much higher than those of the present."""
COOLING: Final = "# a heat sink or a fan, a case with openings, and not in the sun"
SUPPLY: Final = "# use the supply that is made for this board, and its own cable"


def governor(machine: Machine) -> Finding:
    """Return whether the cores may run faster than their lowest clock."""
    name = machine.facts["governor"]
    if name is None:
        return ok("not known: the kernel does not tell")
    driver = machine.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver")
    if name == "powersave" and driver not in OWN_GOVERNORS:
        return warning(f"{name}: the cores stay at their lowest clock", FAST)
    return ok(name)


def temperature(machine: Machine) -> Finding:
    """Return whether the board is cooler than where it begins to protect itself."""
    now_c = machine.facts["temperature_c"]
    limit_c = USUAL_LIMIT_C if machine.budget is None else machine.budget.temperature_c
    if now_c is None:
        return ok("not known: this machine has no sensor")
    says = f"{now_c:.0f} °C; from {limit_c:.0f} °C on, it is slowed down"
    if now_c >= limit_c - NEARLY_C:
        return warning(says, COOLING)
    return ok(says)


def throttling(machine: Machine) -> Finding:
    """Return whether a Raspberry Pi has too little voltage or is slowed down, now or since it was started."""
    throttled = machine.facts["throttled"]
    if throttled is None:
        if machine.is_raspberry_pi:
            return warning(
                "not known: the firmware does not answer", "sudo usermod -aG video $USER", "vcgencmd get_throttled"
            )
        return ok("only a Raspberry Pi tells")
    present = host.throttling(throttled)
    past = host.throttling(throttled >> SINCE_START)
    remedy = [SUPPLY] if "under-voltage" in (*present, *past) else []
    if set(present + past) - {"under-voltage"}:
        remedy.append(COOLING)
    if present:
        return fault(f"now: {', '.join(present)} ({throttled:#x})", *remedy)
    if past:
        return warning(f"since it was started: {', '.join(past)} ({throttled:#x})", *remedy)
    return ok("neither under-voltage nor throttling since it was started")
