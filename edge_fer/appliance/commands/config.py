"""The command ``edge-fer config``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edge_fer.errors import BadInput
from edge_fer.text import printable

if TYPE_CHECKING:
    from edge_fer.appliance.config import Config
    from edge_fer.appliance.config.faults import Fault
    from edge_fer.appliance.config.remarks import Remark

DEFAULT_PATH: Final = Path("/etc/edge-fer/config.toml")
"""As `edge_fer.appliance.config.DEFAULT_PATH`, whose module takes longer to import than the help."""


@click.group(
    epilog="""\b
Examples:
  edge-fer config check
  edge-fer config check kiosk.toml --json
  edge-fer config example > config.toml
  edge-fer config schema > config.schema.json"""
)
def config() -> None:
    """Check, explain and begin the settings of the kiosk."""


@config.command(
    epilog="""\b
Examples:
  edge-fer config check
  edge-fer config check kiosk.toml
  edge-fer config check kiosk.toml --json

Exit codes: 0 the settings can be used, 3 they cannot."""
)
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_PATH)
@click.option("--json", "as_json", is_flag=True, help="Print faults and remarks as JSON.")
def check(file: Path, as_json: bool) -> None:
    """Explain every fault of FILE, with its line. By default of /etc/edge-fer/config.toml.

    Also says what can be used and deserves a second look, such as a file or a credential that is not on this machine.
    """
    from edge_fer.appliance.config import text_of
    from edge_fer.appliance.config.faults import find
    from edge_fer.appliance.config.remarks import remarks

    faults, settings = find(text_of(file))
    remarked = [] if settings is None else remarks(settings)
    if as_json:
        answer = {
            "file": str(file),
            "faults": [fault.as_dict() for fault in faults],
            "remarks": [remark.as_dict() for remark in remarked],
        }
        click.echo(json.dumps(answer, indent=2))
    else:
        _print(file, faults, remarked)
    if settings is None:
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise BadInput(f"{file} has {count}; mend what is told")
    if not as_json:
        click.echo(printable(_summary(file, settings)))


@config.command()
def schema() -> None:
    """Print the JSON schema of the settings: editors complete and check with it.

    For VS Code's "Even Better TOML", for instance: put "#:schema ./config.schema.json" into the file's first line.
    """
    from edge_fer.appliance.config import explained

    click.echo(json.dumps(explained.schema(), indent=2))


@config.command(epilog="\b\nExample:\n  edge-fer config example > config.toml")
def example() -> None:
    """Print a file with all settings, explained. It can be used as it is, and sets nothing but defaults."""
    from edge_fer.appliance.config.example import example as text

    click.echo(text(), nl=False)


def _print(file: Path, faults: list[Fault], remarked: list[Remark]) -> None:
    for fault in faults:
        at = f"{file}:{fault.line}" if fault.line is not None else str(file)
        click.echo(printable(f"{at}: {fault}"))
        if fault.meaning:
            click.echo(printable(f"    {fault.meaning}"))
    for remark in remarked:
        click.echo(printable(f"{file}: {remark.key}: note: {remark.text}"))


def _summary(file: Path, settings: Config) -> str:
    """Return in one line what the settings set up."""
    from edge_fer.sources.addresses import redact

    outlets = [name for name in ("mqtt", "webhook", "gpio", "music") if getattr(settings, name)]
    page = settings.page
    scheme = "https" if page.encrypted else "http"
    host = f"[{page.bind}]" if ":" in page.bind else page.bind
    shown = f"the page is at {scheme}://{host}:{page.port}/" if page.enabled else "there is no page"
    told = f"tells {', '.join(outlets)}" if outlets else "tells nobody"
    return f"{file} can be used: watches {redact(settings.source)}, {shown}, {told}"
