"""The type of options that name a board. Nothing heavy is imported before one is named."""

from __future__ import annotations

from typing import Final

from edge_fer.options import Parsed


def _known(name: str) -> str:
    """Return *name*. Raises `BadInput` for no board, `MissingDependency` for an installation without boards."""
    from edge_fer.profile import of_board

    of_board(name)
    return name


BOARD: Final = Parsed("text", _known)
"""The name of a board, or ``auto``."""
