"""The options of ``edge-fer flash``."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from edge_fer.source_options import source_option

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

FILE: Final = click.Path(path_type=Path)
STDIN: Final = "-"


@dataclass(frozen=True)
class FlashOptions:
    """What the user has passed; None and nothing where it was left out."""

    out: Path | None
    card: str | None
    """The device to write to."""
    confirm: str | None
    sha256: str | None
    device: str
    """Name of a board."""
    hostname: str
    timezone: str
    user: str | None
    ssh_keys: tuple[Path, ...]
    password_file: str | None
    """A path, or `STDIN`."""
    wifi: str | None
    wifi_country: str | None
    wifi_password_file: str | None
    """A path, or `STDIN`."""
    wifi_security: str
    wifi_hidden: bool
    config_path: Path | None
    source: str | None
    bundle: str | None
    profile: Path | None
    wheelhouse: Path | None
    python: str | None
    wheel: Path | None
    streams: bool
    read_only: bool
    manifest: Path | None
    dry_run: bool
    force: bool
    as_json: bool


def flash_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the options to *command*, a function that click decorates; it gets ``options``, `FlashOptions`."""

    @functools.wraps(command)
    def collecting(**values: Any) -> R:
        given = {field.name: values.pop(field.name) for field in fields(FlashOptions)}
        return command(options=FlashOptions(**given), **values)

    # click lists options in the reverse order of their decorators.
    for option in reversed(OPTIONS):
        option(collecting)
    return collecting


OPTIONS: Final = (
    click.option("--out", type=FILE, help="The new image to write."),
    click.option(
        "--card",
        metavar="DEVICE",
        help="The card to write instead, such as /dev/sdb (lsblk lists them). All of it is overwritten, after a "
        "question.",
    ),
    click.option("--confirm", metavar="NAME", help="Answers that question beforehand: the card's name, such as sdb."),
    click.option(
        "--sha256",
        metavar="SUM",
        help="Refuse another image: its checksum, packed or unpacked, or the file offered beside it.",
    ),
    click.option(
        "--device",
        metavar="BOARD",
        default="raspberry-pi-4",
        show_default=True,
        help="The board that it is for; edge-fer devices lists them.",
    ),
    click.option(
        "--hostname", default="edge-fer", show_default=True, help="Name of the device; others find it as NAME.local."
    ),
    click.option("--timezone", default="Etc/UTC", show_default=True, help="Its time zone, such as Europe/Berlin."),
    click.option(
        "--user", metavar="NAME", help="Make an account that may log in and administer it. Without: nobody can."
    ),
    click.option(
        "--ssh-key", "ssh_keys", type=FILE, multiple=True, help="A public SSH key of the account; repeatable."
    ),
    click.option("--password-file", help="File with the account's password; - reads stdin."),
    click.option("--wifi", metavar="NAME", help="A wireless network to join; a cable always works."),
    click.option("--wifi-country", metavar="CODE", help="Country that the radio is in: two letters, such as DE."),
    click.option("--wifi-password-file", help="File with the network's password; - reads stdin."),
    click.option(
        "--wifi-security",
        type=click.Choice(["wpa2", "wpa3", "open"]),
        default="wpa2",
        show_default=True,
        help="How the network is protected. WPA3 needs the password in clear on the card until the first boot.",
    ),
    click.option("--wifi-hidden", is_flag=True, help="The network does not tell its name."),
    click.option("--config", "config_path", type=FILE, help="Settings of the service (TOML); docs/card.md lists them."),
    source_option(help="What the service watches, as edge-fer run --source; by default 0, the first USB camera."),
    click.option("--bundle", help="The model: a folder, a .zip, or a shipped name; by default the board's."),
    click.option(
        "--profile", type=FILE, help="The file that edge-fer bench --write-profile has written on such a board."
    ),
    click.option("--wheelhouse", type=FILE, help="Folder made by edge-fer wheelhouse; else the wheels are downloaded."),
    click.option("--python", help="The image's Python, where it cannot be told, as in 3.13."),
    click.option(
        "--wheel", type=FILE, help="Put this wheel of edge-fer on the card; by default the installed edge-fer."
    ),
    click.option("--streams", is_flag=True, help="Also install what films and network streams need."),
    click.option("--read-only", is_flag=True, help="Never write to the root partition after the first boot."),
    click.option(
        "--manifest", type=FILE, help="Also write a .rpi-imager-manifest, by which Raspberry Pi Imager writes it."
    ),
    click.option("--dry-run", is_flag=True, help="Show every file that would be added; write nothing."),
    click.option("--force", is_flag=True, help="Replace an image that exists; take a card of over 256 GB."),
    click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON."),
)
