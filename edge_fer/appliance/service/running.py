"""Runs the service until a signal ends it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer.appliance import log
from edge_fer.appliance.service.requests import Requests
from edge_fer.dependencies import require
from edge_fer.errors import EdgeFerError
from edge_fer.sources.addresses import scrub
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.appliance.config import Config
    from edge_fer.appliance.service.appliance import Appliance

NEEDED: Final = {
    "starlette": "starlette",
    "uvicorn": "uvicorn",
    "websockets": "websockets",
    "paho.mqtt": "paho-mqtt",
    "prometheus_client": "prometheus-client",
}
"""Modules of the extra, and the distributions that they are in."""


def main(arguments: list[str] | None = None) -> int:
    """Run the service with the settings at the path in *arguments*; return an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if len(words) != 1:
        sys.stderr.write("usage: python -m edge_fer.appliance.service CONFIG.toml\n")
        return 2
    path = Path(words[0])
    log.start()
    try:
        check_installed()
        from edge_fer.appliance.config import Config

        serve(Config.load(path), lambda: Config.load(path))
    except EdgeFerError as exc:
        # The journal keeps no password of a camera.
        sys.stderr.write(f"edge-fer: {printable(scrub(str(exc)))}\n")
        return exc.exit_code
    return 0


def check_installed() -> None:
    """Raise `MissingDependency` unless all that the appliance needs is installed."""
    require(NEEDED, "appliance", "the appliance")


def serve(
    config: Config, load: Callable[[], Config] | None = None, started: Callable[[Appliance], None] | None = None
) -> None:
    """Run the service with *config* until a signal ends it. Raises `EdgeFerError`.

    *load* reads the settings again at SIGHUP; *started* is called once the page can be seen.
    """
    from edge_fer.appliance.service.appliance import Appliance

    # A crash must write no memory to the disk: there are pictures in it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Requests() as requests:
        Appliance(config, load).run(requests, started)
