"""Checks of disk and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer import host
from edge_fer_devices.doctor.finding import Finding, fault, ok, warning

if TYPE_CHECKING:
    from edge_fer_devices.doctor.machine import Machine

LITTLE_DISK_MB: Final = 500
NO_DISK_MB: Final = 50
"""Less than edge-fer and the system need for their logs."""
USUAL_MEMORY_MB: Final = 100
"""What edge-fer takes where the board is unknown: see the budgets of the boards."""
SMALL_MB: Final = 1024
"""Memory up to which swap saves the system when something else needs more for a moment."""


def disk(machine: Machine) -> Finding:
    """Return whether there is room for logs, events and updates."""
    free_mb = machine.free_mb(machine.root)
    remedy = ("sudo apt clean && sudo journalctl --vacuum-size=50M", "df -h /")
    if free_mb < NO_DISK_MB:
        return fault(f"{free_mb:.0f} MiB are free on /", *remedy)
    if free_mb < LITTLE_DISK_MB:
        return warning(f"only {free_mb:.0f} MiB are free on /", *remedy)
    return ok(f"{free_mb / 1024:.1f} GiB are free on /")


def memory(machine: Machine) -> Finding:
    """Return whether edge-fer fits into what is free."""
    available_mb = host.available_mb(machine.root)
    if available_mb is None:
        return ok("not known: this system has no /proc/meminfo")
    needed_mb = USUAL_MEMORY_MB if machine.budget is None else machine.budget.memory_mb
    says = f"{available_mb:.0f} MiB are available, and edge-fer takes about {needed_mb}"
    if available_mb < needed_mb:
        return fault(says, "ps -eo rss,comm --sort=-rss | head  # close what takes most")
    if available_mb < 2 * needed_mb:
        return warning(says, "ps -eo rss,comm --sort=-rss | head  # close what takes most")
    return ok(says)


def swap(machine: Machine) -> Finding:
    """Return whether a machine with little memory has swap: the kernel otherwise ends programs at once."""
    total_mb = machine.facts["memory_mb"]
    swap_mb = machine.facts["swap_mb"]
    if total_mb is None or swap_mb is None:
        return ok("not known: this system has no /proc/meminfo")
    if total_mb <= SMALL_MB and swap_mb == 0:
        return warning(
            f"no swap, and {total_mb} MiB of memory",
            "sudo apt install -y zram-tools  # swap in compressed memory: it wears no card",
        )
    return ok(f"{swap_mb} MiB of swap, {total_mb} MiB of memory")
