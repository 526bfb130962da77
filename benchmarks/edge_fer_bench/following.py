"""How well faces are found and followed: true faces against reported ones, frame by frame.

The drawn scenes, films of people and peers are measured by the same code. A `Tally` takes frames and gives `Counts`, of
which those of several films can be added. `Figures` are derived from counts.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from edge_fer.emotions import UNKNOWN
from edge_fer_bench.wording import aligned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from edge_fer.boxes import Box
    from edge_fer.records import Record
    from edge_fer.sources import Truth

Pose = Literal["frontal", "turned", "tilted", "other"]
POSES: Final[tuple[Pose, ...]] = ("frontal", "turned", "tilted", "other")

MAX_AREA_RATIO: Final = 4.0
"""How many times the area of the other one a box may have at most where both mean the same face."""
LASTING_S: Final = 1.0
"""A track that was false for longer in all is a lasting false one."""
ABSENT_S: Final = 2.0
"""A person who was out of the picture for longer appears anew: nobody can expect the same track then."""
SOME_FRAMES: Final = 3
"""For how many frames a track must cover a person to count as one of the person's tracks."""
MIN_VISIBLE: Final = 0.5
"""Least share of a drawn face that must be visible for it to count."""
COLUMNS: Final = (
    "", "coverage", *POSES, "false/100", "lasting", "ids", "swaps", "flips/min", "first s", "worst s", "never",
    "CPU ms",
)  # fmt: skip
NO_VALUE: Final = "–"


@dataclass(frozen=True)
class TrueFace:
    """A face that is in the picture."""

    box: Box
    person: int | None = None
    """Who it is, None where nobody knows."""
    pose: Pose = "other"
    ignored: bool = False
    """Too small, too hidden or too uncertain a face: whether it is reported or not, it is neither missed nor false."""


@dataclass(frozen=True)
class ReportedFace:
    """A face that a program reports."""

    box: Box
    track: int | None = None
    """Id of the track, None for a program that follows nobody."""
    state: str = ""
    """A label or ``unknown``; empty for a program without states."""
    seen: str = ""
    """How the program saw it, if it tells."""


@dataclass(frozen=True)
class FollowedFrame:
    """The true and the reported faces of one frame."""

    time_s: float
    truth: Sequence[TrueFace]
    reported: Sequence[ReportedFace]
    cpu_ms: float | None = None
    """CPU time of finding and following the faces of this frame."""


def pose_of(yaw_deg: float, roll_deg: float) -> Pose:
    """Return the pose of a head turned aside by *yaw_deg* and tilted by *roll_deg*.

    ``turned``: 30 to 65 degrees aside. ``tilted``: by more than 15, and not turned. ``frontal``: less than 20 aside and
    tilted by less than 12. What lies between these, and profiles, is ``other``.
    """
    yaw = abs(yaw_deg)
    roll = abs(roll_deg)
    if 30 <= yaw <= 65:
        return "turned"
    if yaw < 30 and roll > 15:
        return "tilted"
    if yaw < 20 and roll < 12:
        return "frontal"
    return "other"


def true_face(truth: Truth, min_face_px: float = 0.0, min_visible: float = MIN_VISIBLE) -> TrueFace:
    """Return *truth*, a drawn face, as one to compare with; ignored if it is smaller or more hidden than given."""
    ignored = truth.visible < min_visible or side_px(truth.box) < min_face_px
    # A bool of Python's own, since sources may draw with NumPy's numbers, which JSON does not take.
    return TrueFace(truth.box, truth.person, pose_of(truth.yaw_deg, truth.roll_deg), bool(ignored))


def reported_faces(record: Record) -> list[ReportedFace]:
    """Return the faces of *record*."""
    # Records of versions that saw each face in one way do not tell it.
    return [ReportedFace(face.box, face.track, face.state, getattr(face, "seen", "")) for face in record.faces]


def side_px(box: Box) -> float:
    """Return the side of the square that has the area of *box*."""
    return math.sqrt(box.width * box.height)


def closeness(a: Box, b: Box) -> float:
    """Rate how well *a* and *b* mean the same face, in [0, 1]; 0 if they do not.

    Detectors and people draw boxes by conventions of their own: OpenCV's cascades a square around the inner face, YuNet
    and annotators a taller box from chin to forehead, which gets narrow as the head turns. By intersection over union
    such boxes may be strangers. So the same face is where the centres are at most half the larger width apart, and
    the areas within a factor of `MAX_AREA_RATIO`.
    """
    areas = a.width * a.height, b.width * b.height
    if min(areas) <= 0 or max(areas) > MAX_AREA_RATIO * min(areas):
        return 0.0
    limit = max(a.width, b.width) / 2
    distance = math.dist(_centre(a), _centre(b))
    if distance > limit:
        return 0.0
    # Just above 0 at the limit itself, which still counts.
    return max(1e-9, 1 - distance / limit) * math.sqrt(min(areas) / max(areas))


def _centre(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2


def match(
    truth: Sequence[TrueFace], reported: Sequence[ReportedFace], followed: Mapping[int, int] | None = None
) -> list[tuple[int, int]]:
    """Return which true face each reported one is, as pairs of indices into *truth* and *reported*.

    Each face is in one pair at most; the closest pairs come first. *followed*, track → person, says whom a track
    covered before: as long as their boxes still fit, it covers the same person, as in the CLEAR MOT metrics (Bernardin
    and Stiefelhagen, 2008). So people who pass close by each other are not taken for exchanged.
    """
    followed = followed or {}
    rated: list[tuple[float, int, int]] = []
    for number, true in enumerate(truth):
        for index, report in enumerate(reported):
            close = closeness(true.box, report.box)
            if close > 0:
                rated.append((close + _continues(report, true, followed), number, index))
    pairs: list[tuple[int, int]] = []
    # Of equally close ones the true face that counts.
    for _, number, index in sorted(rated, key=lambda entry: (-entry[0], truth[entry[1]].ignored)):
        if all(number != taken_number and index != taken_index for taken_number, taken_index in pairs):
            pairs.append((number, index))
    return pairs


def _continues(report: ReportedFace, true: TrueFace, followed: Mapping[int, int]) -> bool:
    if report.track is None or true.person is None:
        return False
    return followed.get(report.track) == true.person


@dataclass(frozen=True)
class Counts:
    """What was counted in one or more films. Counts of several films are added by ``+``."""

    films: int = 0
    frames: int = 0
    seconds: float = 0.0
    visible: Counter[str] = field(default_factory=Counter)
    """Pose → true faces of all frames, without the ignored ones."""
    covered: Counter[str] = field(default_factory=Counter)
    """Pose → those of them that were reported."""
    seen: Counter[str] = field(default_factory=Counter)
    """How a program saw them, as it tells → those of them that were reported."""
    false: int = 0
    """Reported faces of all frames that are none."""
    lasting_false: int = 0
    """Tracks that were false for longer than `LASTING_S`."""
    persons: int = 0
    """Appearances of persons who were covered by a track."""
    ids: int = 0
    """Tracks that covered them for `SOME_FRAMES` or more; one where none did for so long."""
    swaps: int = 0
    """Changes of a track from one person to another."""
    followed_s: float = 0.0
    """For how long faces were covered by a track that has states, summed over faces."""
    flips: int = 0
    """Changes of the state of a track, after its first label, while it covered a face."""
    delays_s: tuple[float, ...] = ()
    """Seconds from a person's appearance to the first report, of those who were reported."""
    never: int = 0
    """Appearances of persons who were never reported."""
    cpu_ms: tuple[float, ...] = ()
    """CPU time of finding and following the faces of each frame, where it was measured."""

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of both."""
        summed: dict[str, Any] = {}
        for each in fields(self):
            summed[each.name] = getattr(self, each.name) + getattr(other, each.name)
        return Counts(**summed)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts, ready for JSON."""
        # Not by `asdict`, which makes a counter from pairs of its keys and values, and so counts those.
        values: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in ("visible", "covered", "seen"):
            values[name] = dict(values[name])
        for name in ("seconds", "followed_s"):
            values[name] = round(values[name], 6)
        for name in ("delays_s", "cpu_ms"):
            values[name] = [round(value, 4) for value in values[name]]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Counts:
        """Return the counts of `as_dict`."""
        counters = {name: Counter(values[name]) for name in ("visible", "covered", "seen")}
        raw = {name: tuple(values[name]) for name in ("delays_s", "cpu_ms")}
        return cls(**{**values, **counters, **raw})


@dataclass
class _Appearance:
    """A person from coming into the picture to leaving it for good."""

    began_s: float
    last_s: float
    delay_s: float | None = None
    """Seconds to the first report."""
    tracks: Counter[int] = field(default_factory=Counter)
    """Track → frames in which it covered the person."""

    def ids(self) -> int:
        lasting = [track for track, frames in self.tracks.items() if frames >= SOME_FRAMES]
        return max(1, len(lasting))


class Tally:
    """Counts the faces of one film, frame by frame, in the order of time."""

    def __init__(self) -> None:
        self._counts = Counts(films=1)
        self._time_s: float | None = None
        self._person_of: dict[int, int] = {}
        self._state_of: dict[int, str] = {}
        self._false_s: dict[int, float] = {}
        self._present: dict[int, _Appearance] = {}
        self._appearances: list[_Appearance] = []
        # Track → the persons that it covered one after another, each with the number of frames.
        self._runs: dict[int, list[tuple[int, int]]] = {}
        self._cpu_ms: list[float] = []

    def add(self, frame: FollowedFrame) -> None:
        """Count the faces of *frame*."""
        elapsed_s = 0.0 if self._time_s is None else max(0.0, frame.time_s - self._time_s)
        self._time_s = frame.time_s
        self._appear(frame)
        pairs = match(frame.truth, frame.reported, self._person_of)
        self._counts += Counts(
            frames=1,
            seconds=elapsed_s,
            visible=Counter(true.pose for true in frame.truth if not true.ignored),
            false=self._false(frame, {index for _, index in pairs}, elapsed_s),
        )
        for number, index in pairs:
            self._cover(frame.truth[number], frame.reported[index], frame.time_s, elapsed_s)
        if frame.cpu_ms is not None:
            self._cpu_ms.append(frame.cpu_ms)

    def counts(self) -> Counts:
        """Return what was counted so far."""
        delays_s = [appearance.delay_s for appearance in self._appearances if appearance.delay_s is not None]
        tracked = [appearance for appearance in self._appearances if appearance.tracks]
        return self._counts + Counts(
            lasting_false=sum(false_s > LASTING_S for false_s in self._false_s.values()),
            persons=len(tracked),
            ids=sum(appearance.ids() for appearance in tracked),
            swaps=sum(_changes(runs) for runs in self._runs.values()),
            delays_s=tuple(delays_s),
            never=len(self._appearances) - len(delays_s),
            cpu_ms=tuple(self._cpu_ms),
        )

    def _appear(self, frame: FollowedFrame) -> None:
        """Note who is in the picture. An appearance begins with the first face that counts."""
        for true in frame.truth:
            if true.person is None:
                continue
            present = self._present.get(true.person)
            if present is not None and frame.time_s - present.last_s <= ABSENT_S:
                present.last_s = frame.time_s
            elif not true.ignored:
                present = self._present[true.person] = _Appearance(frame.time_s, frame.time_s)
                self._appearances.append(present)

    def _false(self, frame: FollowedFrame, matched: set[int], elapsed_s: float) -> int:
        """Return how many reported faces of *frame* are none, and note for how long each track is false."""
        count = 0
        for index, report in enumerate(frame.reported):
            if index in matched or any(true.ignored and _forgiven(report, true) for true in frame.truth):
                continue
            count += 1
            if report.track is not None:
                self._false_s[report.track] = self._false_s.get(report.track, 0.0) + elapsed_s
        return count

    def _cover(self, true: TrueFace, report: ReportedFace, time_s: float, elapsed_s: float) -> None:
        """Note that *report* is *true*."""
        if true.person is not None and report.track is not None:
            self._person_of[report.track] = true.person
        if true.ignored:
            return
        self._counts += Counts(
            covered=Counter((true.pose,)),
            seen=Counter((report.seen,)),
            followed_s=elapsed_s if report.track is not None and report.state else 0.0,
            flips=self._flips(report),
        )
        if true.person is None:
            return
        appearance = self._present[true.person]
        if appearance.delay_s is None:
            appearance.delay_s = time_s - appearance.began_s
        if report.track is not None:
            appearance.tracks[report.track] += 1
            self._extend_run(report.track, true.person)

    def _flips(self, report: ReportedFace) -> int:
        """Return 1 if the state of the track of *report* has changed, 0 otherwise."""
        if report.track is None or not report.state:
            return 0
        before = self._state_of.get(report.track)
        # Every state begins with unknown: the first label is no change.
        if before is None and report.state == UNKNOWN:
            return 0
        self._state_of[report.track] = report.state
        return int(before is not None and before != report.state)

    def _extend_run(self, track: int, person: int) -> None:
        runs = self._runs.setdefault(track, [])
        if runs and runs[-1][0] == person:
            runs[-1] = person, runs[-1][1] + 1
        else:
            runs.append((person, 1))


def count(frames: Iterable[FollowedFrame]) -> Counts:
    """Return what is counted in *frames*, those of one film."""
    tally = Tally()
    for frame in frames:
        tally.add(frame)
    return tally.counts()


def _forgiven(report: ReportedFace, ignored: TrueFace) -> bool:
    """Return whether *report* lies on an ignored face, of which a part or more than one box may be reported."""
    box = ignored.box
    x, y = _centre(report.box)
    inside = 0 <= x - box.x <= box.width and 0 <= y - box.y <= box.height
    return inside or closeness(box, report.box) > 0


def _changes(runs: Sequence[tuple[int, int]]) -> int:
    """Return how often the person changes in *runs*; runs of less than `SOME_FRAMES` are mere passing."""
    persons = [person for person, frames in runs if frames >= SOME_FRAMES]
    return sum(one != other for one, other in pairwise(persons))


@dataclass(frozen=True)
class Figures:
    """What is derived from `Counts`. A figure is None where nothing tells it: there was no face, no state, no time."""

    coverage: float | None
    """Share of the visible faces of all frames that were reported, in [0, 1]."""
    by_pose: dict[str, float | None]
    """The same for each of `POSES`."""
    false_in_100: float | None
    """Reported faces that are none, in 100 frames."""
    lasting_false: float
    """Tracks that were false for longer than `LASTING_S`."""
    ids_a_person: float | None
    """Tracks of a person who was covered at all; 1 is best."""
    swaps: float
    """Changes of a track from one person to another."""
    flips_a_minute: float | None
    """Changes of the state in a minute of a followed face."""
    first_report_s: float | None
    """Median of the seconds from a person's appearance to the first report."""
    last_report_s: float | None
    """The longest of them."""
    never: float
    """Persons who were never reported."""
    cpu_ms: float | None
    """Mean CPU time of finding and following the faces of a frame."""

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, ready for JSON."""
        return asdict(self)


def figures(counts: Counts) -> Figures:
    """Return the figures of *counts*; of the sum of several films' counts, those of all of them pooled."""
    delays_s = counts.delays_s
    by_pose: dict[str, float | None] = {}
    for pose in POSES:
        by_pose[pose] = _ratio(counts.covered[pose], counts.visible[pose])
    return Figures(
        coverage=_ratio(counts.covered.total(), counts.visible.total()),
        by_pose=by_pose,
        false_in_100=_ratio(100 * counts.false, counts.frames),
        lasting_false=counts.lasting_false,
        ids_a_person=_ratio(counts.ids, counts.persons),
        swaps=counts.swaps,
        flips_a_minute=_ratio(60 * counts.flips, counts.followed_s),
        first_report_s=float(np.median(delays_s)) if delays_s else None,
        last_report_s=max(delays_s, default=None),
        never=counts.never,
        cpu_ms=_ratio(sum(counts.cpu_ms), len(counts.cpu_ms)),
    )


def mean_figures(films: Sequence[Figures]) -> Figures:
    """Return the average of *films*, each with the same weight, however long it is."""
    averaged: dict[str, Any] = {}
    for each in fields(Figures):
        if each.name != "by_pose":
            averaged[each.name] = _mean([getattr(film, each.name) for film in films])
    averaged["by_pose"] = {pose: _mean([film.by_pose[pose] for film in films]) for pose in POSES}
    for name in ("lasting_false", "swaps", "never"):
        averaged[name] = averaged[name] or 0.0
    return Figures(**averaged)


def table(rows: Iterable[tuple[str, Figures]]) -> str:
    """Return *rows*, each a name and its figures, as a table of text."""
    cells = [COLUMNS]
    for name, row in rows:
        cells.append((name, *_cells(row)))
    return "\n".join(aligned(cells))


def _cells(row: Figures) -> tuple[str, ...]:
    return (
        _percent(row.coverage),
        *(_percent(row.by_pose[pose]) for pose in POSES),
        _number(row.false_in_100, 1),
        _number(row.lasting_false, 1),
        _number(row.ids_a_person, 2),
        _number(row.swaps, 1),
        _number(row.flips_a_minute, 1),
        _number(row.first_report_s, 2),
        _number(row.last_report_s, 2),
        _number(row.never, 1),
        _number(row.cpu_ms, 2),
    )


def _percent(share: float | None) -> str:
    return NO_VALUE if share is None else f"{share:.1%}"


def _number(value: float | None, digits: int) -> str:
    return NO_VALUE if value is None else f"{value:.{digits}f}"


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
