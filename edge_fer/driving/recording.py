"""A drive as JSON Lines: one observation a line, and the alerts that it has changed. There is no picture in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from edge_fer import files
from edge_fer.driving.observation import Observation
from edge_fer.errors import BadInput, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_fer.driving.monitor import Step

ALERTS: Final = "alerts"
"""The field of a line that holds what the observation has changed. A replay leaves it out, and decides anew."""
MAX_LINE: Final = 1 << 16


def as_line(step: Step) -> str:
    """Return *step* as one line of JSON, without the newline."""
    values = step.observation.model_dump(mode="json", exclude_none=True)
    if step.alerts:
        values[ALERTS] = [alert.model_dump(mode="json") for alert in step.alerts]
    return json.dumps(values, separators=(",", ":"), allow_nan=False)


def read(path: Path) -> Iterator[Observation]:
    """Yield the observations in the file at *path*. Raises `BadInput` for a line that is none."""
    try:
        with files.open_regular(path) as file:
            number = 0
            while line := file.readline(MAX_LINE):
                number += 1
                if line.strip():
                    yield _parsed(line, f"{path}, line {number}")
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {reason(exc)}; pass a file that edge-fer drive --json wrote") from exc


def _parsed(line: bytes, where: str) -> Observation:
    try:
        values = json.loads(line)
        if isinstance(values, dict):
            values.pop(ALERTS, None)
        # Again as JSON, in which a kind of sight is a string, and a number must not be one.
        return Observation.model_validate_json(json.dumps(values), strict=True)
    except (ValueError, RecursionError) as exc:
        raise BadInput(f"{where} is no observation: {reason(exc)}; leave the line out") from exc
