"""The outlets that the settings name, each with its courier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance import outlets
from edge_fer.appliance.config import credentials
from edge_fer.appliance.supervision.couriers import Courier

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.appliance.config import Config
    from edge_fer.appliance.event import Event
    from edge_fer.appliance.outlets import Outlet, Settings
    from edge_fer.appliance.status import Status
    from edge_fer.appliance.supervision.reporter import Reporter
    from edge_fer.clock import Clock

DRAIN_S: Final = 1.0
"""How long the outlets may send what waits when the service ends."""
GOODBYE_S: Final = 1.0
"""How long `Outlet.close` may take."""


class Outward:
    """Sends events to all outlets. `put` may be called from any thread, the other members from one."""

    def __init__(self, book: Status, status: Callable[[], dict[str, Any]], reporter: Reporter, clock: Clock) -> None:
        self._book = book
        self._status = status
        self._reporter = reporter
        self._clock = clock
        self._couriers: dict[str, tuple[Settings, Courier]] = {}

    def put(self, event: Event) -> None:
        """Send *event* to all."""
        for _, courier in list(self._couriers.values()):
            courier.put(event)

    def configure(self, config: Config) -> None:
        """Open the outlets that *config* names, and close those that it names no more or in another way."""
        wanted = _wanted(config)
        for name, (settings, courier) in list(self._couriers.items()):
            if wanted.get(name) != settings:
                del self._couriers[name]
                _close([courier], self._clock)
                self._book.forget(name)
        for name, settings in wanted.items():
            if name not in self._couriers:
                self._couriers[name] = settings, self._courier(name, settings, config.supervision.outlet_queue)

    def tick(self) -> None:
        """Look after all outlets."""
        for _, courier in self._couriers.values():
            courier.tick()

    def figures(self) -> dict[str, dict[str, int]]:
        """Return how many events each outlet was sent, and so on."""
        return {name: courier.figures() for name, (_, courier) in list(self._couriers.items())}

    def close(self) -> None:
        """Send what waits, for a second, and close all."""
        _close([courier for _, courier in self._couriers.values()], self._clock)

    def _courier(self, name: str, settings: Settings, most: int) -> Courier:
        table = name.partition(" ")[0]

        def make() -> Outlet:
            # Read each time: a secret that is missing or wrong may be mended.
            secret = None if settings.credential is None else credentials.read(settings.credential)
            return outlets.make(table, settings, secret)

        return Courier(name, make, most, self._status, self._reporter, self._clock)


def _close(couriers: list[Courier], clock: Clock) -> None:
    """Close all at the same time: an outlet that hangs takes no time from the others."""
    end_s = clock.now() + DRAIN_S
    while any(courier.waits() for courier in couriers) and clock.now() < end_s:
        clock.sleep(0.02)
    for courier in couriers:
        courier.end()
    end_s = clock.now() + GOODBYE_S
    for courier in couriers:
        courier.join(max(0.0, end_s - clock.now()))


def _wanted(config: Config) -> dict[str, Settings]:
    """Return the settings of all outlets in *config* by name."""
    wanted: dict[str, Settings] = {}
    for table in ("mqtt", "gpio", "music", "sound"):
        settings = getattr(config, table)
        if settings is not None:
            wanted[table] = settings
    for number, webhook in enumerate(config.webhook, 1):
        wanted[f"webhook {number}"] = webhook
    return wanted
