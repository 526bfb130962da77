"""The kernel's command line: one line of words in ``cmdline.txt``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer_devices.first_boot import writing
from edge_fer_devices.first_boot.persisting import OVERLAY_PATH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_BYTES: Final = 1024
"""Longest line that is written: the kernel takes 2048 bytes on arm64, and the firmware adds words of its own."""
CREDENTIAL: Final = "systemd.set_credential_binary="
OURS: Final = (
    f"{CREDENTIAL}systemd.extra-unit.edge-fer-", f"{CREDENTIAL}systemd.unit-dropin.cloud-init-",
    "systemd.wants=edge-fer-", "systemd.run=/boot/firmware/edge-fer/", "systemd.run_success_action=",
    "systemd.run_failure_action=", "systemd.unit=kernel-command-line.target",
)  # fmt: skip
"""How the words begin that a card adds for its first boot."""


def with_words(line: str, words: Sequence[str]) -> str:
    """Return *line* with *words* at its end. Words of an earlier card go. Raises `ValueError` if it gets too long."""
    # A used card may have a read-only root: what the first boot installs would be gone at the next start.
    kept = [word for word in without_ours(line).split() if word != f"init={OVERLAY_PATH}"]
    longer = " ".join([*kept, *words]) + "\n"
    if len(longer) > MAX_BYTES:
        raise ValueError(f"cmdline.txt would have {len(longer)} bytes, {MAX_BYTES} are allowed")
    return longer


def without_ours(line: str) -> str:
    """Return *line* without the words that a card added for its first boot."""
    return " ".join(word for word in line.split() if not word.startswith(OURS)) + "\n"


def clean(path: Path) -> bool:
    """Remove from the file at *path* what the first boot needed; return whether there was any."""
    if not path.is_file():
        return False
    line = path.read_text()
    clean_line = without_ours(line)
    if clean_line.split() == line.split():
        return False
    writing.update(path, clean_line)
    return True
