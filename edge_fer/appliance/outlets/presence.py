"""Who is in view, which alerts are raised and what fails, as the events tell: what lamps, music and states follow."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.event import Kind
from edge_fer.emotions import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.appliance.event import Event

MAX_SUBJECTS: Final = 64
"""Most faces, alerts and faults that are remembered, of each; the oldest goes first."""
DOUBTS: Final = 5
"""How often in a row the status must contradict the events about a face before it is believed: the status tells of one
frame, while the events bridge a moment out of sight."""
WORKS: Final = frozenset({"ok", "working", "works"})
"""Words in which an event about health says that nothing is wrong any more."""
LEVELS: Final = ("advice", "notice", "warning", "alarm")
"""Words in which an event about an alert says how loud it is; one that says something else is as loud as can be."""
DRIVER: Final = "driver: "
"""What the subject of an alert of the driver monitor begins with."""
NOBODY: Final = "nobody"
"""The state of a camera that sees no face."""


class Presence:
    """Remembers what is there now. The same event twice is as good as once."""

    def __init__(self) -> None:
        self.faces: dict[str, str] = {}
        """Subject → state, who has been there longest first."""
        self.alerts: dict[str, str] = {}
        """Subject → what is raised."""
        self.faults: dict[str, str] = {}
        """Part → what is wrong with it."""
        self._has_status = False
        self._doubts: dict[str, int] = {}
        """Subject → how often in a row the status has told something else of it."""

    def take(self, event: Event) -> None:
        """Remember what *event* tells."""
        kinds = {Kind.FACE: self.faces, Kind.ALERT: self.alerts, Kind.HEALTH: self.faults}
        known = kinds.get(event.kind)
        # Events may have waited for long, and the status always knows what fails now.
        if known is None or (event.kind is Kind.HEALTH and self._has_status):
            return
        after = None if event.kind is Kind.HEALTH and event.after in WORKS else event.after
        if after is None:
            known.pop(event.subject, None)
            return
        known[event.subject] = after
        while len(known) > MAX_SUBJECTS:
            del known[next(iter(known))]

    def correct(self, status: Mapping[str, Any]) -> None:
        """Take over what *status* knows: events may have been lost on the way.

        What ``faces`` tells counts once it was told `DOUBTS` times, one after the other.
        """
        faces = status.get("faces")
        if faces is not None:
            self._correct_faces(faces)
        driver = status.get("driver")
        if driver is not None:
            others = {subject: word for subject, word in self.alerts.items() if not subject.startswith(DRIVER)}
            self.alerts = others | {f"{DRIVER}{kind}": level for kind, level in driver["raised"].items()}
        parts = status.get("parts")
        if parts is not None:
            self._has_status = True
            faulty = {name: part["fault"] for name, part in parts.items() if part["fault"] is not None}
            self.faults = dict(list(faulty.items())[:MAX_SUBJECTS])

    def _correct_faces(self, faces: Mapping[str, str]) -> None:
        doubts = {}
        for subject in [*self.faces, *(subject for subject in faces if subject not in self.faces)]:
            state = faces.get(subject)
            if state == self.faces.get(subject):
                continue
            doubts[subject] = self._doubts.get(subject, 0) + 1
            if doubts[subject] < DOUBTS:
                continue
            del doubts[subject]
            if state is None:
                del self.faces[subject]
            elif subject in self.faces or len(self.faces) < MAX_SUBJECTS:
                self.faces[subject] = state
        self._doubts = dict(list(doubts.items())[:MAX_SUBJECTS])

    def loudest(self) -> str | None:
        """Return the level of the loudest alert that is raised; None if there is none."""
        levels = [level_of(word) for word in self.alerts.values()]
        return max(levels, key=LEVELS.index) if levels else None

    def is_alerted(self, least: str) -> bool:
        """Return whether an alert of level *least*, or a louder one, is raised."""
        loudest = self.loudest()
        return loudest is not None and LEVELS.index(loudest) >= LEVELS.index(least)

    def first(self) -> str:
        """Return the state of who has been in view longest, or `NOBODY`."""
        return next(iter(self.faces.values()), NOBODY)

    def most(self) -> str:
        """Return the state that most faces have, or `NOBODY`; where two are as many, that of who came first.

        Faces whose state is unknown count only where nobody's is known.
        """
        known = [state for state in self.faces.values() if state != UNKNOWN]
        counts = Counter(known or self.faces.values())
        return counts.most_common(1)[0][0] if counts else NOBODY


def level_of(word: str) -> str:
    """Return the level of `LEVELS` that *word* says."""
    return word if word in LEVELS else LEVELS[-1]
