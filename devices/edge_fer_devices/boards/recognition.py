"""Which board a machine is: by the model in its device tree, else by its processor, else by its architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput
from edge_fer_devices.boards.board import load, names

if TYPE_CHECKING:
    from edge_fer_devices.boards.board import Board

GENERIC: Final = {"aarch64": "generic-arm64", "arm64": "generic-arm64", "x86_64": "generic-x86", "AMD64": "generic-x86"}
"""Boards of which nothing but the architecture is known, by what ``uname -m`` prints on Linux, macOS and Windows."""


@dataclass(frozen=True)
class Recognition:
    """The board that a machine is, and how that was seen."""

    board: Board
    evidence: str
    """Such as ``its device tree says Raspberry Pi 4 Model B Rev 1.5``."""


def recognise(facts: dict[str, Any]) -> Recognition:
    """Return which board a machine with these *facts* of `edge_fer.host.facts` is.

    Raises `BadInput` for an architecture that edge-fer does not run on.
    """
    boards = [load(name) for name in names()]
    model, machine = facts["model"], facts["machine"]
    for board in boards:
        if model is not None and model.startswith(board.models or ("\0",)):
            return Recognition(board, f"its device tree says {model}")
    # A container, for example, does not show the device tree.
    alike = _with_processor(boards, facts)
    if alike is not None:
        return Recognition(alike, f"its processor is a {alike.cpu.name} ({alike.cpu.part}), as that board's")
    if machine not in GENERIC:
        raise BadInput(
            f"no board profile is for {machine or 'an unknown'} processors; pass one of: {', '.join(names())}"
        )
    return Recognition(load(GENERIC[machine]), f"its architecture is {machine}")


def _with_processor(boards: list[Board], facts: dict[str, Any]) -> Board | None:
    """Return the smallest of *boards* that has the processor of *facts* and is sold with that much memory."""
    alike = [board for board in boards if board.cpu.part is not None and board.cpu.part == facts["cpu"]]
    alike.sort(key=lambda board: board.memory.sizes_mb)
    for board in alike:
        # The kernel and the firmware keep a part of it, so that there seems to be less, never more.
        if facts["memory_mb"] is None or facts["memory_mb"] <= board.memory.sizes_mb[-1]:
            return board
    return None
