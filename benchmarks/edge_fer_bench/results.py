"""A result: raw values, what they were measured on, and a format version. Statistics are derived on reading."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from edge_fer.errors import BadInput, SinkError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT_VERSION: Final = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Accuracy(_Frozen):
    """Of one target on one labelled set."""

    target: str
    data: str
    images: int
    accuracy: float
    macro_f1: float
    predicted: tuple[int, ...]
    """Index of the winning label of each image, in the order of the set's paths."""


class Golden(_Frozen):
    """How the golden answers came out."""

    inputs: int
    same_label: int
    worst: float
    tolerance: float
    passed: bool


class Tracking(_Frozen):
    """How tracked boxes compare with those of a full search of every frame, on the synthetic camera."""

    iou: tuple[float, ...]
    """A value a compared frame; 0 where the full search found a face and the tracker had none."""
    found_again_s: tuple[float, ...]
    """From the moment a hidden face is drawn again to the first record that has it, a value a time."""


class Result(_Frozen):
    """One run of ``edge-fer bench``."""

    format_version: Literal[1] = FORMAT_VERSION
    command: str
    started: AwareDatetime
    bundle: str
    target: str
    backend: dict[str, Any]
    host: dict[str, Any]
    frame_px: tuple[int, int]
    """Width and height."""
    stages_ms: dict[str, tuple[float, ...]]
    """Stage → a value a frame, in order; ``capture`` is the synthetic camera's drawing."""
    classifier_ms: dict[str, tuple[float, ...]]
    """Target → a value a call with one face, the targets taken in turn."""
    first_result_s: tuple[float, ...]
    """From process start to the first record on stdout, a value a process."""
    peak_memory_mb: tuple[float, ...]
    """Of a process that ran 300 frames, a value a process."""
    golden: Golden
    tracking: Tracking
    accuracy: tuple[Accuracy, ...] = ()

    def frames_ms(self) -> NDArray[np.float64]:
        """Return ``(frames,)`` milliseconds from frame to record, the camera left out."""
        stages = [values for stage, values in self.stages_ms.items() if stage != "capture"]
        return np.asarray(np.sum(stages, axis=0), np.float64)


def percentiles(values: Any) -> tuple[float, float, float]:
    """Return the 50th, 90th and 99th percentile of *values*."""
    p50, p90, p99 = np.percentile(np.asarray(values, np.float64), (50, 90, 99))
    return float(p50), float(p90), float(p99)


def save(result: Result, path: Path) -> None:
    """Write *result* as JSON, beside its place first. Raises `SinkError`; nothing half-written stays."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise SinkError(f"{path} cannot be written: {exc.strerror or exc}; is the disk full?") from exc


def load(path: Path) -> Result:
    """Read a result. Raises `BadInput` for what is none, or one of another format version."""
    try:
        return Result.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror or exc}") from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"{path} is no result of format version {FORMAT_VERSION}: {where}: {first['msg']}; measure again"
        ) from exc


def now() -> datetime:
    """Return the local time, with its zone."""
    return datetime.now().astimezone()
