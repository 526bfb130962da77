"""An event: something that changed, worth keeping and worth telling others."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What an event is about."""

    FACE = "face"
    """Somebody came, changed the state, or went."""
    ALERT = "alert"
    """Somebody should act; raised, and later cleared."""
    HEALTH = "health"
    """A part of the appliance failed, or works again."""
    NOTICE = "notice"
    """Anything else that explains what was seen: settings that were read again, a clock that jumped."""


@dataclass(frozen=True)
class Event:
    """One change. Holds words and numbers, never a picture."""

    time: datetime
    """When it happened, in UTC."""
    kind: Kind
    subject: str
    """Whom or what it is about: ``track 3``, ``camera``, ``mqtt``."""
    before: str | None
    """State until then; None for something that was not there."""
    after: str | None
    """State from then on; None for something that is gone."""
    detail: dict[str, Any] = field(default_factory=dict)
    """More, as JSON holds it: scores, or the words of an error."""

    def as_dict(self) -> dict[str, Any]:
        """Return the event as it is exported and sent. The names of the fields are a stable format."""
        return {
            "time": self.time.astimezone(UTC).isoformat(timespec="milliseconds"),
            "kind": self.kind.value,
            "subject": self.subject,
            "before": self.before,
            "after": self.after,
            "detail": self.detail,
        }
