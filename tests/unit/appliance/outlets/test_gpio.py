"""A lamp: when it is on, and that a guard switches it off."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.outlets import gpio
from edge_fer.appliance.outlets.gpio import GpioOutlet
from edge_fer.appliance.outlets.settings import GpioSettings
from edge_fer.errors import OutletError

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
LONG_S = 60.0


class Lamp:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on(self) -> None:
        self.told.append("on")

    def off(self) -> None:
        self.told.append("off")

    def blink(self, on_time: float, off_time: float) -> None:
        self.told.append(f"blink {on_time:g} {off_time:g}")

    def close(self) -> None:
        self.told.append("close")


class Case:
    """An outlet with a lamp, whose time goes on only here."""

    def __init__(self, **settings) -> None:
        self.lamp = Lamp()
        self.now_s = 0.0
        values = {"pin": 17, "on": ("angry",), "factory": "mock", "min_on_s": 0} | settings
        self.outlet = GpioOutlet(GpioSettings(**values), light=lambda _: self.lamp, now=lambda: self.now_s)
        self.outlet.open()

    def tells(self, kind: Kind, subject: str, after: str | None) -> list[str]:
        self.outlet.send(Event(NOON, kind, subject, None, after))
        return self.lamp.told

    def face(self, after: str | None, subject: str = "track 1") -> list[str]:
        return self.tells(Kind.FACE, subject, after)

    def waits(self, seconds: float) -> list[str]:
        self.now_s += seconds
        self.outlet.publish_status({})
        return self.lamp.told


@pytest.fixture
def case():
    cases = []

    def made(**settings) -> Case:
        cases.append(Case(**settings))
        return cases[-1]

    yield made
    for each in cases:
        each.outlet.close()


def test_it_is_on_while_a_face_has_the_state(case):
    lit = case()
    assert lit.face("happy") == []
    assert lit.face("angry") == ["on"]
    assert lit.face("angry", "track 2") == ["on"]
    assert lit.face("sad") == ["on"]
    assert lit.face(None, "track 2") == ["on", "off"]


def test_it_follows_alerts_faults_and_presence(case):
    alerted = case(on=("alert",))
    assert alerted.tells(Kind.ALERT, "drowsy", "raised") == ["on"]
    assert alerted.tells(Kind.ALERT, "drowsy", None) == ["on", "off"]
    faulty = case(on=("fault",))
    assert faulty.tells(Kind.HEALTH, "camera", "failing") == ["on"]
    assert faulty.tells(Kind.HEALTH, "camera", "working") == ["on", "off"]
    present = case(on=("somebody",))
    assert present.face("unknown") == ["on"]
    assert present.face(None) == ["on", "off"]


def test_a_buzzer_sounds_for_what_is_loud_enough(case):
    buzzer = case(on=("alert",))
    assert buzzer.tells(Kind.ALERT, "driver: emotion", "advice") == []
    assert buzzer.tells(Kind.ALERT, "driver: looks away", "notice") == []
    assert buzzer.tells(Kind.ALERT, "driver: looks away", "warning") == ["on"]
    assert buzzer.tells(Kind.ALERT, "driver: looks away", "notice") == ["on", "off"]
    early = case(on=("alert",), from_level="notice")
    assert early.tells(Kind.ALERT, "driver: emotion", "advice") == []
    assert early.tells(Kind.ALERT, "driver: looks away", "notice") == ["on"]


def test_a_short_moment_is_seen(case):
    lit = case(min_on_s=2)
    lit.face("angry")
    lit.now_s = 0.5
    assert lit.face("happy") == ["on"]
    assert lit.waits(1.4) == ["on"]
    assert lit.waits(0.2) == ["on", "off"]


def test_the_least_time_ends_without_another_event(case):
    lit = case(min_on_s=0.05)
    lit.outlet._now = time.monotonic
    lit.face("angry")
    lit.face("happy")
    end = time.monotonic() + LONG_S
    while lit.lamp.told != ["on", "off"] and time.monotonic() < end:
        time.sleep(0.01)
    assert lit.lamp.told == ["on", "off"]


def test_a_buzzer_stops_until_the_condition_has_ended(case):
    lit = case(max_on_s=10)
    lit.face("angry")
    assert lit.waits(9) == ["on"]
    assert lit.waits(2) == ["on", "off"]
    assert lit.waits(100) == ["on", "off"]
    lit.face("happy")
    assert lit.face("angry") == ["on", "off", "on"]


def test_it_blinks(case):
    lit = case(blink_s=0.5)
    assert lit.face("angry") == ["blink 0.5 0.5"]
    assert lit.face("happy") == ["blink 0.5 0.5", "off"]


def test_closing_switches_it_off(case):
    lit = case()
    lit.face("angry")
    lit.outlet.close()
    assert lit.lamp.told == ["on", "off", "close"]
    lit.outlet.open()
    assert lit.lamp.told == ["on", "off", "close", "on"]


def test_a_lamp_that_fails_is_an_error_of_the_outlet(case):
    lit = case()

    def fails() -> None:
        raise RuntimeError("no such line")

    lit.lamp.on = fails
    with pytest.raises(OutletError, match="pin 17 cannot be switched: no such line"):
        lit.face("angry")


def test_the_guard_acts_when_the_service_was_killed(tmp_path):
    off = tmp_path / "off"
    code = (
        "import sys, time; from edge_fer.appliance.outlets import gpio\n"
        "guard = gpio._guard(['touch', sys.argv[1]]); print(guard.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(off)], stdout=subprocess.PIPE, text=True) as service:
        service.stdout.readline()
        assert not off.exists()
        service.kill()
    end = time.monotonic() + LONG_S
    while not off.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert off.exists()


def test_the_guard_does_nothing_after_a_goodbye(tmp_path):
    guard = gpio._guard(["touch", str(tmp_path / "off")])
    gpio._dismiss(guard)
    assert guard.returncode == 0
    assert not (tmp_path / "off").exists()


def test_the_guard_switches_off_the_pin_of_the_settings():
    pytest.importorskip("gpiozero", reason="gpiozero is not installed: pip install -e '.[gpio]'")
    gpio.main(GpioSettings(pin=17, on=("angry",), factory="mock").model_dump_json())
