"""The command ``edge-fer health``. It is called every few seconds by those who watch the service: it imports little."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from edge_fer.errors import BadInput, OutletError
from edge_fer.options import FiniteRange
from edge_fer.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_S: Final = 2.0
"""Time between two questions with ``--wait``."""


@click.command(
    epilog="""\b
Examples:
  edge-fer health
  edge-fer health --json
  edge-fer health --wait 180          # until frames come: the gate of an update
  edge-fer health --url http://127.0.0.1:9000

Exit codes: 0 frames come, 1 they do not or nothing answers, 3 the settings do not say where to ask."""
)
@click.option("--url", metavar="URL", help="Where to ask; by default where --config says.")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
    help="Settings of the service; by default /etc/edge-fer/config.toml, else those without any.",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=FiniteRange(0, 60, min_open=True), default=5.0, show_default=True,
    help="Most seconds for an answer.",
)  # fmt: skip
@click.option(
    "--wait",
    "wait_s",
    type=FiniteRange(0, 86_400),
    default=0.0,
    help="Ask again for so many seconds, until it is well.",
)
@click.option(
    "--strict", is_flag=True, help="Also fail where frames come and another part, a broker say, does not work."
)
@click.option("--json", "as_json", is_flag=True, help="Print the service's answer as JSON.")
@click.pass_context
def health(
    ctx: click.Context, url: str | None, config_path: Path | None, timeout_s: float, wait_s: float, strict: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Ask the running service whether frames come, and say so in one line."""
    from edge_fer.appliance import asking

    where, secret, certificate = _where(url, config_path)

    def asked() -> dict[str, Any]:
        try:
            return asking.ask(where, timeout_s, certificate, secret)
        except OutletError as exc:
            return {"status": "no answer", "reason": str(exc)}

    good = {"ok"} if strict else asking.WORKS
    answer = _asked_until(lambda found: found["status"] in good, asked, wait_s)
    if as_json:
        click.echo(json.dumps(answer))
    else:
        click.echo(printable(_line(answer)))
    if answer["status"] not in good:
        ctx.exit(1)


def _where(url: str | None, config_path: Path | None) -> tuple[str, str | None, str | None]:
    """Return the address to ask at, the token if there is one, and the certificate that it must show."""
    if url is not None:
        if not url.startswith(("http://", "https://")):
            raise BadInput(f"{url[:60]!r} is no address of a service; pass one as http://127.0.0.1:8737")
        return url, None, None
    from edge_fer.appliance import asking

    path = config_path or asking.DEFAULT_PATH
    if config_path is None and not path.exists():
        return asking.Where(asking.DEFAULT_BIND, asking.DEFAULT_PORT).url, None, None
    where = asking.Where.of_settings(path)
    return where.url, where.secret(), where.certificate


def _asked_until(
    good: Callable[[dict[str, Any]], bool], ask: Callable[[], dict[str, Any]], wait_s: float
) -> dict[str, Any]:
    """Return the first answer that is *good*, else the last one within *wait_s*."""
    deadline_s = time.monotonic() + wait_s
    while True:
        answer = ask()
        left_s = deadline_s - time.monotonic()
        if good(answer) or left_s <= 0:
            return answer
        time.sleep(min(PAUSE_S, left_s))


def _line(answer: dict[str, Any]) -> str:
    words = str(answer["status"])
    if answer.get("frames") is not None:
        words += f", {counted(answer['frames'], 'frame')}"
    return f"{words}: {answer['reason']}" if answer.get("reason") else words
