"""The command ``edge-fer devices``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from edge_fer.errors import BadInput
from edge_fer.text import counted, printable

if TYPE_CHECKING:
    from edge_fer.profile import Profile
    from edge_fer_devices.boards.board import Board
    from edge_fer_devices.boards.recognition import Recognition


CARD_MACHINE: Final = "aarch64"
"""What ``uname -m`` prints on boards for which edge-fer flash makes cards."""


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  edge-fer devices
  edge-fer devices show raspberry-pi-4
  edge-fer devices use
  edge-fer devices --json""",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_context
def devices(ctx: click.Context, as_json: bool) -> None:
    """List the boards that edge-fer knows, this one marked with *.

    The profile of a board holds facts about it, and what is assumed until edge-fer bench --write-profile has measured:
    target, threads, frame size, schedule, budgets.
    """
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise BadInput(f"pass --json after {ctx.invoked_subcommand}, not before it")
        return
    from edge_fer_devices.boards.board import load, names

    here = _this_machine()
    boards = [load(name) for name in names()]
    if as_json:
        click.echo(json.dumps([_as_dict(board, here) for board in boards], indent=2))
        return
    click.echo(f"  {'board':22} what it is: model, target, threads and frame size that are assumed for it")
    for board in boards:
        mark = "*" if _is_here(board, here) else " "
        click.echo(f"{mark} {board.name:22} {board.title}: {_settings(board)}")
    click.echo(printable(f"* this machine: {here.evidence}" if here else "this machine is none of them"))
    click.echo("edge-fer devices show BOARD explains one; edge-fer devices use begins from what is assumed.", err=True)


@devices.command(epilog="\b\nExamples:\n  edge-fer devices show\n  edge-fer devices show raspberry-pi-4 --json")
@click.argument("name", metavar="[BOARD]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show(name: str | None, as_json: bool) -> None:
    """Explain the profile of a board.

    Prints its facts with their units and sources, and what is assumed. Without BOARD, it is the board that this machine
    is, and the last line says where edge-fer run begins here.
    """
    from edge_fer import profile

    here = _this_machine()
    board = _chosen(name, here)
    if as_json:
        click.echo(json.dumps(_as_dict(board, here), indent=2))
        return
    click.echo(f"{board.name}: {board.title}")
    for title, text, facts_from in _explained(board):
        click.echo(f"  {title:10} {text}")
        click.echo(f"  {'':10}   source: {facts_from}")
    if _is_here(board, here) and here is not None:
        click.echo(printable(f"This machine is one: {here.evidence}. {_in_use(profile.of_this_machine())}"))
    elif board.machine == CARD_MACHINE:
        click.echo(f"A card for one: edge-fer flash IMAGE --out NEW.img --device {board.name}", err=True)


@devices.command(epilog="\b\nExamples:\n  edge-fer devices use\n  edge-fer devices use raspberry-pi-zero-2-w")
@click.argument("name", metavar="[BOARD]", required=False)
def use(name: str | None) -> None:
    """Let edge-fer run begin from what is assumed of a board.

    Without BOARD, it is the board that this machine is. Writes it, marked as assumed, into the profile of this machine
    (~/.config/edge-fer/profile.toml), for edge-fer run. What was measured on this machine or written by hand stays, and
    edge-fer bench --write-profile replaces the rest.
    """
    from edge_fer import profile

    board = _chosen(name, _this_machine())
    path, moved = profile.assume_of_this_machine(board.as_profile())
    if moved is not None:
        click.echo(f"the profile before it could not be used and is now {printable(str(moved))}", err=True)
    click.echo(printable(f"{path} written. {_in_use(profile.of_this_machine())}"))


def _this_machine() -> Recognition | None:
    """Return which board this machine is; None if edge-fer knows none for its architecture."""
    from edge_fer import host
    from edge_fer_devices.boards.recognition import recognise

    try:
        return recognise(host.facts())
    except BadInput:
        return None


def _chosen(name: str | None, here: Recognition | None) -> Board:
    """Return the board *name*, or that of this machine. Raises `BadInput`."""
    from edge_fer_devices.boards.board import load, names

    if name is not None:
        return load(name)
    if here is None:
        raise BadInput(f"this machine is none of the boards that edge-fer knows; pass one of: {', '.join(names())}")
    return here.board


def _is_here(board: Board, here: Recognition | None) -> bool:
    return here is not None and here.board.name == board.name


def _as_dict(board: Board, here: Recognition | None) -> dict[str, Any]:
    recognised_by = here.evidence if here is not None and _is_here(board, here) else None
    return {**board.model_dump(mode="json"), "this_machine": recognised_by is not None, "recognised_by": recognised_by}


def _in_use(profile: Profile | None) -> str:
    """Return a sentence that says where edge-fer run begins on this machine, and why."""
    if profile is None or profile.model is None:
        return (
            "Nothing was measured here, and edge-fer run begins from its own values; edge-fer devices use changes that."
        )
    what = f"{profile.model}, {profile.target}, {counted(profile.threads or 1, 'thread')}"
    if profile.assumed:
        return f"edge-fer run begins from {what}: assumed of {profile.board}; edge-fer bench --write-profile measures."
    return f"edge-fer run begins from {what}: {profile.measured or 'written by hand'}, which wins over what is assumed."


def _settings(board: Board) -> str:
    chosen = board.settings
    width, height = chosen.frame_px
    return f"{chosen.model}, {chosen.target}, {counted(chosen.threads, 'thread')}, {width}x{height}"


def _explained(board: Board) -> list[tuple[str, str, str]]:
    """Return title, values with their units, and their source, of each part of a board profile."""
    camera, schedule, budget = board.camera, board.schedule, board.budget
    sizes = ", ".join(map(str, board.memory.sizes_mb))
    searching = (
        f"the whole frame every {schedule.search_every_s:g} s, a known face every {schedule.confirm_every_s:g} s"
    )
    limits = f"p90 {budget.p90_ms:g} ms a frame, {budget.memory_mb} MiB, {budget.temperature_c:g} °C"
    return [
        ("cpu", _cpu(board), board.cpu.facts_from),
        ("memory", f"{sizes} MiB" if sizes else "any", board.memory.facts_from),
        ("camera", f"{', '.join(camera.connectors)}; --source {' or '.join(camera.sources)}", camera.facts_from),
        ("runtimes", ", ".join(board.runtimes.names), board.runtimes.facts_from),
        ("run", _settings(board), board.settings.facts_from),
        ("schedule", f"{searching}; classified {schedule.classify_fps:g} times a second", schedule.facts_from),
        ("budget", limits, budget.facts_from),
    ]  # fmt: skip


def _cpu(board: Board) -> str:
    cpu = board.cpu
    parts = [cpu.name]
    if cpu.cores is not None:
        parts.append(f"{counted(cpu.cores, 'core')}")
    if cpu.max_mhz is not None:
        parts.append(f"up to {cpu.max_mhz} MHz")
    if cpu.features:
        parts.append(" ".join(cpu.features))
    return ", ".join(parts)
