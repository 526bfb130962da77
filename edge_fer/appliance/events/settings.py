"""Settings of the events: table ``[events]`` of the appliance's file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from edge_fer.frozen import Frozen

SUFFIX = ".db"


class EventSettings(Frozen):
    """What becomes an event, where events are kept, and for how long."""

    path: Path = Path("/var/lib/edge-fer/events.db")
    """Database of the events. A damaged one is moved aside, so the name has to end in ``.db``."""
    keep_days: float = Field(30.0, gt=0, le=3650)
    """Days for which an event is kept."""
    max_mb: float = Field(64.0, ge=1, le=100_000)
    """Largest size of the database, in megabytes of 1,000,000 bytes. The oldest events go first."""
    keep_damaged: int = Field(2, ge=0, le=100)
    """How many damaged databases are kept for somebody who wants to look into them. Each may be `max_mb` large."""
    come_s: float = Field(0.2, ge=0, le=60)
    """Seconds for which a face has to be seen before somebody came."""
    dwell_s: float = Field(0.5, ge=0, le=60)
    """Seconds for which a state has to last before it is a change."""
    grace_s: float = Field(2.0, ge=0, le=600)
    """Seconds for which a face may be out of sight before somebody went."""
    max_faces: int = Field(64, ge=1, le=1000)
    """Most faces of which events tell at the same time. Further ones are left out, and counted."""

    @field_validator("path")
    @classmethod
    def _is_database(cls, value: Path) -> Path:
        if value.suffix != SUFFIX:
            raise ValueError(f"the name has to end in {SUFFIX}")
        return value
