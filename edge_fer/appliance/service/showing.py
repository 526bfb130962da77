"""The page, which is started again if it dies, and what it shows of the events."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from edge_fer.appliance.config import credentials
from edge_fer.appliance.events.reader import Reader
from edge_fer.appliance.page.settings import Drive
from edge_fer.appliance.supervision.restarts import Restarts
from edge_fer.appliance.watcher.job import Pictures
from edge_fer.errors import EdgeFerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_fer.appliance.config import Config
    from edge_fer.appliance.latest import Latest
    from edge_fer.appliance.page import Page
    from edge_fer.appliance.page.settings import PageSettings
    from edge_fer.appliance.supervision.reporter import Reporter
    from edge_fer.clock import Clock

PART = "page"


class Shown(Protocol):
    """What the page shows."""

    latest: Latest

    def status(self) -> dict[str, Any]:
        """Return how the appliance is."""

    def metrics(self) -> bytes:
        """Return the figures for Prometheus."""


class Showing:
    """Keeps the page. *want* is told which pictures to send, or None for none."""

    def __init__(self, shown: Shown, want: Callable[[Pictures | None], None], reporter: Reporter, clock: Clock) -> None:
        self._shown = shown
        self._want = want
        self._reporter = reporter
        self._clock = clock
        self._restarts = Restarts(clock)
        self._config: Config | None = None
        self._page: Page | None = None
        self._resume_s = clock.now()

    @property
    def port(self) -> int | None:
        """Port that it listens at; None without a page."""
        return None if self._page is None else self._page.port

    def configure(self, config: Config) -> None:
        """Show the page as *config* says. Raises `EdgeFerError` if it cannot be shown so."""
        before = self._config
        self._config = config
        if before is not None and _shown_by(before) == _shown_by(config):
            return
        self._end()
        if config.page.enabled:
            self._begin(config)

    def tick(self) -> None:
        """Start the page again if it has died."""
        config = self._config
        if config is None or not config.page.enabled:
            return
        if self._page is not None and not self._page.alive:
            self._end()
            self._resume_s = self._clock.now() + self._restarts.failed()
            self._reporter.fails(PART, "its server ended")
            self._reporter.restarted(PART, "its server ended")
        if self._page is None and self._clock.now() >= self._resume_s:
            try:
                self._begin(config)
            except EdgeFerError as exc:
                self._reporter.fails(PART, str(exc))
                self._resume_s = self._clock.now() + self._restarts.failed()

    def close(self) -> None:
        """Show nothing any more."""
        self._config = None
        self._end()

    def _begin(self, config: Config) -> None:
        # Imported here: without a page, its packages are not needed.
        from edge_fer.appliance.page import Page

        settings = config.page
        token = None if settings.token is None else credentials.read(settings.token)
        page = Page(
            settings,
            self._shown.latest,
            self._shown.status,
            self._shown.metrics,
            partial(_listed, config.events.path),
            token,
            lambda on: self._want(_pictures(settings) if on else None),
            _drive(config),
        )
        page.start()
        self._page = page
        self._reporter.works(PART)

    def _end(self) -> None:
        if self._page is not None:
            self._page.stop()
            self._page = None
            self._want(None)


def _shown_by(config: Config) -> tuple[Any, ...]:
    """Return all of *config* that the page depends on."""
    return config.page, config.events.path, _drive(config)


def _drive(config: Config) -> Drive | None:
    driving = config.driving
    return None if driving is None else Drive(level=driving.level, eyes=driving.eyes is not None)


def _listed(path: Path, after: int | None, limit: int) -> list[dict[str, Any]]:
    """Return events as `Reader.listed`; none before the store has made its database. Raises `EdgeFerError`."""
    return Reader(path).listed(after, limit) if path.exists() else []


def _pictures(settings: PageSettings) -> Pictures | None:
    if not settings.pictures:
        return None
    return Pictures(fps=settings.picture_fps, width_px=settings.picture_width_px, quality=settings.picture_quality)
