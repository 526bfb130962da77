"""A run of ``edge-fer bench``: raw values, what they were measured on, and a format version.

Statistics are derived on reading. ``edge-fer bench schema`` prints the JSON schema.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, ValidationError

from edge_fer import files
from edge_fer.errors import BadInput, SinkError, first_fault
from edge_fer.frozen import Frozen

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT_VERSION: Final = 2

#: A microsecond is what such clocks can tell; it keeps files small.
Milliseconds = Annotated[float, AfterValidator(lambda value: round(value, 3))]


class Reading(Frozen):
    """The machine at one moment; what it cannot tell is None."""

    at_s: float
    """Since the run began."""
    temperature_c: float | None = None
    frequency_mhz: float | None = None
    throttled: int | None = None
    """A Raspberry Pi's bits, see `edge_fer.host.THROTTLED`."""
    power_w: float | None = None
    others_cores: float | None = None
    """Cores that other programs have used in the mean since the reading before."""
    stolen_cores: float | None = None
    """Likewise the hypervisor."""


class Block(Frozen):
    """Frames in a row, between which nothing else was measured."""

    at_s: float
    """When it began, since the run began."""
    frame_ms: tuple[Milliseconds, ...]
    """A value a frame: from the frame in hand to the last sink."""
    stages_ms: dict[str, tuple[Milliseconds, ...]] = Field({})
    """Stage → a value a frame; empty for programs that do not tell. ``capture`` is not part of the frame."""
    dropped: int = 0
    """Frames that came while another one was worked on, and were never seen. Paced only."""
    late: int = 0
    """Frames that were not done when the next one was due. Paced only."""
    yardstick_ms: float | None = None
    """How long a piece of work that is always the same took just before: the machine's own pace."""
    memory_mb: float | None = None
    open_files: int | None = None


class Golden(Frozen):
    """How the golden answers came out."""

    inputs: int
    same_label: int
    worst: float
    tolerance: float
    passed: bool


class Accuracy(Frozen):
    """On one labelled set."""

    data: str
    images: int
    accuracy: float
    macro_f1: float
    recall: tuple[float, ...]
    """A value a class."""
    names: tuple[str, ...] = ()
    """Of the classes."""
    predicted: tuple[int, ...]
    """Index of the winning label of each image, in the order of the set's paths."""


class Behaviour(Frozen):
    """States over time on a labelled sequence, with what was really shown."""

    seconds: float
    states: tuple[tuple[float, str], ...]
    """``(time, state)`` whenever the state changed, seconds from the start of the sequence."""
    truth: tuple[tuple[float, str], ...]
    """The same of what was shown."""
    data: str = ""
    """What the faces were taken from; they were drawn when empty."""


class Measurement(Frozen):
    """One way to do the work: a bundle's target with so many threads, or a peer."""

    name: str
    kind: Literal["edge-fer", "peer"] = "edge-fer"
    bundle: str = ""
    target: str = ""
    threads: int
    files: dict[str, str] = Field({})
    """Model file → sha256: what was timed is what was judged."""
    runtime: dict[str, Any] = Field({})
    cold_start_s: tuple[float, ...] = ()
    """From the start of the process to its first result, a value a process."""
    load_ms: tuple[float, ...] = ()
    """Loading the model, within that."""
    first_inference_ms: tuple[float, ...] = ()
    """The first face, within that."""
    peak_memory_mb: tuple[float, ...] = ()
    warm_up_frames: int = 0
    steady: bool = True
    """Whether the warm-up ended because frames had stopped getting faster."""
    free: tuple[Block, ...] = ()
    """As fast as it goes."""
    paced: tuple[Block, ...] = ()
    """At the camera's rate."""
    golden: Golden | None = None
    accuracy: Accuracy | None = None
    behaviour: Behaviour | None = None
    failed: str = ""
    """Why nothing more was measured."""

    def frames_ms(self) -> NDArray[np.float64]:
        """Return the milliseconds of all free-running frames, ``(frames,)``."""
        return np.concatenate([np.zeros(0), *(np.asarray(block.frame_ms, np.float64) for block in self.free)])

    def stage(self, name: str) -> list[tuple[float, ...]]:
        """Return the milliseconds of the stage *name*, block by block, free-running."""
        return [block.stages_ms[name] for block in self.free]


class Skipped(Frozen):
    """What could not be measured here."""

    name: str
    why: str


class Run(Frozen):
    """One run of ``edge-fer bench``."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    format_version: Literal[2] = FORMAT_VERSION
    edge_fer: str
    suite: str
    command: str
    started: AwareDatetime
    seconds: float
    seed: int
    partial: bool = False
    """Whether it was interrupted."""
    scene: dict[str, Any]
    """What the frames show: size, rate, faces."""
    paced_fps: float | None = None
    host: dict[str, Any]
    readings: tuple[Reading, ...] = ()
    measurements: tuple[Measurement, ...] = Field(alias="cells")
    """Called ``cells`` in files."""
    skipped: tuple[Skipped, ...] = ()

    def measurement(self, name: str) -> Measurement | None:
        """Return the measurement *name*, or None."""
        return next((measurement for measurement in self.measurements if measurement.name == name), None)


def save(run: Run, path: Path) -> None:
    """Write *run* as JSON, beside its place first. Raises `SinkError`; nothing half-written stays.

    A path that ends in ``.gz`` is compressed, to about a fifth.
    """
    content = (run.model_dump_json() + "\n").encode()
    try:
        files.write(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    except OSError as exc:
        raise SinkError(f"{path} cannot be written: {exc.strerror or exc}; is the disk full?") from exc


def load(path: Path) -> Run:
    """Read a run. Raises `BadInput` for what is none, or one of another format version."""
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as exc:
        raise BadInput(f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc
    try:
        return Run.model_validate_json(content)
    except ValidationError as exc:
        version = _version(content)
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise BadInput(
                f"{path} is of format version {version}, this edge-fer reads {FORMAT_VERSION}; update edge-fer"
            ) from exc
        raise BadInput(
            f"{path} is no run of format version {FORMAT_VERSION}: {first_fault(exc)}; measure again"
        ) from exc


def _version(content: bytes) -> Any:
    with contextlib.suppress(ValueError, AttributeError):
        return json.loads(content).get("format_version")
    return None


def now() -> datetime:
    """Return the local time, with its zone."""
    return datetime.now().astimezone()
