"""The record: what is known of one frame. It is what sinks get, and one line of JSON Lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box


@dataclass(frozen=True)
class FaceRecord:
    """One face in one frame."""

    track: int
    """Id of the track; 0 has never been given."""
    box: Box
    """Pixels of the frame."""
    confidence: float
    """Of the detection; see `edge_fer.faces.Face`."""
    scores: NDArray[np.float32]
    """``(labels,)`` of this frame alone."""
    smoothed: NDArray[np.float32]
    """``(labels,)`` averaged over time."""
    state: str
    """A label, or ``unknown``."""


@dataclass(frozen=True)
class Record:
    """One frame."""

    index: int
    """Number of the frame in its source, from 0; gaps are frames that were dropped."""
    time_s: float
    """Time of the frame in its source's own time."""
    source: str
    """File name, or the camera."""
    labels: tuple[str, ...]
    faces: tuple[FaceRecord, ...]
    stage_ms: dict[str, float]
    """Milliseconds spent in capture, detect, preprocess, classify and smooth."""
    dropped: int = 0
    """Frames that the source has dropped so far."""

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON has it; the fields are documented in the README."""
        return {
            "index": self.index,
            "time_s": round(self.time_s, 6),
            "source": self.source,
            "faces": [
                {
                    "track": face.track,
                    "box": [round(float(v), 1) for v in face.box],
                    "confidence": round(face.confidence, 3),
                    "state": face.state,
                    "scores": self._named(face.scores),
                    "smoothed": self._named(face.smoothed),
                }
                for face in self.faces
            ],
            "stage_ms": {stage: round(value, 3) for stage, value in self.stage_ms.items()},
            "dropped": self.dropped,
        }

    def as_json(self) -> str:
        """Return the record as one line of JSON, without the newline."""
        return json.dumps(self.as_dict(), separators=(",", ":"), allow_nan=False)

    def _named(self, values: NDArray[np.float32]) -> dict[str, float]:
        return {label: round(float(value), 4) for label, value in zip(self.labels, values, strict=True)}
