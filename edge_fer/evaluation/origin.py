"""Where the figures of a page come from: what was called, when, and on which machine."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from datetime import datetime

from edge_fer import __version__, host


@dataclass(frozen=True)
class Origin:
    """What stands at the head of every page."""

    command: str
    """As the user typed it."""
    started: datetime
    """With its zone."""
    machine: str
    edge_fer: str = __version__
    """Version of edge-fer that computed the figures."""

    @classmethod
    def now(cls) -> Origin:
        """Return that of this process, at this moment."""
        facts = host.facts()
        cores = facts["cores"]
        machine = host.machine_name(facts, facts["machine"])
        return cls(
            command=typed_command(),
            started=datetime.now().astimezone(),
            machine=f"{machine}, {cores} core{'' if cores == 1 else 's'}",
        )


def typed_command() -> str:
    """Return the command of this process as its user typed it, without the folder that edge-fer is installed in."""
    return shlex.join(["edge-fer", *sys.argv[1:]])
