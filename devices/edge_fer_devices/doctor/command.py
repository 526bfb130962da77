"""The command ``edge-fer doctor``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edge_fer.errors import BadInput, UnfitMachine
from edge_fer.source_options import source_option
from edge_fer.text import printable

if TYPE_CHECKING:
    from edge_fer_devices.doctor.finding import Finding
    from edge_fer_devices.doctor.machine import Budget
    from edge_fer_devices.doctor.probes import Result

NAME_WIDTH: Final = 16


@click.command(
    epilog="""\b
Examples:
  edge-fer doctor
  edge-fer doctor --source 0
  edge-fer doctor --model my-bundle.zip --json

The exit code is 11 if there is a fault, and 0 otherwise, also with warnings."""
)
@click.option("--model", help="The bundle whose golden answers are compared; by default the one that run takes here.")
@click.option("--target", help="The target of it; by default the one that run takes here.")
@click.option("--key", type=click.Path(path_type=Path), help="A public key (.pem) by which the bundle must be signed.")
@source_option(help="Also judge this camera (0, /dev/video0): may it be used, and is it opened rightly?")
@click.option(
    "--device", "board", metavar="BOARD", help="Judge by the budgets of BOARD; by default by those of this machine's."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each check.")
def doctor(
    model: str | None, target: str | None, key: Path | None, source: str | None, board: str | None, as_json: bool
) -> None:
    """Look for what keeps edge-fer from running well on this machine, and say what helps.

    Prints a line for each check: ok, warning or fault, what was seen, and the lines to paste against it. Nothing is
    changed, and no camera is opened. Works also where packages are missing or broken.
    """
    from edge_fer_devices.doctor.checks import diagnose
    from edge_fer_devices.doctor.finding import Level
    from edge_fer_devices.doctor.machine import this_machine
    from edge_fer_devices.doctor.probes import Probes

    faults = 0
    warnings = 0
    with Probes(board or "", model or "", target or "", str(key or "")) as probes:
        machine = this_machine(_budget(probes["budget"].result(), board), source, probes)
        for name, finding in diagnose(machine):
            faults += finding.level is Level.FAULT
            warnings += finding.level is Level.WARNING
            click.echo(_json(name, finding) if as_json else _text(name, finding))
    if faults:
        raise UnfitMachine(f"{'one fault' if faults == 1 else f'{faults} faults'} on this machine; see above")
    if not as_json:
        click.echo(f"no fault, {warnings} warning{'' if warnings == 1 else 's'}: edge-fer runs here", err=True)


def _budget(result: Result, board: str | None) -> Budget | None:
    """Return the budget in the *result* of its probe; None where it is unknown, as without the packages to read it.

    Raises `BadInput` if the user has named a *board* and it is not known.
    """
    from edge_fer_devices.doctor.machine import Budget

    answer = result.answer or {}
    if board is not None and "error" in answer:
        raise BadInput(answer["error"])
    if "memory_mb" not in answer:
        return None
    return Budget(answer["memory_mb"], answer["temperature_c"])


def _json(name: str, finding: Finding) -> str:
    fields = {"check": name, "level": finding.level, "says": finding.says, "remedy": list(finding.remedy)}
    return json.dumps(fields)


def _text(name: str, finding: Finding) -> str:
    """Return a line for *finding*, and one for each line of its remedy."""
    lines = [f"{finding.level:8} {name:{NAME_WIDTH}} {finding.says}"]
    lines += [f"    {line}" for line in finding.remedy]
    return printable("\n".join(lines), keep="\n")
