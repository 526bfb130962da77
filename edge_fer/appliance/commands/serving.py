"""What the commands share that run the service in the terminal. Nothing heavy is imported before it runs."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.appliance.config import Config
    from edge_fer.appliance.service.appliance import Appliance


def check_there(source: str) -> None:
    """Raise `SourceError` for a file that is not there: a camera may come back, a name with a slip never does."""
    from edge_fer.errors import SourceError
    from edge_fer.sources.addresses import Kind, kind_of

    if not source.startswith("@") and kind_of(source) is Kind.PATH and not Path(source).exists():
        raise SourceError(f"there is no {source!r}; check the path, or pass camera, synthetic or an address")


def serve_changed(
    path: Path | None,
    changes: Mapping[str, Any],
    *,
    port: int | None = None,
    no_picture: bool = False,
    state: Path | None = None,
    notice: str,
) -> None:
    """Run the service with the settings at *path*, or the defaults, and what *changes* holds besides None.

    Without *path* and *state*, what it keeps is in a temporary folder. *notice* is printed where no events were kept
    before. Raises `EdgeFerError`.
    """
    from edge_fer.appliance import log
    from edge_fer.appliance.service.running import serve

    with contextlib.ExitStack() as stack:
        if state is None and path is None:
            state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-fer-")))

        def load() -> Config:
            return changed(path, changes, port, no_picture, state)

        config = load()
        log.start()
        if not config.events.path.exists():
            click.echo(notice, err=True)
        serve(config, load, _tell_address)


def changed(
    path: Path | None, changes: Mapping[str, Any], port: int | None, no_picture: bool, state: Path | None
) -> Config:
    """Return the settings at *path*, or the defaults, with *changes*. Raises `BadInput`."""
    from edge_fer.appliance.config import Config
    from edge_fer.errors import BadInput, reason

    values = (Config() if path is None else Config.load(path)).model_dump()
    for name, value in changes.items():
        # A table is changed value by value: what --config says of the rest stays.
        if isinstance(value, dict):
            values[name] = (values[name] or {}) | value
        elif value is not None:
            values[name] = value
    if port is not None:
        values["page"]["port"] = port
    if no_picture:
        values["page"]["pictures"] = False
    if state is not None:
        values["events"]["path"] = state / "events.db"
        values["supervision"]["state_folder"] = state
    try:
        return Config.model_validate(values)
    except ValueError as exc:
        raise BadInput(f"the options do not fit: {reason(exc)}; change them, or --config") from exc


def _tell_address(appliance: Appliance) -> None:
    if appliance.port is None:
        click.echo("the page is off; [page] in the settings switches it on", err=True)
    else:
        click.echo(appliance.address)
