"""What a run says when it ends: how much it saw, how long that took, what computed it, where files are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.clock import SystemClock
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.backends import BackendInfo
    from edge_fer.clock import Clock
    from edge_fer.records import Record
    from edge_fer.sources import Source


class Summary:
    """Counts what a run saw. One may cover several sources, one after the other."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.frames = 0
        self._clock = clock or SystemClock()
        self._started_s: float | None = None
        self._ended_s = 0.0
        self._stills = 0
        self._without_face = 0
        self._faces = 0
        self._tracks: set[int] = set()
        self._stage_ms: dict[str, float] = {}
        self._skipped = 0
        self._dropped = 0
        self._saved: list[str] = []

    def begin(self) -> None:
        """Note when frames are first asked for."""
        if self._started_s is None:
            self._started_s = self._clock.now()
            self._ended_s = self._started_s

    def saw(self, record: Record, *, still: bool) -> None:
        """Count a frame, and the faces in it: of a film, each face once."""
        self.frames += 1
        self._ended_s = self._clock.now()
        for stage, duration_ms in record.stage_ms.items():
            self._stage_ms[stage] = self._stage_ms.get(stage, 0.0) + duration_ms
        if not still:
            self._tracks.update(face.track for face in record.faces)
            return
        self._stills += 1
        self._faces += len(record.faces)
        if not record.faces:
            self._without_face += 1

    def ended(self, source: Source, saved: list[str]) -> None:
        """Count what *source* lost, and note what was *saved* of it, in words."""
        self._skipped += source.skipped
        self._dropped += source.dropped
        self._saved += saved
        # The next source numbers its faces on from here, or from 1.
        self._faces += len(self._tracks)
        self._tracks.clear()

    def lines(self, executed_by: str) -> Iterator[str]:
        """Yield the summary, a line each. *executed_by* says in words what computed the scores."""
        yield self._counts()
        if self.frames:
            total_ms = sum(self._stage_ms.values()) / self.frames
            stages = ", ".join(f"{stage} {total / self.frames:.2f}" for stage, total in self._stage_ms.items())
            yield f"{total_ms:.2f} ms a {self._noun()}: {stages}"
        yield executed_by
        for saved in filter(None, self._saved):
            yield f"saved: {saved}"

    def _counts(self) -> str:
        seconds = self._ended_s - (self._started_s or 0.0)
        parts = [counted(self.frames, self._noun()), counted(self._faces, "face")]
        if self._without_face:
            parts.append(f"{self._without_face} without a face")
        if seconds > 0 and self.frames > 1:
            parts.append(f"{seconds:.1f} s")
            parts.append(f"{self.frames / seconds:.{0 if self.frames > 10 * seconds else 1}f} {self._noun()}s a second")
        if self._skipped:
            parts.append(f"{self._skipped} skipped")
        if self._dropped:
            parts.append(f"{self._dropped} dropped")
        return ", ".join(parts)

    def _noun(self) -> str:
        return "picture" if self._stills and self._stills == self.frames else "frame"


def executed_by(model: str, target: str, info: BackendInfo, origin: str) -> str:
    """Return in words what computes the scores, and who chose it."""
    runtime = f"{info.runtime} {info.version}, computes {info.computes}, {counted(info.threads, 'thread')}"
    return f"{model}, {target}: {runtime}{f'; {origin}' if origin else ''}"
