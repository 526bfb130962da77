"""Generated drives with the noise of detectors: false alerts an hour, and how long true events take to be found.

The driver looks into mirrors and at the dashboard, blinks 15 times a minute, and now and then looks away for 4 to 8 s;
at level 2 he also closes his eyes for 1.5 to 4 s. What is seen of that is disturbed as `noise.json` says: jitter and
slow errors of the pose, jitter of the eyes, faces that are lost, frames that tell nothing. An alert is false if the
same drive without noise raises none of its kind within 2 s, and lost if it is missing with noise. These are no real
drives: none was at hand.

    python benchmarks/driving/noise.py --hours 2 --json benchmarks/results/driving/noise.json
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shlex
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drives import CLOSED, OPEN

from edge_fer import files
from edge_fer.driving import policy
from edge_fer.driving.alerts import Kind
from edge_fer.driving.observation import Measured, Observation, Pose, Sight
from edge_fer.driving.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.driving.alerts import Alert

FPS: Final = 15.0
HOUR_S: Final = 3600.0
NOISE: Final = Path(__file__).with_name("noise.json")
QUIET_S: Final = 130.0
"""Begin of a drive without events, while the driver is learned."""
NEAR_S: Final = 2.0
"""How far an alert with noise may be from the one without, and an alert from the end of its event."""
WITHOUT: Final = (
    "yaw_jitter_deg", "pitch_jitter_deg", "pose_drift_deg", "eyes_jitter", "level_1_lost_share", "level_2_lost_share",
    "unsure_share",
)  # fmt: skip
"""What is 0 without noise."""
FOUND_BY: Final = {
    "look": (Kind.LOOKS_AWAY, Kind.GLANCES, Kind.UNRESPONSIVE, Kind.LOCKED_OUT),
    "closed": (Kind.MICROSLEEP, Kind.SLEEP, Kind.UNRESPONSIVE),
}
LOOK_TARGETS: Final = ((40.0, 0.0), (-40.0, 5.0), (5.0, 30.0))
"""Yaw and pitch, degrees: the right mirror, the left one, the dashboard."""


@dataclass(frozen=True)
class Event:
    """What the driver does: ``glance``, ``look``, ``blink`` or ``closed``."""

    kind: str
    begin_s: float
    end_s: float
    target: tuple[float, float] = (0.0, 0.0)


def poisson(numbers: random.Random, every_s: float, length_s: float) -> Iterator[float]:
    """Yield moments that are *every_s* apart on the average."""
    time_s = numbers.expovariate(1 / every_s)
    while time_s < length_s:
        yield time_s
        time_s += numbers.expovariate(1 / every_s)


def events_of(numbers: random.Random, level: int, length_s: float) -> list[Event]:
    """Return what a driver does in a drive; looks and closings are at least 60 s apart."""
    events: list[Event] = []
    for begin_s in poisson(numbers, 12, length_s):
        end_s = begin_s + numbers.uniform(0.4, 1.4)
        events.append(Event("glance", begin_s, end_s, numbers.choice(LOOK_TARGETS)))
    blinks = poisson(numbers, 4, length_s)
    events += [Event("blink", begin_s, begin_s + numbers.uniform(0.1, 0.3)) for begin_s in blinks]
    begin_s = QUIET_S
    while begin_s < length_s - 60:
        if level == 2 and numbers.random() < 0.5:
            events.append(Event("closed", begin_s, begin_s + numbers.uniform(1.5, 4.0)))
        else:
            events.append(Event("look", begin_s, begin_s + numbers.uniform(4.0, 8.0), numbers.choice(LOOK_TARGETS)))
        begin_s += numbers.uniform(60, 180)
    return sorted(events, key=lambda event: event.begin_s)


class Spells:
    """Something that comes and goes by chance: a share of the time, for so long on the average."""

    def __init__(self, numbers: random.Random, share: float, mean_s: float) -> None:
        self._numbers = numbers
        self._begin_rate = share / (mean_s * (1 - share))
        self._end_rate = 1 / mean_s
        self._on = False

    def on_after(self, step_s: float) -> bool:
        """Return whether it is on, *step_s* later."""
        rate = self._end_rate if self._on else self._begin_rate
        if self._numbers.random() < 1 - math.exp(-rate * step_s):
            self._on = not self._on
        return self._on


class Drift:
    """A slow error: normally distributed, forgotten in so many seconds."""

    def __init__(self, numbers: random.Random, deviation: float, memory_s: float) -> None:
        self._numbers = numbers
        self._deviation = deviation
        self._memory_s = memory_s
        self._value = numbers.gauss(0, deviation)

    def after(self, step_s: float) -> float:
        """Return the error *step_s* later."""
        kept = math.exp(-step_s / self._memory_s)
        self._value = kept * self._value + self._numbers.gauss(0, self._deviation * math.sqrt(1 - kept * kept))
        return self._value


class Detector:
    """Observes a driver with the noise of *noise*."""

    def __init__(self, numbers: random.Random, level: int, noise: dict[str, Any]) -> None:
        self._numbers = numbers
        self._level = level
        self._noise = noise
        self._lost = Spells(numbers, noise[f"level_{level}_lost_share"], noise["lost_s"])
        self._unsure = Spells(numbers, noise["unsure_share"], noise["unsure_s"])
        self._yaw = Drift(numbers, noise["pose_drift_deg"], noise["pose_drift_s"])
        self._pitch = Drift(numbers, noise["pose_drift_deg"], noise["pose_drift_s"])

    def observe(self, time_s: float, now: list[Event]) -> Observation:
        """Return what is seen of *now*, the events at *time_s*."""
        is_lost = self._lost.on_after(1 / FPS)
        is_unsure = self._unsure.on_after(1 / FPS)
        yaw_error = self._yaw.after(1 / FPS)
        pitch_error = self._pitch.after(1 / FPS)
        if is_lost:
            return Observation(time_s=time_s, sight=Sight.NO_FACE)
        if is_unsure and self._level == 2:
            return Observation(time_s=time_s, sight=Sight.FACE)
        looks = [event for event in now if event.kind in {"glance", "look"}]
        if self._level == 1:
            return Observation(time_s=time_s, sight=Sight.FACE, facing=not looks)
        yaw, pitch = looks[-1].target if looks else (0.0, 0.0)
        is_closed = any(event.kind in {"blink", "closed"} for event in now)
        return Observation(
            time_s=time_s,
            sight=Sight.FACE,
            pose=Pose(
                yaw_deg=yaw + yaw_error + self._numbers.gauss(0, self._noise["yaw_jitter_deg"]),
                pitch_deg=pitch + pitch_error + self._numbers.gauss(0, self._noise["pitch_jitter_deg"]),
                roll_deg=0.0,
                uncertainty_deg=self._noise["pose_uncertainty_deg"],
            ),
            eyes=Measured(
                value=(CLOSED if is_closed else OPEN) + self._numbers.gauss(0, self._noise["eyes_jitter"]),
                uncertainty=self._noise["eyes_uncertainty"],
            ),
        )


def driven(seed: int, level: int, length_s: float, noise: dict[str, Any]) -> tuple[list[Event], list[Alert]]:
    """Return the events of a drive and the alerts that were raised."""
    numbers = random.Random(seed)  # noqa: S311
    events = events_of(numbers, level, length_s)
    detector = Detector(numbers, level, noise)
    parameters = Parameters()
    state = policy.begin()
    alerts: list[Alert] = []
    coming = list(reversed(events))
    now: list[Event] = []
    for number in range(int(length_s * FPS)):
        time_s = number / FPS
        while coming and coming[-1].begin_s <= time_s:
            now.append(coming.pop())
        now = [event for event in now if event.end_s > time_s]
        state, changes = policy.step(state, detector.observe(time_s, now), parameters)
        alerts += [alert for alert in changes if alert.level is not None]
    return events, alerts


def judged(level: int, hours: float, noise: dict[str, Any]) -> dict[str, Any]:
    """Drive for *hours*, an hour at a time, and return the false alerts and the time that true events took."""
    clean = noise | dict.fromkeys(WITHOUT, 0.0)
    false: dict[str, int] = {}
    lost: dict[str, int] = {}
    found: dict[str, list[float]] = {"look": [], "closed": []}
    missed = {"look": 0, "closed": 0}
    for seed in range(math.ceil(hours)):
        events, alerts = driven(seed, level, HOUR_S, noise)
        _, true_alerts = driven(seed, level, HOUR_S, clean)
        count_strangers(alerts, true_alerts, false)
        count_strangers(true_alerts, alerts, lost)
        for event in events:
            if event.kind in FOUND_BY:
                times_s = [alert.time_s - event.begin_s for alert in alerts if explains(event, alert)]
                if times_s:
                    found[event.kind].append(min(times_s))
                else:
                    missed[event.kind] += 1
    return {
        "level": level,
        "hours": math.ceil(hours),
        "false": false,
        "lost": lost,
        "missed": missed,
        "found_after_s": found,
    }


def count_strangers(alerts: list[Alert], others: list[Alert], counts: dict[str, int]) -> None:
    """Add to *counts*, by kind, the *alerts* that have no partner of their kind near them in *others*."""
    for alert in alerts:
        near = (one for one in others if one.kind is alert.kind and abs(one.time_s - alert.time_s) <= NEAR_S)
        if next(near, None) is None:
            counts[alert.kind] = counts.get(alert.kind, 0) + 1


def explains(event: Event, alert: Alert) -> bool:
    """Return whether *alert* is about *event*."""
    is_about = alert.kind in FOUND_BY.get(event.kind, ())
    return is_about and event.begin_s <= alert.time_s <= event.end_s + NEAR_S


def show(row: dict[str, Any]) -> None:
    """Print what was found at one level."""
    hours = row["hours"]
    for what in ("false", "lost"):
        counts = ", ".join(f"{kind} {count / hours:.2f}" for kind, count in row[what].items()) or "none"
        print(f"level {row['level']}, {hours} h: {what} alerts an hour: {counts}")  # noqa: T201
    for kind, times_s in row["found_after_s"].items():
        if len(times_s) > 1:
            tenths = statistics.quantiles(times_s, n=10)
            numbers = f"after {statistics.median(times_s):.2f} s (median), {tenths[-1]:.2f} s (p90)"
            print(f"    {kind}: {len(times_s)} found {numbers}, {row['missed'][kind]} missed")  # noqa: T201


def main() -> None:
    """Drive at both levels."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--hours", type=float, default=2.0, help="hours of driving at each level")
    options.add_argument("--noise", type=Path, default=NOISE, help="file with the noise of the detectors")
    options.add_argument("--json", type=Path, help="write the raw values to this file")
    given = options.parse_args()
    noise = json.loads(given.noise.read_text())
    rows = [judged(level, given.hours, noise) for level in (1, 2)]
    for row in rows:
        show(row)
    if given.json:
        command = shlex.join(["python", "benchmarks/driving/noise.py", *sys.argv[1:]])
        files.write(given.json, json.dumps({"command": command, "noise": noise, "levels": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
