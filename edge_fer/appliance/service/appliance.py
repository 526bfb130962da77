"""The appliance at work: one loop that looks after all parts."""

from __future__ import annotations

import logging
import re
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from edge_fer import __version__, host
from edge_fer.appliance.asking import Where
from edge_fer.appliance.driver.driver import Driver
from edge_fer.appliance.driver.speed import PART as SPEED
from edge_fer.appliance.events.changes import Changes
from edge_fer.appliance.events.store import Store
from edge_fer.appliance.latest import Latest, Moment
from edge_fer.appliance.metrics import Metrics
from edge_fer.appliance.service import systemd
from edge_fer.appliance.service.driving import driver_part, opened_speed
from edge_fer.appliance.service.outward import Outward
from edge_fer.appliance.service.printing import Printer
from edge_fer.appliance.service.showing import Showing
from edge_fer.appliance.status import Status
from edge_fer.appliance.supervision.bundles import Bundles
from edge_fer.appliance.supervision.jumps import ClockJumps
from edge_fer.appliance.supervision.keeping import Keeper
from edge_fer.appliance.supervision.models import Models
from edge_fer.appliance.supervision.reboots import Reboots
from edge_fer.appliance.supervision.reporter import Reporter
from edge_fer.appliance.supervision.watching import RECONNECTS, WatcherKeeper
from edge_fer.appliance.watcher.handle import ChildWatcher
from edge_fer.clock import SystemClock
from edge_fer.errors import EdgeFerError, Hangs, one_line
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.appliance.config import Config
    from edge_fer.appliance.event import Event
    from edge_fer.appliance.service.requests import Requests
    from edge_fer.appliance.watcher.handle import Watcher
    from edge_fer.appliance.watcher.job import Job
    from edge_fer.appliance.watcher.messages import Message
    from edge_fer.clock import Clock

TICK_S: Final = 0.2
"""Time between two looks at the parts."""
STOP_S: Final = 2.0
"""How long the watcher may take to end, and the store to keep what waits."""
PRINT_S: Final = 0.5
"""How long records that wait may still be printed."""
BUNDLES: Final = "bundles"
"""Folder of the bundles in the state folder."""


def utc_now() -> datetime:
    """Return the time of the wall clock."""
    return datetime.now(UTC)


class Appliance:
    """All parts, as *config* asks for them. *load* reads the settings again; *wall* is the time for people.

    Raises `EdgeFerError` for settings that cannot be used.
    """

    def __init__(
        self,
        config: Config,
        load: Callable[[], Config] | None = None,
        *,
        wall: Callable[[], datetime] = utc_now,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._load = load
        self._wall = wall
        self._clock = clock or SystemClock()
        limits = config.supervision
        self.latest = Latest(self._clock.now)
        self._book = Status(limits.stale_after_s, self._clock.now)
        self._metrics = Metrics({"version": __version__})
        self._reporter = Reporter(self._book, self._publish, wall)
        self._printer = Printer(self._reporter)
        self._lock = threading.Lock()
        """Held while changes and alerts are made of moments: watchers' threads and the loop do."""
        self._changes = Changes(config.events)
        self._driver: Driver | None = None
        self._store = self._new_store()
        self._outward = Outward(self._book, self._status_with_faces, self._reporter, self._clock)
        self._models = Models(config, Bundles(limits.state_folder / BUNDLES), self._reporter, self._clock)
        self._keeper = WatcherKeeper(self._models.first_job(), self._spawn, self, limits, self._reporter, self._clock)
        self._showing = Showing(self, self._keeper.want, self._reporter, self._clock)
        self._jumps = ClockJumps(wall, self._clock, self._reporter)
        self._reboots = Reboots(limits.state_folder)
        self._watchdog = systemd.Watchdog(self._clock)
        self._told_ready = False
        self._runs: dict[str, Any] | None = None
        """What the watcher said when it had loaded its model."""

    @property
    def port(self) -> int | None:
        """Port that the page listens at; None without a page."""
        return self._showing.port

    @property
    def address(self) -> str:
        """Address of the page, for people on this machine."""
        page = self._config.page
        certificate = None if page.certificate is None else str(page.certificate)
        return f"{Where.of_page(page.bind, self.port or page.port, certificate).url}/"

    @property
    def watcher_pid(self) -> int | None:
        """Number of the watcher's process; None while there is none."""
        return self._keeper.pid

    def run(self, requests: Requests, started: Callable[[Appliance], None] | None = None) -> None:
        """Work until *requests* ask for the end. Raises `EdgeFerError` if it cannot go on.

        *started* is called once the page can be seen.
        """
        try:
            self.start()
            if started is not None:
                started(self)
            while requests.end is None:
                self.tick()
                if requests.take_reload():
                    self.reload()
                self._clock.wait(requests.came, TICK_S)
                requests.came.clear()
        finally:
            self.stop()

    def start(self) -> None:
        """Start all parts. Raises `EdgeFerError`."""
        self._showing.configure(self._config)
        self._store.start()
        self._outward.configure(self._config)
        self._monitor_anew("")

    def tick(self) -> None:
        """Look after all parts once. Raises `EdgeFerError` if the service cannot go on."""
        # First: a driver must not wait for anything else.
        self._look_at_driver()
        self._keeper.tick()
        self._models.tick(self._keeper)
        self._outward.tick()
        self._showing.tick()
        self._jumps.tick()
        self._look_for_hanging()
        self._note_what_runs()
        self._tell_systemd()

    def reload(self) -> None:
        """Read the settings again, and change what they change. Those that cannot be used change nothing."""
        systemd.reloading()
        try:
            if self._load is not None:
                self._change_to(self._load())
        except (EdgeFerError, OSError) as exc:
            words = f"the new ones are not used: {one_line(exc)}"
            self._reporter.fails("settings", words)
            self._reporter.notice("settings", None, "refused", words)
        finally:
            systemd.notify("READY=1")

    def stop(self) -> None:
        """End all parts, within seconds."""
        systemd.notify("STOPPING=1")
        self._showing.close()
        self._keeper.stop(STOP_S)
        self.gone("the service ends")
        self._monitor_no_more("the service ends")
        self._store.close(STOP_S)
        self._outward.close()
        self._printer.close(PRINT_S)

    def status(self) -> dict[str, Any]:
        """Return how the appliance is, as ``/health`` answers it. May be called from any thread."""
        known = self._book.as_dict()
        pid = self._keeper.pid
        ready = self._keeper.ready or {}
        return {
            **known,
            "version": __version__,
            **{name: ready.get(name) for name in ("bundle", "target", "runtime")},
            "camera_reconnects": known["counts"].get(RECONNECTS, 0),
            "watcher_memory_mb": None if pid is None else host.process_memory_mb(pid),
            "outlets": self._outward.figures(),
            "store": self._store.figures(),
            **self._driver_status(),
        }

    def metrics(self) -> bytes:
        """Return the figures for Prometheus. May be called from any thread."""
        return self._metrics.render(self.status())

    # what the watcher says, in its threads

    def frame(self, message: Message) -> None:
        """Take a frame."""
        width_px, height_px = message.content["size"]
        record = message.content["record"]
        came_s = self._clock.now()
        driver = self._see_driver(message.content.get("driver"), came_s)
        moment = Moment(record, (width_px, height_px), came_s, message.picture or None, driver)
        self.latest.put(moment)
        self._book.saw_frame()
        self._metrics.observe(moment)
        if self._config.print_records:
            self._printer.put(record)
        with self._lock:
            self._announce(self._changes.of(moment, self._wall()))

    def gone(self, reason: str) -> None:
        """End all faces: nobody looks any more."""
        with self._lock:
            self._announce(self._changes.gone(self._wall(), reason))

    def _see_driver(self, observed: dict[str, Any] | None, came_s: float) -> dict[str, Any] | None:
        """Take what was observed of the driver. Return what the page is to show of him."""
        with self._lock:
            driver = self._driver
            if driver is None:
                return None
            if observed is not None:
                self._announce(driver.saw(observed, came_s, self._wall()))
            return driver.now()

    def _look_at_driver(self) -> None:
        with self._lock:
            if self._driver is not None:
                self._announce(self._driver.tick(self._clock.now(), self._wall()))

    def _driver_status(self) -> dict[str, Any]:
        with self._lock:
            return {} if self._driver is None else {"driver": self._driver.status(self._clock.now())}

    def _announce(self, events: list[Event]) -> None:
        # Under the lock, so that nobody is told of a face's end before its beginning. It only fills queues.
        for event in events:
            self._publish(event)

    def _publish(self, event: Event) -> None:
        self._metrics.event(event)
        self._store.put(event)
        self._outward.put(event)

    # parts

    def _spawn(self, job: Job, hear: Callable[[Watcher, Message], None]) -> Watcher:
        def note(words: str) -> None:
            # Without numbers: libraries put times and addresses in front.
            self._reporter.say(f"watcher {re.sub('[0-9]+', '', words)[:40]}", f"watcher: {words}", logging.INFO)

        return ChildWatcher(job, hear, note)

    def _new_store(self) -> Keeper:
        settings = self._config.events

        def opened() -> Store:
            return Store(settings.path, settings, now=self._wall, monotonic=self._clock.now)

        return Keeper(opened, self._config.supervision.memory_queue, self._reporter, self._clock)

    def _status_with_faces(self) -> dict[str, Any]:
        _, moment = self.latest.get()
        faces = {} if moment is None else {f"track {face['track']}": face["state"] for face in moment.record["faces"]}
        return {**self.status(), "faces": faces}

    def _change_to(self, config: Config) -> None:
        before = self._config
        # What may be refused comes first.
        self._models.check(config)
        try:
            self._showing.configure(config)
        except EdgeFerError:
            self._showing.configure(before)
            raise
        self._config = config
        self._models.reload(config, self._keeper)
        self._outward.configure(config)
        if config.events != before.events:
            self._keep_events_anew(config)
        later = "; [supervision] counts from the next start on" if config.supervision != before.supervision else ""
        if driver_part(config) != driver_part(before):
            self._monitor_anew("the settings changed")
        self._reporter.works("settings")
        self._reporter.notice("settings", None, "read", f"they were read again{later}")

    def _keep_events_anew(self, config: Config) -> None:
        with self._lock:
            self._announce(self._changes.gone(self._wall(), "the settings changed"))
            self._changes = Changes(config.events)
            # Before the old one is closed: what comes meanwhile waits in the new one.
            old = self._store
            self._store = self._new_store()
        old.close(STOP_S)
        self._store.start()

    def _monitor_anew(self, reason: str) -> None:
        """Monitor the driver as the settings say from now on; what was raised so far is cleared for *reason*."""
        self._monitor_no_more(reason)
        settings = self._config.driving
        if settings is None:
            return
        speed = opened_speed(self._config, self._reporter, self._clock)
        with self._lock:
            self._driver = Driver(settings, speed, self._clock.now())

    def _monitor_no_more(self, reason: str) -> None:
        with self._lock:
            driver = self._driver
            self._driver = None
            if driver is not None:
                self._announce(driver.end(self._wall(), reason))
        if driver is not None:
            driver.close()
            self._book.forget(SPEED)

    def _note_what_runs(self) -> None:
        ready = self._keeper.ready
        if ready is not None and ready is not self._runs:
            self._runs = ready
            self._metrics.runs({"version": __version__, "bundle": ready["bundle"], "target": ready["target"]})

    def _look_for_hanging(self) -> None:
        """End the service for a watcher that hangs in the kernel, so that the board is restarted: once an hour."""
        if not self._keeper.hangs():
            return
        self._reporter.fails("watcher", "its process cannot be ended: the camera hangs in the kernel")
        now = self._wall()
        if self._reboots.may() and self._reboots.note(now):
            raise Hangs("the camera hangs in the kernel; only a restart of the machine helps")
        self._reporter.say("reboot", "the machine was restarted for the camera within an hour; trying without")
        self._keeper.tolerate()

    def _tell_systemd(self) -> None:
        if not self._told_ready and self._keeper.settled:
            self._told_ready = True
            systemd.notify("READY=1")
        if self._keeper.alive():
            self._watchdog.feed(self._status_line)

    def _status_line(self) -> str:
        status = self._book.as_dict()
        return f"{counted(status['frames'], 'frame')}; {status['reason'] or 'all works'}"
