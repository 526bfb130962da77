"""A lamp or a buzzer at a pin of the board, on while a condition holds.

It is off before the first event and after `close`. Should the service die without a word, a guard switches it off: a
shell that waits until the service is gone, and only then starts Python.
"""

from __future__ import annotations

import contextlib
import importlib
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from edge_fer.appliance.outlets.presence import Presence
from edge_fer.appliance.outlets.settings import ALERT, FAULT, SOMEBODY
from edge_fer.dependencies import require
from edge_fer.errors import OutletError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.appliance.event import Event
    from edge_fer.appliance.outlets.settings import GpioSettings

FACTORIES: Final = {
    "lgpio": "gpiozero.pins.lgpio:LGPIOFactory",
    "rpigpio": "gpiozero.pins.rpigpio:RPiGPIOFactory",
    "pigpio": "gpiozero.pins.pigpio:PiGPIOFactory",
    "native": "gpiozero.pins.native:NativeFactory",
    "mock": "gpiozero.pins.mock:MockFactory",
}
DEADLINE_S: Final = 5.0
GUARD: Final = """trap '' TERM INT HUP; if read -r _; then exit 0; fi; exec "$@" </dev/null"""
"""Waits for a line, which says goodbye. Without one the service is gone, and the rest of the words is a command."""


class Light(Protocol):
    """What is switched: gpiozero's ``LED``."""

    def on(self) -> None:
        """Switch on."""

    def off(self) -> None:
        """Switch off, and stop blinking."""

    def blink(self, on_time: float, off_time: float) -> None:
        """Switch on and off, for ever."""

    def close(self) -> None:
        """Let go of the pin."""


class GpioOutlet:
    """Switches a pin. *light* opens it, *now* is the monotonic clock."""

    def __init__(
        self,
        settings: GpioSettings,
        secret: str | None = None,  # noqa: ARG002 (all outlets are made alike)
        light: Callable[[GpioSettings], Light] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if light is None:
            require(("gpiozero",), "gpio", "a lamp at a pin")
        self._settings = settings
        self._open_light = light or open_light
        self._now = now
        self.name = f"gpio {settings.pin}"
        self.deadline_s = DEADLINE_S
        self.refused = 0
        self._presence = Presence()
        self._lock = threading.RLock()
        self._light: Light | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None
        self._on_since_s: float | None = None
        self._is_over = False
        """Whether it has been on for as long as it may: then the condition must end first."""

    def open(self) -> None:
        """Take the pin, and switch it as the events so far want it. Raises `OutletError`."""
        self.close()
        try:
            self._light = self._open_light(self._settings)
        # gpiozero and the libraries below it have errors of many kinds, without a common base.
        except Exception as exc:
            raise OutletError(f"pin {self._settings.pin} cannot be used: {one_line(exc)}") from exc
        if self._settings.factory != "mock":
            self._guard = _guard([sys.executable, "-m", __name__, self._settings.model_dump_json()])
        self._switch()

    def send(self, event: Event) -> None:
        """Switch as *event* wants it. Raises `OutletError`."""
        self._presence.take(event)
        self._switch()

    def publish_status(self, status: dict[str, Any]) -> None:
        """Switch as *status* wants it. Raises `OutletError`."""
        self._presence.correct(status)
        self._switch()

    def close(self) -> None:
        """Switch off, and let go of the pin."""
        with self._lock:
            timer = self._timer
            self._stop_timer()
            light = self._light
            self._light = None
            self._on_since_s = None
            self._is_over = False
            if light is not None:
                with contextlib.suppress(Exception):
                    light.off()
                with contextlib.suppress(Exception):
                    light.close()
        if timer is not None:
            timer.join()
        if self._guard is not None:
            _dismiss(self._guard)
            self._guard = None

    def is_wanted(self) -> bool:
        """Return whether the condition holds."""
        presence = self._presence
        words = set(presence.faces.values())
        words.update(word for word, there in self._conditions().items() if there)
        return not words.isdisjoint(self._settings.on)

    def _conditions(self) -> dict[str, bool]:
        presence = self._presence
        is_alerted = presence.is_alerted(self._settings.from_level)
        return {SOMEBODY: bool(presence.faces), ALERT: is_alerted, FAULT: bool(presence.faults)}

    def _switch(self) -> None:
        """Switch the pin as it should be now, and come back when that changes. Raises `OutletError`."""
        with self._lock:
            if self._light is None:
                raise OutletError(f"pin {self._settings.pin} is not open")
            self._stop_timer()
            try:
                left_s = self._apply(self._light)
            except Exception as exc:
                raise OutletError(f"pin {self._settings.pin} cannot be switched: {one_line(exc)}") from exc
            if left_s is not None:
                self._timer = threading.Timer(left_s, self._switch_later)
                self._timer.daemon = True
                self._timer.start()

    def _apply(self, light: Light) -> float | None:
        """Switch *light*. Return the seconds after which that is to be done again; None if only events change it."""
        settings = self._settings
        now_s = self._now()
        wanted = self.is_wanted()
        if not wanted:
            self._is_over = False
        if self._on_since_s is None:
            if not wanted or self._is_over:
                return None
            self._on_since_s = now_s
            if settings.blink_s is None:
                light.on()
            else:
                light.blink(settings.blink_s, settings.blink_s)
        # Wanted, it may stay on until the most is reached; else only until the least is.
        limit_s = settings.max_on_s if wanted else settings.min_on_s
        if limit_s is None:
            return None
        left_s = self._on_since_s + limit_s - now_s
        if left_s > 0:
            return left_s
        light.off()
        self._on_since_s = None
        self._is_over = wanted
        return None

    def _switch_later(self) -> None:
        # A pin that cannot be switched is told at the next event; this is the timer's thread. It may also have been
        # closed a moment ago.
        with contextlib.suppress(OutletError):
            self._switch()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def open_light(settings: GpioSettings) -> Light:
    """Return gpiozero's ``LED`` for the pin, switched off. Raises whatever gpiozero and its libraries raise."""
    import gpiozero

    module, _, name = FACTORIES[settings.factory].partition(":")
    factory = getattr(importlib.import_module(module), name)()
    light: Light = gpiozero.LED(
        settings.pin, active_high=settings.active_high, initial_value=False, pin_factory=factory
    )
    return light


def _guard(command: list[str]) -> subprocess.Popen[bytes]:
    """Start what executes *command* once this process is gone without saying goodbye. Raises `OutletError`."""
    try:
        return subprocess.Popen(  # noqa: S603 (own command, with validated settings)
            ["/bin/sh", "-c", GUARD, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as exc:
        raise OutletError(f"no guard for the pin can be started: {one_line(exc)}") from exc


def _dismiss(guard: subprocess.Popen[bytes]) -> None:
    if guard.stdin is not None:
        with contextlib.suppress(OSError):
            guard.stdin.write(b"\n")
            guard.stdin.flush()
        with contextlib.suppress(OSError):
            guard.stdin.close()
    try:
        guard.wait(0.5)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


def main(settings_json: str) -> None:
    """Switch off the pin of *settings_json*, as the guard does."""
    from edge_fer.appliance.outlets.settings import GpioSettings

    open_light(GpioSettings.model_validate_json(settings_json)).close()


if __name__ == "__main__":
    main(sys.argv[1])
