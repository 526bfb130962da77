"""Runs programs of the system, and turns their failure into one line."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MAX_REASON: Final = 300
TIMEOUT_S: Final = 1800.0
"""A slow card takes minutes for what a workstation does in seconds."""


class StepFailed(Exception):
    """A step of the first boot failed; the message says what happened, and what to do."""


def run(command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> str:
    """Run *command* and return what it printed. Raises `StepFailed` with its last words."""
    words = [str(word) for word in command]
    variables = {**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})}
    try:
        done = subprocess.run(  # noqa: S603  (the words are ours)
            words, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, env=variables, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise StepFailed(f"{words[0]} cannot be run: {exc}") from exc
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise StepFailed(f"{words[0]} failed with {done.returncode}: {' '.join(said[-2:])[-MAX_REASON:]}")
    return done.stdout


def succeeds(command: Sequence[str | Path]) -> bool:
    """Return whether *command* can be run and ends well."""
    try:
        run(command)
    except StepFailed:
        return False
    return True
