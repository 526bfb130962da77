"""How long each part of the appliance may take, and what is done about one that takes longer."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field

from edge_fer.frozen import Frozen

STATE_FOLDER: Final = Path("/var/lib/edge-fer")


class Supervision(Frozen):
    """Deadlines, and where the appliance remembers what must outlive it."""

    stale_after_s: float = Field(20.0, ge=1, le=3600)
    """Seconds without a frame after which the camera's process is started again."""
    stuck_after_s: float = Field(10.0, ge=1, le=3600)
    """Seconds after which a detector or a classifier that has not answered counts as stuck."""
    start_within_s: float = Field(60.0, ge=1, le=3600)
    """Seconds that the camera's process may take to import, to load the model and to open the camera."""
    give_up_restarts: int = Field(5, ge=1, le=1000)
    """Restarts of the camera's process, within `give_up_within_s`, after which the service ends, for systemd to start
    it again later."""
    give_up_within_s: float = Field(60.0, ge=1, le=86_400)
    """See `give_up_restarts`. In seconds."""
    outlet_queue: int = Field(1000, ge=1, le=100_000)
    """Events that wait for each outlet; one more, and the oldest is dropped and counted."""
    memory_queue: int = Field(1000, ge=1, le=100_000)
    """Events that wait in memory while the disk is full; one more, and the oldest is dropped and counted."""
    bundle_trial_s: float = Field(60.0, ge=1, le=3600)
    """Seconds for which a new bundle must work before the one before it is forgotten."""
    state_folder: Path = STATE_FOLDER
    """Where accepted bundles, and the time of the last reboot for a hanging camera, are kept."""
