"""The boards that a card or a wheelhouse can be made for."""

from __future__ import annotations

from importlib import resources
from typing import Final

from edge_fer.errors import BadInput

TOML: Final = ".toml"
DEFAULT_BOARD: Final = "raspberry-pi-4"
KNOWN: Final = ("raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "raspberry-pi-zero-2-w")
"""Boards for as long as there is no folder of profiles."""


def names() -> list[str]:
    """Return the names of all boards with an arm64 processor."""
    folder = resources.files("edge_fer_devices") / "profiles"
    found = (
        [path.name.removesuffix(TOML) for path in folder.iterdir() if path.name.endswith(TOML)]
        if folder.is_dir()
        else []
    )
    return sorted(name for name in found or KNOWN if not name.endswith("x86"))


def check(name: str) -> str:
    """Return *name* if it is a board's. Raises `BadInput`."""
    if name not in names():
        raise BadInput(f"no board {name[:60]!r}; pass one of: {', '.join(names())}")
    return name


def profile_text(name: str) -> str | None:
    """Return the profile of the board *name* as text; None if it has none."""
    path = resources.files("edge_fer_devices") / "profiles" / f"{name}{TOML}"
    return path.read_text(encoding="utf-8") if path.is_file() else None
