"""What one frame tells about the driver: numbers, never a picture."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from edge_fer.frozen import Frozen

Amount = Annotated[float, Field(ge=0)]


class Sight(StrEnum):
    """What a frame shows."""

    FACE = "face"
    """The driver's face."""
    NO_FACE = "no face"
    """Nobody, though there is light enough."""
    CANNOT_MONITOR = "cannot monitor"
    """Too little to say even whether somebody is there; see `Observation.hindrance`."""
    STALE = "stale"
    """No new frame came. Said by whoever waits for frames, in place of one."""


class Hindrance(StrEnum):
    """Why a frame, or a part of it, tells nothing."""

    DARK = "dark"
    OVEREXPOSED = "overexposed"
    COVERED = "covered"
    """Something is in front of the camera, or it sees no contours at all."""
    SUNGLASSES = "sunglasses"
    """The face is seen, its eyes are not."""


class Numbers(Frozen):
    """Finite numbers only: no timer could go on after a time that is none."""

    model_config = ConfigDict(allow_inf_nan=False)


class Pose(Numbers):
    """Where the head looks, seen from the camera, in degrees, with the signs of `edge_fer.sources.Truth`."""

    yaw_deg: float
    """Positive to the right of the picture."""
    pitch_deg: float
    """Positive downwards."""
    roll_deg: float
    """Positive clockwise."""
    uncertainty_deg: Amount
    """One standard deviation of yaw and pitch."""


class Measured(Numbers):
    """A number and how far it may be wrong."""

    value: float
    uncertainty: Amount
    """One standard deviation, in the value's unit."""


class Observation(Numbers):
    """What one frame tells about the driver. What could not be measured, or not well enough, is None."""

    time_s: float
    """Of the frame: seconds of the source's time, or of a clock that never runs backwards."""
    sight: Sight
    hindrance: Hindrance | None = None
    facing: bool | None = None
    """Level 1: True if the frontal detector confirms the face; False if it is turned, or followed by its looks only."""
    pose: Pose | None = None
    """Level 2."""
    eyes: Measured | None = None
    """Level 2: height of the eyes' opening, divided by their width; the mean of both, or of the nearer one."""
    mouth: Measured | None = None
    """Level 2: height of the mouth's opening, divided by its width."""
    state: str | None = None
    """The emotion that the classifier's smoothed scores show: a label or ``unknown``."""
    speed_kmh: Amount | None = None
    """Of the vehicle, where somebody tells it."""
