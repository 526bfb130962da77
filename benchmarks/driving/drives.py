"""Drives that are written down: what is seen when, and which alerts must follow. Frames are taken at any rate.

What a drive says of its looks holds for both levels; what it says of eyes, for level 2 only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.monitor import Monitor
from edge_fer.driving.observation import Hindrance, Measured, Observation, Pose, Sight
from edge_fer.driving.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OPEN: Final = 0.33
CLOSED: Final = 0.12
"""Height by width of eyes, as the iris model reads them."""
TICK_S: Final = 0.1
BEGIN_S: Final = 29.95
"""When most things begin, so that at 5, 15 and 30 frames a second the next frame is at least 1/60 s away."""
EYES_BEGIN_S: Final = 129.95
"""The same where eyes must be learned, and known for a minute."""
CANNOT_MONITOR: Final = Sight.CANNOT_MONITOR


@dataclass(frozen=True)
class Spell:
    """Something that is so from ``begin_s`` until before ``end_s``: fields of `Observation` that it replaces."""

    begin_s: float
    end_s: float
    fields: dict[str, Any]


@dataclass(frozen=True)
class Expected:
    """An alert that must come, within the tolerance."""

    time_s: float
    kind: Kind
    level: Level | None


@dataclass(frozen=True)
class Drive:
    """A drive and what must be said of it."""

    name: str
    about: str
    level: int
    """Of the monitor: 1 without landmarks, 2 with them."""
    length_s: float
    spells: tuple[Spell, ...] = ()
    expected: tuple[Expected, ...] = ()
    hangs: tuple[tuple[float, float], ...] = ()
    """When no frame comes: begin, end."""
    jumps: tuple[tuple[float, float], ...] = ()
    """When the clock of the frames jumps, and by how many seconds."""

    def observed(self, time_s: float) -> Observation:
        """Return what a frame tells at *time_s*."""
        fields: dict[str, Any] = {"sight": Sight.FACE, "state": "neutral"}
        if self.level == 1:
            fields["facing"] = True
        else:
            fields |= {"pose": pose(), "eyes": opening(OPEN)}
        for spell in self.spells:
            if spell.begin_s <= time_s < spell.end_s:
                fields |= spell.fields
        if fields["sight"] is not Sight.FACE:
            kept = ("sight", "hindrance", "speed_kmh")
            fields = {name: value for name, value in fields.items() if name in kept}
        return Observation(time_s=time_s + self.shift_s(time_s), **fields)

    def shift_s(self, time_s: float) -> float:
        """Return by how much the clock is off at *time_s*."""
        return sum(by_s for at_s, by_s in self.jumps if at_s <= time_s)

    def hangs_at(self, time_s: float) -> bool:
        """Return whether no frame comes at *time_s*."""
        return any(begin_s < time_s < end_s for begin_s, end_s in self.hangs)


def pose(yaw_deg: float = 0.0, pitch_deg: float = 0.0) -> Pose:
    """Return a certain pose."""
    return Pose(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=0.0, uncertainty_deg=4.0)


def opening(value: float) -> Measured:
    """Return a certain opening of the eyes."""
    return Measured(value=value, uncertainty=0.02)


def at_rate(length_s: float, fps: float) -> Iterator[float]:
    """Yield the times of frames at *fps*."""
    for number in range(int(length_s * fps)):
        yield number / fps


def play(drive: Drive, times_s: Iterable[float], parameters: Parameters | None = None) -> list[Alert]:
    """Return the alerts of *drive* whose frames are at *times_s*; while none comes, the monitor's clock ticks."""
    monitor = Monitor(parameters or Parameters())
    alerts: list[Alert] = []
    last_s = 0.0
    for time_s in times_s:
        if drive.hangs_at(time_s):
            continue
        alerts += _ticks(monitor, drive, last_s, time_s)
        alerts += monitor.saw(drive.observed(time_s)).alerts
        last_s = time_s
    return alerts


def _ticks(monitor: Monitor, drive: Drive, last_s: float, time_s: float) -> list[Alert]:
    alerts: list[Alert] = []
    for number in range(1, int((time_s - last_s) / TICK_S)):
        now_s = last_s + number * TICK_S
        step = monitor.tick(now_s + drive.shift_s(now_s))
        if step is not None:
            alerts += step.alerts
    return alerts


def misses(drive: Drive, alerts: list[Alert], tolerance_s: float) -> list[str]:
    """Return what is wrong with *alerts*, one line each."""
    lines: list[str] = []
    for kind in Kind:
        wanted = [one for one in drive.expected if one.kind is kind]
        given = [one for one in alerts if one.kind is kind]
        if Counter(one.level for one in wanted) != Counter(one.level for one in given):
            levels = [None if one.level is None else one.level.name for one in given]
            lines.append(f"{kind}: {len(given)} alerts {levels}, expected {len(wanted)}")
            continue
        for want, got in zip(wanted, given, strict=True):
            if want.level is not got.level or abs(want.time_s - got.time_s) > tolerance_s:
                lines.append(
                    f"{kind}: level {got.level} at {got.time_s:.3f} s, expected {want.level} at {want.time_s:.3f}"
                )
    return lines


def largest_error_s(drive: Drive, alerts: list[Alert]) -> float:
    """Return by how much an alert was off most; only of a drive without misses."""
    errors = [0.0]
    for kind in Kind:
        wanted = [one for one in drive.expected if one.kind is kind]
        given = [one for one in alerts if one.kind is kind]
        errors += [abs(want.time_s - got.time_s) for want, got in zip(wanted, given, strict=False)]
    return max(errors)


def looks(level: int, begin_s: float, length_s: float, every_s: float = 1.0, times: int = 1) -> tuple[Spell, ...]:
    """Return looks aside of *length_s*, one each *every_s*."""
    away: dict[str, Any] = {"facing": False} if level == 1 else {"pose": pose(yaw_deg=45.0), "eyes": None}
    begins = [begin_s + number * every_s for number in range(times)]
    return tuple(Spell(begin, begin + length_s, away) for begin in begins)


def closings(begin_s: float, length_s: float, every_s: float = 1.0, times: int = 1) -> tuple[Spell, ...]:
    """Return closings of the eyes, one each *every_s*."""
    begins = [begin_s + number * every_s for number in range(times)]
    return tuple(Spell(begin, begin + length_s, {"eyes": opening(CLOSED)}) for begin in begins)


def expect(begin_s: float, *rows: tuple[float, Kind, Level | None]) -> tuple[Expected, ...]:
    """Return what is expected, with times after *begin_s*."""
    return tuple(Expected(begin_s + after_s, kind, level) for after_s, kind, level in rows)


def all_drives() -> list[Drive]:
    """Return all drives."""
    drives: list[Drive] = []
    for level in (1, 2):
        drives += [*looking(level), *alarming(level), *glancing(level)]
        drives += [*not_seeing(level), *without_driver(level), *beside(level)]
    return [*drives, *sleeping(), *with_eyes()]


def looking(level: int) -> list[Drive]:
    """Return drives of single looks away, up to a warning."""
    begin_s = BEGIN_S
    return [
        Drive("look of 2.9 s", "too short", level, 60, looks(level, begin_s, 2.9)),
        Drive(
            "look of 3.1 s",
            "a notice, cleared when one second is forgiven",
            level,
            60,
            looks(level, begin_s, 3.1),
            expect(begin_s, (3.0, Kind.LOOKS_AWAY, Level.NOTICE), (3.65, Kind.LOOKS_AWAY, None)),
        ),
        Drive(
            "look of 6 s",
            "up to a warning, and down again",
            level,
            60,
            looks(level, begin_s, 6.0),
            expect(
                begin_s,
                (3.0, Kind.LOOKS_AWAY, Level.NOTICE),
                (5.0, Kind.LOOKS_AWAY, Level.WARNING),
                (7.0, Kind.LOOKS_AWAY, Level.NOTICE),
                (8.0, Kind.LOOKS_AWAY, None),
            ),
        ),
    ]


def alarming(level: int) -> list[Drive]:
    """Return drives of looks that end in an alarm, and of recovery."""
    begin_s = BEGIN_S
    alarm = (
        (3.0, Kind.LOOKS_AWAY, Level.NOTICE),
        (5.0, Kind.LOOKS_AWAY, Level.WARNING),
        (10.0, Kind.GLANCES, Level.NOTICE),
        (11.0, Kind.LOOKS_AWAY, Level.ALARM),
    )
    recovered = ((33.5, Kind.LOOKS_AWAY, None), (33.5, Kind.GLANCES, None))
    third_s = begin_s + 2 * 60
    return [
        Drive(
            "slow recovery",
            "after an alarm, 22 s of attention end it",
            level,
            90,
            looks(level, begin_s, 11.5),
            expect(begin_s, *alarm, *recovered),
        ),
        Drive(
            "slow recovery, interrupted",
            "another look keeps the alarm raised for as long again, and three seconds of it are no response",
            level,
            120,
            (*looks(level, begin_s, 11.5), *looks(level, begin_s + 21.5, 4.0)),
            expect(
                begin_s,
                *alarm,
                (24.5, Kind.UNRESPONSIVE, Level.ALARM),
                (30.5, Kind.UNRESPONSIVE, None),
                (37.5, Kind.GLANCES, None),
                (45.5, Kind.LOOKS_AWAY, None),
            ),
        ),
        Drive(
            "third alarm",
            "locks out, until the vehicle has stood for ten seconds",
            level,
            240,
            (*looks(level, begin_s, 11.5, 60, 3), Spell(third_s + 50, third_s + 70, {"speed_kmh": 0.0})),
            (
                *expect(begin_s, *alarm, *recovered),
                *expect(begin_s + 60, *alarm, *recovered),
                *expect(third_s, *alarm, *recovered, (11.0, Kind.LOCKED_OUT, Level.ALARM), (60, Kind.LOCKED_OUT, None)),
            ),
        ),
        Drive(
            "no response",
            "the look goes on after the alarm",
            level,
            120,
            looks(level, begin_s, 20),
            expect(
                begin_s,
                *alarm,
                (14.0, Kind.UNRESPONSIVE, Level.ALARM),
                (25.0, Kind.UNRESPONSIVE, None),
                (42.0, Kind.LOOKS_AWAY, None),
                (42.0, Kind.GLANCES, None),
            ),
        ),
    ]


def glancing(level: int) -> list[Drive]:
    """Return drives of many short looks, and of looks at low speed."""
    begin_s = BEGIN_S
    return [
        Drive(
            "ten glances of 1.2 s in 30 s",
            "the ninth makes ten seconds",
            level,
            120,
            looks(level, begin_s, 1.2, 2.8, 10),
            expect(begin_s, (22.8, Kind.GLANCES, Level.NOTICE), (38.8, Kind.GLANCES, None)),
        ),
        Drive("eight glances of 1.2 s", "stay below ten seconds", level, 120, looks(level, begin_s, 1.2, 2.8, 8)),
        Drive(
            "look at 30 km/h",
            "times are longer by 6/3.5",
            level,
            60,
            (*looks(level, begin_s, 5.6), Spell(0, 60, {"speed_kmh": 30.0})),
            expect(begin_s, (36 / 7, Kind.LOOKS_AWAY, Level.NOTICE), (6.6857, Kind.LOOKS_AWAY, None)),
        ),
        Drive(
            "look while slowing down",
            "2 s at 60 km/h, 1 s of the timer at 10 km/h",
            level,
            60,
            (
                *looks(level, begin_s, 6.0),
                Spell(0, begin_s + 2, {"speed_kmh": 60.0}),
                Spell(begin_s + 2, 60, {"speed_kmh": 10.0}),
            ),
            expect(begin_s, (5.0, Kind.LOOKS_AWAY, Level.NOTICE), (8.0, Kind.LOOKS_AWAY, None)),
        ),
    ]


def not_seeing(level: int) -> list[Drive]:
    """Return drives in which something is not seen for a while."""
    begin_s = BEGIN_S
    notice = (10.0, Kind.CANNOT_MONITOR, Level.NOTICE)
    no_face = {"sight": Sight.NO_FACE}
    dark = {"sight": CANNOT_MONITOR, "hindrance": Hindrance.DARK}
    glasses: dict[str, Any] = {"hindrance": Hindrance.SUNGLASSES, "eyes": None}
    flickers = [Spell(begin_s + 2 * number, begin_s + 2 * number + 0.2, no_face) for number in range(60)]
    dusk = [Spell(begin_s + 3 * number, begin_s + 3 * number + 0.4, no_face) for number in range(10)]
    return [
        Drive("flicker of 0.2 s", "the face is lost for moments, for two minutes", level, 160, tuple(flickers)),
        Drive(
            "sunglasses for 61 s",
            "the eyes are not seen, the head is",
            level,
            120,
            (Spell(begin_s, begin_s + 61, glasses),),
            expect(begin_s, (10.0, Kind.EYES_UNSEEN, Level.ADVICE), (63.0, Kind.EYES_UNSEEN, None)),
        ),
        Drive(
            "camera hangs for 11 s",
            "no frame comes",
            level,
            60,
            (),
            expect(begin_s, notice, (13.0, Kind.CANNOT_MONITOR, None)),
            hangs=((begin_s, begin_s + 11),),
        ),
        Drive(
            "camera hangs in a look",
            "5 s without frames in a look count for neither",
            level,
            60,
            looks(level, begin_s, 8.9),
            expect(begin_s, (8.0, Kind.LOOKS_AWAY, Level.NOTICE), (9.85, Kind.LOOKS_AWAY, None)),
            hangs=((begin_s + 2, begin_s + 7),),
        ),
        Drive(
            "dusk to dark",
            "the face is lost now and then, then it is too dark, then there are street lights",
            level,
            180,
            (*dusk, Spell(begin_s + 40, begin_s + 85, dark)),
            expect(
                begin_s + 40,
                notice,
                (30.0, Kind.CANNOT_MONITOR, Level.WARNING),
                (47.0, Kind.CANNOT_MONITOR, None),
            ),
        ),
    ]


def without_driver(level: int) -> list[Drive]:
    """Return drives in which nobody is seen at the wheel."""
    begin_s = BEGIN_S
    no_face = {"sight": Sight.NO_FACE}
    return [
        Drive(
            "driver leaves",
            "after a minute the drive is over",
            level,
            150,
            (Spell(begin_s, 150, no_face),),
            expect(
                begin_s,
                (3.0, Kind.LOOKS_AWAY, Level.NOTICE),
                (5.0, Kind.LOOKS_AWAY, Level.WARNING),
                (10.0, Kind.GLANCES, Level.NOTICE),
                (11.0, Kind.LOOKS_AWAY, Level.ALARM),
                (14.0, Kind.UNRESPONSIVE, Level.ALARM),
                (60.0, Kind.LOOKS_AWAY, None),
                (60.0, Kind.GLANCES, None),
                (60.0, Kind.UNRESPONSIVE, None),
            ),
        ),
        Drive("empty vehicle", "nobody was seen yet", level, 120, (Spell(0, 120, no_face),)),
        Drive(
            "nobody is seen at 60 km/h",
            "somebody drives, so it is the monitor that fails",
            level,
            60,
            (Spell(0, 60, {**no_face, "speed_kmh": 60.0}),),
            expect(0, (10.0, Kind.CANNOT_MONITOR, Level.NOTICE), (30.0, Kind.CANNOT_MONITOR, Level.WARNING)),
        ),
    ]


def beside(level: int) -> list[Drive]:
    """Return drives of emotions, and of clocks that jump."""
    begin_s = BEGIN_S
    jump_s = begin_s + 2
    return [
        Drive(
            "angry for 30 s",
            "advice, never more",
            level,
            90,
            (Spell(begin_s, begin_s + 30, {"state": "angry"}),),
            expect(begin_s, (10.0, Kind.EMOTION, Level.ADVICE), (35.0, Kind.EMOTION, None)),
        ),
        Drive("fear for 8 s", "too short", level, 60, (Spell(begin_s, begin_s + 8, {"state": "fear"}),)),
        *[
            Drive(
                f"clock jumps by {by_s} s",
                "what was counted of a look stays",
                level,
                60,
                looks(level, begin_s, 4.0),
                expect(begin_s + by_s, (3.0, Kind.LOOKS_AWAY, Level.NOTICE), (5.0, Kind.LOOKS_AWAY, None)),
                jumps=((jump_s, by_s),),
            )
            for by_s in (-3600, 3600)
        ],
    ]


def sleeping() -> list[Drive]:
    """Return drives of level 2 in which the eyes close."""
    begin_s = EYES_BEGIN_S
    blinks: list[Spell] = []
    for number, length_s in enumerate((0.1, 0.2, 0.3, 0.4)):
        blinks += closings(9.95 + 4 * number, length_s, 16, 19)
    return [
        Drive(
            "microsleep of 1.1 s",
            "a warning",
            2,
            200,
            closings(begin_s, 1.1),
            expect(begin_s, (1.0, Kind.MICROSLEEP, Level.WARNING), (2.1, Kind.MICROSLEEP, None)),
        ),
        Drive("eyes closed for 0.8 s", "no microsleep", 2, 200, closings(begin_s, 0.8)),
        Drive(
            "sleep of 7 s",
            "microsleep, sleep, no response; and a tenth of the minute",
            2,
            240,
            closings(begin_s, 7.0),
            expect(
                begin_s,
                (1.0, Kind.MICROSLEEP, Level.WARNING),
                (8.0, Kind.MICROSLEEP, None),
                (3.0, Kind.SLEEP, Level.ALARM),
                (12.0, Kind.SLEEP, None),
                (6.0, Kind.UNRESPONSIVE, Level.ALARM),
                (12.0, Kind.UNRESPONSIVE, None),
                (6.0, Kind.DROWSY, Level.NOTICE),
                (62.2, Kind.DROWSY, None),
            ),
        ),
        Drive("15 blinks a minute", "of 0.1 to 0.4 s, for five minutes", 2, 320, tuple(blinks)),
        Drive(
            "drowsiness",
            "fifteen closings of 0.8 s in a minute",
            2,
            260,
            (*closings(begin_s, 0.8, 4, 15), *closings(begin_s + 60, 0.4)),
            expect(begin_s, (28.4, Kind.DROWSY, Level.NOTICE), (96.4, Kind.DROWSY, None)),
        ),
    ]


def with_eyes() -> list[Drive]:
    """Return the other drives of level 2 only."""
    begin_s = EYES_BEGIN_S
    bowed = {"pose": pose(pitch_deg=30.0), "eyes": opening(CLOSED)}
    aside = (Spell(0, 180, {"pose": pose(yaw_deg=15.0, pitch_deg=-8.0)}),)
    return [
        Drive("looks down for 2 s", "lowered lids are no sleep", 2, 200, (Spell(begin_s, begin_s + 2, bowed),)),
        Drive(
            "sits aside",
            "the own pose is learned: 25 degrees from it are away, though the camera sees 40",
            2,
            200,
            (*aside, Spell(begin_s, begin_s + 4, {"pose": pose(yaw_deg=40.0, pitch_deg=-8.0)})),
            expect(begin_s, (3.0, Kind.LOOKS_AWAY, Level.NOTICE), (5.0, Kind.LOOKS_AWAY, None)),
        ),
        Drive(
            "eyes are lost",
            "without any sunglasses being found",
            2,
            120,
            (Spell(BEGIN_S, BEGIN_S + 30, {"eyes": None}),),
            expect(BEGIN_S, (10.0, Kind.EYES_UNSEEN, Level.ADVICE), (32.0, Kind.EYES_UNSEEN, None)),
        ),
    ]
