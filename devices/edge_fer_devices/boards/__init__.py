"""Boards that edge-fer knows: what each one is, what is assumed of it, and which one this machine is.

A board profile is a file of ours about a kind of board. It must not be taken for the profile of a machine
(`edge_fer.profile`), which holds what was measured on that machine, and which wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer_devices.boards.board import Board, assumed, load, names
    from edge_fer_devices.boards.recognition import Recognition, recognise

__all__ = ["Board", "Recognition", "assumed", "load", "names", "recognise"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Board": "board",
        "Recognition": "recognition",
        "assumed": "board",
        "load": "board",
        "names": "board",
        "recognise": "recognition",
    },
)
