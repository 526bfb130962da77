"""Runs programs of this system, and says in one line why one cannot be run or does not end."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from edge_fer.errors import EdgeFerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def run(
    command: Sequence[str | Path],
    *,
    timeout_s: float,
    remedy: str,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run *command*, which reads *stdin*, and return what it printed, and its exit code, whatever that is.

    *environment* takes the place of this process's own. Raises `EdgeFerError`, which ends in *remedy*, if it cannot be
    run, or has not ended after *timeout_s* seconds.
    """
    words = [str(word) for word in command]
    try:
        return subprocess.run(  # noqa: S603  (the words are ours)
            words, input=stdin, capture_output=True, text=True, encoding="utf-8", errors="replace",
            timeout=timeout_s, env=environment, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise EdgeFerError(f"{words[0]} did not end within {timeout_s:.0f} s; {remedy}") from exc
    except OSError as exc:
        raise EdgeFerError(f"{words[0]} cannot be run: {exc.strerror}; {remedy}") from exc
