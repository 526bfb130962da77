"""Where everything is on the device. Tests put another root before it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path("/")
FOLDER: Final = "edge-fer"
"""Folder on the boot partition that holds what is installed."""
STATUS: Final = "edge-fer-status.json"
"""File on the boot partition that tells how the first boot went."""
FIRST_BOOT_UNIT: Final = "edge-fer-first-boot.service"
SERVICE_UNIT: Final = "edge-fer.service"
KIOSK_UNIT: Final = "edge-fer-kiosk.service"
WATCHDOG: Final = "edge-fer-watchdog.conf"
DATA_LABEL: Final = "edge-fer-data"
"""Label of the partition that stays writable on a card with a read-only root."""
USER: Final = "edge-fer"


@dataclass(frozen=True)
class Places:
    """The paths of one device, below *root*."""

    root: Path = ROOT

    @property
    def boot(self) -> Path:
        """Where the boot partition is mounted."""
        return self.root / "boot/firmware"

    @property
    def card(self) -> Path:
        """What the card has brought along."""
        return self.boot / FOLDER

    @property
    def prefix(self) -> Path:
        """What is installed."""
        return self.root / "opt/edge-fer"

    @property
    def venv(self) -> Path:
        """The environment in use: a link, so that another one takes its place at once."""
        return self.prefix / "venv"

    @property
    def settings(self) -> Path:
        """The service's settings."""
        return self.root / "etc/edge-fer"

    @property
    def units(self) -> Path:
        """Where systemd looks for an administrator's units."""
        return self.root / "etc/systemd/system"

    @property
    def generator(self) -> Path:
        """What tells systemd what the service's settings need."""
        return self.root / "etc/systemd/system-generators/edge-fer-generator"

    @property
    def watchdog(self) -> Path:
        """Settings of systemd itself, for the board's watchdog."""
        return self.root / "etc/systemd/system.conf.d" / WATCHDOG

    @property
    def done(self) -> Path:
        """Which card was installed here completely."""
        return self.prefix / "installed.json"
