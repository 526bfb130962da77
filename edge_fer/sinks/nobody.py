"""Says in the log why nobody is seen: of pictures and films once at their end, of a camera while it runs.

These sinks write no results.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from typing import TYPE_CHECKING, Final

from edge_fer.preprocess import to_gray
from edge_fer.text import counted, printable

if TYPE_CHECKING:
    from concurrent.futures import Future

    from edge_fer.advice import Adviser, Reason
    from edge_fer.records import Record
    from edge_fer.sources import Frame

MOST_LOOKED: Final = 20
"""So many pictures without a face are looked at closely: to look at one takes ten times as long as to search it."""
MOST_LOOKED_PX: Final = 30_000_000
"""So many pixels are, of large pictures."""
FIRST_LOOK_S: Final = 1.0
"""A film in which nobody has been seen is looked at at its first frame, at this time, and whenever the time doubles."""
SHARE: Final = 1 / 3
"""Least share of these looks that must agree on a reason."""
ABSENT_S: Final = 5.0
"""How long nobody must have been seen before a camera's frame is looked at."""
PAUSE_S: Final = 60.0
"""Least pause between two looks at a camera's frames. It doubles for as long as nobody is seen."""

log = logging.getLogger(__name__)


class FacelessPictures:
    """Says at the end why some pictures show no face: once for each reason, with the number of pictures."""

    def __init__(self, adviser: Adviser) -> None:
        self._adviser = adviser
        self._reasons: Counter[Reason] = Counter()
        self._pictures = 0
        self._faceless = 0
        self._looked = 0
        self._looked_px = 0

    def write(self, frame: Frame, record: Record) -> None:
        """Look at *frame* if it shows no face, unless enough such pictures were looked at."""
        self._pictures += 1
        if record.faces:
            return
        self._faceless += 1
        if self._looked == MOST_LOOKED or self._looked_px >= MOST_LOOKED_PX:
            return
        gray = to_gray(frame.image)
        self._looked += 1
        self._looked_px += gray.size
        reason = self._adviser.reason(gray, frame.reduced)
        if reason is not None:
            self._reasons[reason] += 1

    def close(self) -> None:
        """Say what was found out."""
        for reason, count in self._reasons.most_common():
            advice = self._adviser.advice(reason)
            if self._pictures == 1:
                log.warning("no face: the picture %s; %s", advice.one, advice.do)
                continue
            pictures = f"{self._faceless} of {counted(self._pictures, 'picture')}"
            looked = f"of {self._looked} that were looked at, " if self._looked < self._faceless else ""
            verb = advice.one if count == 1 else advice.several
            log.warning("no face in %s: %s%d %s; %s", pictures, looked, count, verb, advice.do)
        self._reasons.clear()


class FacelessFilm:
    """Says at the end of a film why all of it shows no face."""

    def __init__(self, adviser: Adviser) -> None:
        self._adviser = adviser
        self._reasons: Counter[Reason | None] = Counter()
        self._frames = 0
        self._next_s = -math.inf
        self._seen = False

    def write(self, frame: Frame, record: Record) -> None:
        """Look at *frame* if it is due, and nobody was seen so far."""
        self._frames += 1
        if record.faces:
            self._seen = True
        if self._seen or record.time_s < self._next_s:
            return
        self._next_s = max(FIRST_LOOK_S, 2 * record.time_s)
        self._reasons[self._adviser.reason(to_gray(frame.image), frame.reduced)] += 1

    def close(self) -> None:
        """Say what was found out."""
        if not self._seen:
            for reason, count in self._reasons.most_common():
                if reason is not None and count >= SHARE * self._reasons.total():
                    advice = self._adviser.advice(reason)
                    log.warning(
                        "no face in %s: the picture %s; %s", counted(self._frames, "frame"), advice.one, advice.do
                    )
                    break
        self._reasons.clear()


class NobodyThere:
    """Says why a camera has seen nobody for `ABSENT_S`: each reason once.

    It looks at a frame in a thread of its own, since no frame of a camera may wait.
    """

    def __init__(self, adviser: Adviser) -> None:
        # Imported here: what is no camera needs no thread.
        from concurrent.futures import ThreadPoolExecutor

        self._adviser = adviser
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="adviser")
        self._look: Future[Reason | None] | None = None
        self._told: set[Reason] = set()
        self._absent_s: float | None = None
        self._due_s = -math.inf
        self._pause_s = PAUSE_S

    def write(self, frame: Frame, record: Record) -> None:
        """Begin a look at *frame* if it is due, and say what the last one has found out."""
        now_s = record.time_s
        if record.faces:
            self._absent_s = None
            self._pause_s = PAUSE_S
            # What it finds out is not true any more.
            self._look = None
            return
        if self._absent_s is None:
            self._absent_s = now_s
        elif now_s < self._absent_s:  # its time has started again
            self._absent_s = now_s
            self._due_s = -math.inf
        self._tell()
        if self._look is None and now_s >= max(self._absent_s + ABSENT_S, self._due_s):
            # A copy, since the source may fill its array with the next frame.
            gray = to_gray(frame.image).copy()
            self._look = self._executor.submit(self._adviser.reason, gray, frame.reduced)
            self._due_s = now_s + self._pause_s
            self._pause_s *= 2

    def close(self) -> None:
        """End the look that goes on, and say what it has found out."""
        self._executor.shutdown()
        self._tell()

    def _tell(self) -> None:
        if self._look is None or not self._look.done():
            return
        look = self._look
        self._look = None
        failure = look.exception()
        if failure is not None:
            # The camera goes on, whatever became of its detector's file.
            log.warning("nobody has been seen for %g s, and why is not known: %s", ABSENT_S, printable(str(failure)))
            return
        reason = look.result()
        if reason is not None and reason not in self._told:
            self._told.add(reason)
            advice = self._adviser.advice(reason)
            log.warning("nobody has been seen for %g s: the picture %s; %s", ABSENT_S, advice.one, advice.do)
