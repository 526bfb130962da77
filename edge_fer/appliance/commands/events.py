"""The command ``edge-fer events``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edge_fer.errors import BadInput
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_fer.appliance.event import Event
    from edge_fer.appliance.events.reader import Reader
    from edge_fer.appliance.events.schema import Wanted

KINDS: Final = ("face", "alert", "health", "notice")
"""As `edge_fer.appliance.event.Kind`."""
CONFIG: Final = Path("/etc/edge-fer/config.toml")
"""As `edge_fer.appliance.config.DEFAULT_PATH`, whose module takes longer to import than the help."""
SHOWN: Final = 50
"""How many events a terminal is shown by default: the newest ones."""
FOLLOW_S: Final = 0.5
"""How often new events are looked for."""


@click.command(
    epilog="""\b
Examples:
  edge-fer events
  edge-fer events --since 2h --kind face
  edge-fer events --since yesterday --until today --csv > yesterday.csv
  edge-fer events --follow --json
  edge-fer events --parquet events.parquet

TIME is a while ago (90s, 5m, 2h, 7d, 1w), a time of today (14:30), today, yesterday, a day (2026-11-30, when it
begins), or a time as ISO 8601 has it; without a zone, in this machine's. Exit codes: 0 also if there is no such event,
3 no database, or none that can be read."""
)
@click.option("--db", type=click.Path(path_type=Path), help="Database of the events; by default the settings' one.")
@click.option(
    "--config", type=click.Path(path_type=Path), help=f"Settings that name the database; by default {CONFIG}."
)
@click.option("--since", metavar="TIME", help="Only events from this time on.")
@click.option("--until", metavar="TIME", help="Only events before this time.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only this kind. May be given again.")
@click.option("--limit", type=click.IntRange(1), help=f"Only the newest N; by default {SHOWN} in the table, else all.")
@click.option("--follow", is_flag=True, help="Go on with new events as they come, until Ctrl-C.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV (RFC 4180); the detail is JSON.")
@click.option("--json", "form", flag_value="json", help="Print a JSON object for each event.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Write a Parquet file (needs pyarrow).")
@click.option("--force", is_flag=True, help="Replace the Parquet file, if there is one.")
def events(
    db: Path | None,
    config: Path | None,
    since: str | None,
    until: str | None,
    kinds: tuple[str, ...],
    limit: int | None,
    follow: bool,
    form: str | None,
    parquet: Path | None,
    force: bool,
) -> None:
    """Print what the kiosk has kept: who came, changed, went; alerts, faults and notices.

    May be used while the kiosk runs. Times are local in the table, UTC in CSV, JSON and Parquet.
    """
    from edge_fer.appliance.events.reader import Reader

    if follow and (parquet is not None or until is not None):
        raise click.UsageError("--follow does not end; leave out --parquet and --until.")
    if parquet is not None and form is not None:
        raise click.UsageError(f"--{form} and --parquet are two formats; pass one of them.")
    wanted = _wanted(since, until, kinds)
    if limit is None and form is None and parquet is None and since is None and until is None:
        limit = SHOWN
    reader = Reader(_path(db, config))
    if parquet is not None:
        _write(reader, wanted, limit, parquet, force)
        return
    show = _printer(form)
    last = _print(reader, wanted, limit, show)
    if follow:
        _follow(reader, wanted, last, show)


def _wanted(since: str | None, until: str | None, kinds: tuple[str, ...]) -> Wanted:
    from edge_fer.appliance.event import Kind
    from edge_fer.appliance.events import times
    from edge_fer.appliance.events.schema import Wanted

    now = datetime.now(UTC)
    begin = None if since is None else _time(times.parse, "--since", since, now)
    end = None if until is None else _time(times.parse, "--until", until, now)
    if begin is not None and end is not None and begin >= end:
        raise click.UsageError(f"--since {since} is not before --until {until}; exchange them.")
    return Wanted(since=begin, until=end, kinds=tuple(Kind(kind) for kind in kinds))


def _time(parse: Callable[[str, datetime], datetime], option: str, text: str, now: datetime) -> datetime:
    try:
        return parse(text, now)
    except BadInput as exc:
        raise click.BadParameter(f"{exc}.", param_hint=f"'{option}'") from exc


def _path(db: Path | None, config: Path | None) -> Path:
    """Return the path of the database: *db*, else what the settings name, *config* or the installed ones."""
    from edge_fer.appliance.events.settings import EventSettings

    if db is not None and config is not None:
        raise click.UsageError("--db and --config both name the database; pass one of them.")
    if db is not None:
        return db
    if config is None and not CONFIG.exists():
        return EventSettings().path
    from edge_fer.appliance.config import Config

    return Config.load(CONFIG if config is None else config).events.path


def _printer(form: str | None) -> Callable[[int, Event], str]:
    """Return what makes a text of an event; print what stands above all events."""
    from edge_fer.appliance.events import export, sentences

    if form == "json":
        return export.as_json
    if form == "csv":
        click.echo(export.csv_head(), nl=False)
        return export.as_csv
    return lambda _, event: f"{sentences.line(event)}\n"


def _found(reader: Reader, wanted: Wanted, limit: int | None) -> Iterator[tuple[int, Event]]:
    """Yield the newest *limit* events, or all, the oldest first."""
    from edge_fer.appliance.events import schema

    begin = wanted if limit is None else reader.newest(wanted, limit)
    return schema.in_chunks(reader.select, begin, limit)


def _print(reader: Reader, wanted: Wanted, limit: int | None, show: Callable[[int, Event], str]) -> int:
    """Print what there is. Return the id of the newest event, printed or not."""
    last = reader.newest_id()
    count = 0
    for number, event in _found(reader, wanted, limit):
        click.echo(show(number, event), nl=False)
        last = max(last, number)
        count += 1
    if count == 0:
        click.echo("there is no such event", err=True)
    elif count == limit:
        click.echo(f"these are the newest {count}; for more pass --limit or --since", err=True)
    return last


def _follow(reader: Reader, wanted: Wanted, last: int, show: Callable[[int, Event], str]) -> None:
    """Print events as they come, until Ctrl-C."""
    from edge_fer.appliance.events import schema

    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(FOLLOW_S)
            if reader.newest_id() < last:  # a new database was begun
                last = 0
            # Whatever the clock says: what comes now is new.
            new = replace(wanted, after=last, since=None)
            for number, event in schema.in_chunks(reader.select, new, None):
                click.echo(show(number, event), nl=False)
                last = number


def _write(reader: Reader, wanted: Wanted, limit: int | None, path: Path, force: bool) -> None:
    from edge_fer import files
    from edge_fer.appliance.events import export

    if not force:
        files.refuse_existing(path, "choose another path")
    files.refuse_unwritable(path, "choose another path")
    count = export.write_parquet(path, _found(reader, wanted, limit))
    click.echo(f"{path} has {counted(count, 'event')}", err=True)
