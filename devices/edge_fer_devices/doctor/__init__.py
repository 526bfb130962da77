"""Looks for what keeps edge-fer from running well on this machine: one finding a check, each with its remedy.

`checks` is the table of the checks, which lie in a module a theme. They look at a `machine.Machine`, that is at facts
and at files below a root folder, so that a test can make up any machine. What may end the process that tries it, such
as the import of a library that was built for another processor, is tried by `probes` in processes of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer_devices.doctor.checks import CHECKS, diagnose
    from edge_fer_devices.doctor.finding import Finding, Level
    from edge_fer_devices.doctor.machine import Machine

__all__ = ["CHECKS", "Finding", "Level", "Machine", "diagnose"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {"CHECKS": "checks", "Finding": "finding", "Level": "finding", "Machine": "machine", "diagnose": "checks"},
)
