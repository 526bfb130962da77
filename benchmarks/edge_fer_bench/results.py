"""A run of ``edge-fer bench`` as data: raw values, what they were measured on, and a format version.

Statistics are derived on reading. ``edge-fer bench schema`` prints the JSON schema of `Run`.
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
from edge_fer_bench.statistics import p90

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: Raised when older readers would misread a file; fields with defaults may be added without.
FORMAT_VERSION: Final = 2

#: Rounded to a microsecond: the clock gives no more, and files of many thousand frames stay small.
Milliseconds = Annotated[float, AfterValidator(lambda value: round(value, 3))]


class Reading(Frozen):
    """The state of the machine at one moment. A value that the machine does not give is None."""

    at_s: float
    """Seconds since the run began."""
    temperature_c: float | None = None
    frequency_mhz: float | None = None
    throttled: int | None = None
    """A Raspberry Pi's throttling bits, see `edge_fer.host.THROTTLED`."""
    power_w: float | None = None
    others_cores: float | None = None
    """Cores that other programs used on average since the last reading."""
    stolen_cores: float | None = None
    """Cores that the hypervisor took on average since the last reading."""


class Block(Frozen):
    """Consecutive frames of one candidate."""

    at_s: float
    """When the block began, in seconds since the run began."""
    frame_ms: tuple[Milliseconds, ...]
    """One value per frame: from having the frame until the last sink has written it."""
    stages_ms: dict[str, tuple[Milliseconds, ...]] = Field({})
    """Stage → one value per frame; empty for programs without stages. ``capture`` is not part of the frame's time."""
    dropped: int = 0
    """Paced only: frames that arrived during the work on another one and were never processed."""
    late: int = 0
    """Paced only: frames whose processing ended after the next one was due."""
    yardstick_ms: float | None = None
    """Time of a fixed reference workload just before the block: how fast the machine itself was."""
    memory_mb: float | None = None
    open_files: int | None = None


class Golden(Frozen):
    """Comparison with the golden answers of the bundle."""

    inputs: int
    same_label: int
    worst: float
    tolerance: float
    passed: bool


class VotesAccuracy(Frozen):
    """Accuracy by the votes of FER+ on the images of an `Accuracy` (Barsoum et al., ICMI 2016)."""

    votes: str
    """Name of the csv."""
    images: int
    """Images on which a majority of the annotators agrees."""
    accuracy_8_classes: float
    """By that majority; always wrong on the eighth class, contempt."""
    accuracy_7_classes: float
    macro_recall: float
    """Mean recall of those of FER2013's seven classes that occur."""


class Accuracy(Frozen):
    """Accuracy on one labelled set."""

    data: str
    images: int
    accuracy: float
    macro_f1: float
    recall: tuple[float, ...]
    """One value per class."""
    names: tuple[str, ...] = ()
    """Names of the classes."""
    predicted: tuple[int, ...]
    """Index of the winning label of each image, in the order of the set's paths."""
    by_votes: VotesAccuracy | None = None


class Behaviour(Frozen):
    """States over time on a labelled sequence, and what was shown."""

    seconds: float
    states: tuple[tuple[float, str], ...]
    """``(time, state)`` at each change of the state, in seconds from the start of the sequence."""
    truth: tuple[tuple[float, str], ...]
    """``(time, label)`` at each change of the label that was shown."""
    data: str = ""
    """Name of the set that the faces come from; empty if they were drawn."""


class Measurement(Frozen):
    """One candidate's results: of a bundle's target with a number of threads, or of a peer."""

    name: str
    kind: Literal["edge-fer", "peer"] = "edge-fer"
    bundle: str = ""
    target: str = ""
    threads: int
    # pydantic copies a default, so that the measurements do not share one dictionary.
    files: dict[str, str] = Field({})
    """Model file → sha256: proof that time and accuracy are those of the same file."""
    runtime: dict[str, Any] = Field({})
    cold_start_s: tuple[float, ...] = ()
    """From the start of the process to its first result, one value per process."""
    load_ms: tuple[float, ...] = ()
    """Loading the model, a part of the cold start."""
    first_inference_ms: tuple[float, ...] = ()
    """The first inference, a part of the cold start."""
    peak_memory_mb: tuple[float, ...] = ()
    warm_up_frames: int = 0
    steady: bool = True
    """Whether the warm-up ended because frames had stopped getting faster."""
    free: tuple[Block, ...] = ()
    """Frames as fast as possible."""
    paced: tuple[Block, ...] = ()
    """Frames at the rate of a camera."""
    golden: Golden | None = None
    accuracy: Accuracy | None = None
    behaviour: Behaviour | None = None
    failed: str = ""
    """Why the measurement ended early."""

    def frames_ms(self) -> NDArray[np.float64]:
        """Return the milliseconds of all free-running frames, ``(frames,)``."""
        if not self.free:  # np.concatenate refuses an empty list
            return np.zeros(0)
        return np.concatenate(frames_by_block(self.free), dtype=np.float64)

    def p90_ms(self) -> float:
        """Return the 90th percentile of the free-running frames, in milliseconds."""
        return p90(self.frames_ms())

    def stage(self, name: str) -> list[tuple[float, ...]]:
        """Return the milliseconds of the stage *name* in each free-running block."""
        return [block.stages_ms[name] for block in self.free]


class Skipped(Frozen):
    """A candidate that could not be measured on this machine."""

    name: str
    why: str


class Run(Frozen):
    """One run of ``edge-fer bench``."""

    # Programs use the name `measurements`; files keep the alias `cells`, or older files could not be read.
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    format_version: Literal[2] = FORMAT_VERSION
    edge_fer: str
    suite: str
    command: str
    started: AwareDatetime
    seconds: float
    seed: int
    partial: bool = False
    """Whether the run was interrupted."""
    # Dictionaries and not models: later versions may know more facts, and older readers show what they find.
    scene: dict[str, Any]
    """What the frames show: size, rate, faces."""
    paced_fps: float | None = None
    host: dict[str, Any]
    readings: tuple[Reading, ...] = ()
    measurements: tuple[Measurement, ...] = Field(alias="cells")
    """Called ``cells`` in files."""
    skipped: tuple[Skipped, ...] = ()

    def measurement(self, name: str) -> Measurement | None:
        """Return the measurement called *name*, or None."""
        for measurement in self.measurements:
            if measurement.name == name:
                return measurement
        return None


def frames_by_block(blocks: Sequence[Block]) -> list[tuple[float, ...]]:
    """Return the milliseconds of the frames of each of the *blocks*."""
    return [block.frame_ms for block in blocks]


def save_run(run: Run, path: Path) -> None:
    """Write *run* to *path* as JSON, completely or not at all. Raises `SinkError`.

    A path that ends in ``.gz`` is compressed to about a fifth of the size.
    """
    content = (run.model_dump_json() + "\n").encode()
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)  # without the time, the same run gives the same bytes
    try:
        files.write(path, content)
    except OSError as exc:
        raise SinkError(f"{path} cannot be written: {exc.strerror or exc}; is the disk full?") from exc


def load_run(path: Path) -> Run:
    """Read a run. Raises `BadInput` for a file that is not a run, or is one of another format version."""
    content = _read(path)
    try:
        return Run.model_validate_json(content)
    except ValidationError as exc:
        # The version is looked at only after a failure: a later version may well fail at another field first.
        version = _version(content)
        if isinstance(version, int) and version > FORMAT_VERSION:
            message = f"has format version {version}, this edge-fer reads {FORMAT_VERSION}; update edge-fer"
        else:
            message = f"is not a run of format version {FORMAT_VERSION}: {first_fault(exc)}; measure again"
        raise BadInput(f"{path} {message}") from exc


def now() -> datetime:
    """Return the local time with its zone."""
    # With the zone, since runs of boards in several zones are put on one page.
    return datetime.now().astimezone()


def _read(path: Path) -> bytes:
    """Return the content of *path*, decompressed. Raises `BadInput`."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as exc:
        # zlib's errors have no strerror, and some OSErrors (gzip's BadGzipFile) have an empty one.
        reason = getattr(exc, "strerror", None) or exc
        raise BadInput(f"{path} cannot be read: {reason}") from exc


def _version(content: bytes) -> Any:
    """Return the format version that *content* claims to have; None if it is not a JSON object."""
    with contextlib.suppress(ValueError, AttributeError):
        return json.loads(content).get("format_version")
    return None
