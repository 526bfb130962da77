"""The command ``edge-fer support-bundle``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edge_fer.errors import BadInput, SinkError
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.appliance.support.collecting import Part

DEFAULT_CONFIG: Final = Path("/etc/edge-fer/config.toml")
MODE: Final = 0o600
"""Nobody but its owner reads it."""


@click.command(
    "support-bundle",
    epilog="""\b
In the file, each as text:
  versions.json    versions of edge-fer, Python, its packages, and the system
  machine.json     board, processor, memory, free disk, temperature
  config.toml      the settings, with the names of credentials only
  health.json      what the service answers to /health now
  events.json      how many events of each kind on which day; faults of the appliance in full
  log.txt          the last lines of the service's log
  doctor.json      what edge-fer doctor finds
  profile.toml     what edge-fer bench has measured on this machine
  first-boot.json  how the first boot of a card went

There is no picture and no event about a person in it, and no password, token, key, network name, address or name of
this device. Look through it before you send it: it is a .zip of text files.

\b
Examples:
  edge-fer support-bundle
  sudo /opt/edge-fer/venv/bin/edge-fer support-bundle --out /tmp/edge-fer.zip""",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="By default edge-fer-support-TIME.zip, in this folder.",
)
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, metavar="FILE",
    help="Settings of the service; by default /etc/edge-fer/config.toml.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the path and what is inside as JSON.")
def support_bundle(out: Path | None, config_path: Path, as_json: bool) -> None:
    """Collect what somebody who helps needs to know into one file, without a picture or a name of anybody.

    Run it as root: other accounts may not read the service's log and events.
    """
    from edge_fer import files
    from edge_fer.appliance.support.collecting import parts

    path = out or files.unused(Path(time.strftime("edge-fer-support-%Y%m%d-%H%M%S.zip")))
    if path.exists():
        raise BadInput(f"{path} exists; pass another --out")
    inside = parts()
    sizes = _write(path, inside, config_path)
    if as_json:
        click.echo(json.dumps({"path": str(path), "inside": sizes}))
        return
    for part in inside:
        click.echo(f"{part.name:16} {sizes[part.name]:8} bytes  {part.about}")
    click.echo(printable(f"{path} is written, and readable by you alone; look through it before you send it"))


def _write(path: Path, inside: tuple[Part, ...], config_path: Path) -> dict[str, int]:
    """Write the bundle to *path*, complete or not at all; return the size of each part. Raises `SinkError`."""
    import zipfile

    from edge_fer import files

    sizes = {}
    try:
        with files.replacing(path) as beside:
            beside.touch(mode=MODE)
            with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in _contents(inside, config_path):
                    archive.writestr(name, content)
                    sizes[name] = len(content)
    except OSError as exc:
        raise SinkError(f"{path} cannot be written: {exc.strerror or exc}; pass another --out") from exc
    return sizes


def _contents(inside: tuple[Part, ...], config_path: Path) -> Iterator[tuple[str, bytes]]:
    from edge_fer.appliance.support.collecting import collected

    for part in inside:
        click.echo(f"edge-fer: collecting {part.name}", err=True)
        yield part.name, collected(part, config_path).encode()
