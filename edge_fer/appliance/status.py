"""How the appliance is: which of its parts work, since when, and why not. May be used from any thread."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

WAITING: Final = "no frame has come yet"


@dataclass(frozen=True)
class Part:
    """How one part is: ``camera``, ``page``, ``mqtt`` and the like."""

    fault: str | None
    """Why it does not work; None while it does."""
    since_s: float
    """When that began, on the monotonic clock."""
    restarts: int = 0
    """How often it was started again."""


class Status:
    """The book of all parts, and of the frames."""

    def __init__(self, stale_after_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._stale_after_s = stale_after_s
        self._now = now
        self._lock = threading.Lock()
        self._started_s = now()
        self._parts: dict[str, Part] = {}
        self._counts: dict[str, int] = {}
        self._frames = 0
        self._newest_s: float | None = None

    def saw_frame(self) -> None:
        """Note that a frame came."""
        with self._lock:
            self._frames += 1
            self._newest_s = self._now()

    def works(self, name: str) -> bool:
        """Note that part *name* works. Return whether that is news."""
        return self._set(name, None)

    def fails(self, name: str, fault: str) -> bool:
        """Note that part *name* does not work, and why. Return whether it worked, or was not known, before."""
        return self._set(name, fault)

    def restarted(self, name: str) -> None:
        """Count one more start of part *name*."""
        with self._lock:
            part = self._parts.get(name, Part(None, self._now()))
            self._parts[name] = replace(part, restarts=part.restarts + 1)

    def count(self, what: str, number: int = 1) -> None:
        """Count *number* more of *what*: ``events_lost``, ``camera_faults`` and the like."""
        with self._lock:
            self._counts[what] = self._counts.get(what, 0) + number

    def forget(self, name: str) -> None:
        """Drop a part that the settings name no more."""
        with self._lock:
            self._parts.pop(name, None)

    def _set(self, name: str, fault: str | None) -> bool:
        with self._lock:
            part = self._parts.get(name)
            if part is None:
                self._parts[name] = Part(fault, self._now())
                return fault is not None
            changed = (part.fault is None) != (fault is None)
            self._parts[name] = replace(part, fault=fault, since_s=self._now() if changed else part.since_s)
            return changed

    def as_dict(self) -> dict[str, Any]:
        """Return what ``/health`` answers.

        ``status`` is ``ok`` only if a frame came within the time allowed; ``degraded`` if frames come and another part
        fails; ``no frames`` else. ``reason`` is the fault in words, empty if there is none.
        """
        with self._lock:
            now = self._now()
            age_s = None if self._newest_s is None else now - self._newest_s
            parts = dict(self._parts)
            counts = dict(self._counts)
            frames = self._frames
        faults = [f"{name}: {part.fault}" for name, part in sorted(parts.items()) if part.fault is not None]
        if age_s is not None and age_s <= self._stale_after_s:
            status = "degraded" if faults else "ok"
        else:
            status = "no frames"
            late = WAITING if age_s is None else f"no frame for {age_s:.0f} s"
            faults.insert(0, late)
        return {
            "status": status,
            "reason": "; ".join(faults),
            "frames": frames,
            "newest_frame_age_s": None if age_s is None else round(age_s, 3),
            "running_s": round(now - self._started_s, 3),
            "parts": {
                name: {"fault": part.fault, "since_s": round(now - part.since_s, 3), "restarts": part.restarts}
                for name, part in sorted(parts.items())
            },
            "counts": dict(sorted(counts.items())),
        }
