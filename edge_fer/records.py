"""The record of one frame: what sinks receive, and one line of the JSON output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box

GONE_AFTER_S: Final = 0.5
"""Sentences say that a face that is unseen for longer is out of sight."""


class Seen(StrEnum):
    """How a face was seen in a frame."""

    FOUND = "found"
    """The detector confirmed it, in this frame or a moment ago."""
    TURNED = "turned"
    """The same, but it looks aside: half of it is hardly seen."""
    BRIDGED = "bridged"
    """It was followed by its looks alone, since the detector does not confirm it: mostly, it is turned away."""


@dataclass(frozen=True)
class FaceRecord:
    """One face in one frame."""

    track: int
    """Id of the track, from 1."""
    box: Box
    """In pixels of the frame; of a picture that was decoded reduced, in those of the picture as it is."""
    confidence: float
    """Confidence of the detection, in [0, 1]; see `edge_fer.detectors.Face`. 1 if the picture is the face."""
    scores: NDArray[np.float32]
    """``(labels,)`` scores of this frame alone."""
    smoothed: NDArray[np.float32]
    """``(labels,)`` scores averaged over time."""
    state: str
    """A label, or ``unknown``."""
    seen: Seen = Seen.FOUND
    roll_deg: float = 0.0
    """By how much the face is tilted, positive clockwise. Its crop was levelled by it."""


@dataclass(frozen=True)
class Record:
    """One frame and the faces in it."""

    index: int
    """Number of the frame in its source, from 0. Gaps are dropped frames."""
    time_s: float
    """Time of the frame in seconds of its source's own time."""
    source: str
    """File name, or name of the camera."""
    labels: tuple[str, ...]
    faces: tuple[FaceRecord, ...]
    stage_ms: dict[str, float]
    """Milliseconds spent in capture, detect, preprocess, classify and smooth."""
    dropped: int = 0
    """Frames that the source has dropped so far."""

    def as_dict(self) -> dict[str, Any]:
        """Return the record as ``edge-fer run --json`` prints it. The names of the fields are a stable format."""
        # Rounded to what the values are good for: further digits would be most of the output.
        return {
            "index": self.index,
            "time_s": round(self.time_s, 6),
            "source": self.source,
            "faces": [self._face_as_dict(face) for face in self.faces],
            "stage_ms": {stage: round(duration, 3) for stage, duration in self.stage_ms.items()},
            "dropped": self.dropped,
        }

    def as_json(self) -> str:
        """Return the record as one line of JSON, without the newline."""
        # JSON has no NaN, and most readers refuse it: an error here is better than one there.
        return json.dumps(self.as_dict(), separators=(",", ":"), allow_nan=False)

    def _face_as_dict(self, face: FaceRecord) -> dict[str, Any]:
        return {
            "track": face.track,
            "box": [round(float(value), 1) for value in face.box],
            "confidence": round(face.confidence, 3),
            "state": face.state,
            "seen": face.seen.value,
            "roll_deg": round(face.roll_deg, 1),
            "scores": self._by_label(face.scores),
            "smoothed": self._by_label(face.smoothed),
        }

    def _by_label(self, scores: NDArray[np.float32]) -> dict[str, float]:
        rounded = [round(float(score), 4) for score in scores]
        return dict(zip(self.labels, rounded, strict=True))
