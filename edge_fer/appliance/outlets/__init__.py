"""Outlets: where events go besides the device's own store. Each is a plug of a few members.

An outlet may block or fail: the service runs each in a thread of its own behind a bounded queue, which loses its oldest
events first and counts them; it abandons an outlet that blocks for longer than its deadline, and opens it again.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from edge_fer.appliance.event import Event
    from edge_fer.appliance.outlets.settings import (
        GpioSettings,
        MqttSettings,
        MusicSettings,
        SoundSettings,
        WebhookSettings,
    )

    Settings = MqttSettings | WebhookSettings | GpioSettings | MusicSettings | SoundSettings

OUTLETS: Final = {
    "mqtt": "mqtt:MqttOutlet",
    "webhook": "webhook:WebhookOutlet",
    "gpio": "gpio:GpioOutlet",
    "music": "music:MusicOutlet",
    "sound": "sound:SoundOutlet",
}
"""Table in the settings → module and class that it opens. Each class takes its settings, and the secret that their
``credential`` names, or None."""


class Outlet(Protocol):
    """Sends events somewhere. All members are called from one thread."""

    deadline_s: float
    """Seconds after which `open` or `send` has failed by itself, or else hangs."""
    refused: int
    """Number of events that were given up because the other side will never take them."""

    @property
    def name(self) -> str:
        """Name in logs, metrics and on the page: ``mqtt``, ``webhook example.org``."""

    def open(self) -> None:
        """Connect. Raises `OutletError`. May be called again after `close`."""

    def send(self, event: Event) -> None:
        """Send *event*; return once it is delivered, does not matter here, or was given up and counted.

        Raises `OutletError`: then the same event is sent again after `open`.
        """

    def close(self) -> None:
        """Say goodbye and disconnect; never raises, and returns within a second. May be called twice."""


@runtime_checkable
class TellsStatus(Protocol):
    """An outlet that also wants to know how the appliance is."""

    def publish_status(self, status: dict[str, Any]) -> None:
        """Take *status*, as ``/health`` answers it; to be called about once a second, from the outlet's one thread.

        Where *status* has ``faces``, from subject to state (``{"track 3": "happy"}``), and ``driver``, with what is
        ``raised``, they mend what lost events have left. Raises `OutletError` if the other side is gone: then the
        outlet is opened again.
        """


def make(table: str, settings: Settings, secret: str | None = None) -> Outlet:
    """Return the outlet of *table* in the settings, not opened yet. Raises `MissingDependency`."""
    module, _, name = OUTLETS[table].partition(":")
    outlet: Outlet = getattr(importlib.import_module(f"{__name__}.{module}"), name)(settings, secret)
    return outlet
