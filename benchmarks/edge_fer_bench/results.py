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
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge_fer import files
from edge_fer.detectors import DEFAULT_DETECTOR
from edge_fer.errors import BadInput, SinkError, first_fault
from edge_fer.frozen import Frozen
from edge_fer_bench.statistics import p90

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: Raised when older readers would misread a file; fields with defaults may be added without.
FORMAT_VERSION: Final = 2

MAX_BYTES: Final = 64 << 20
"""Largest run, unpacked. The full suite of three bundles takes 11 MB."""
MAX_VALUES: Final = 5_000_000
"""Most numbers of a run; each takes 80 bytes of memory. `edge_fer_bench.suites.MAX_FRAMES` keeps a run below."""
MAX_TEXT: Final = 500
MOST: Final = 1e12
"""Largest number: sums and squares of it stay finite."""


def _cleaned(value: Any) -> Any:
    """Return *value* with each text in it on one line, of `MAX_TEXT` characters, that a terminal can print."""
    if isinstance(value, str):
        line = " ".join(value.split())[:MAX_TEXT]
        return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item) for item in value]
    return value


Text = Annotated[str, AfterValidator(_cleaned)]
Number = Annotated[float, Field(ge=-MOST, le=MOST)]
Amount = Annotated[float, Field(ge=0, le=MOST)]
Count = Annotated[int, Field(ge=0, le=MOST)]
Share = Annotated[float, Field(ge=0, le=1)]
#: Rounded to a microsecond: the clock gives no more, and files of many thousand frames stay small.
Milliseconds = Annotated[Amount, AfterValidator(lambda value: round(value, 3))]


class _Facts(BaseModel):
    """Those facts about a machine that pages and tables cannot do without. There may be more."""

    machine: str
    model: str | None
    cpu: str | None
    cpu_features: list[str]
    cores: Count
    memory_mb: Amount | None
    system: str
    governor: str | None
    packages: dict[str, str | None] = Field({})
    throttled: int | None = None


class _Scene(BaseModel):
    """What the tables say of the frames. There may be more."""

    width_px: Count
    height_px: Count
    faces: Count


def _checked(model: type[BaseModel]) -> AfterValidator:
    """Return a validator of dictionaries that hold what *model* names, and whatever else a later version knows."""

    def check(values: dict[str, Any]) -> dict[str, Any]:
        model.model_validate(values)
        cleaned: dict[str, Any] = _cleaned(values)
        return cleaned

    return AfterValidator(check)


class Reading(Frozen):
    """The state of the machine at one moment. A value that the machine does not give is None."""

    at_s: Amount
    """Seconds since the run began."""
    temperature_c: Number | None = None
    frequency_mhz: Amount | None = None
    throttled: Count | None = None
    """A Raspberry Pi's throttling bits, see `edge_fer.host.THROTTLED`."""
    power_w: Number | None = None
    others_cores: Amount | None = None
    """Cores that other programs used on average since the last reading."""
    stolen_cores: Amount | None = None
    """Cores that the hypervisor took on average since the last reading."""


class Block(Frozen):
    """Consecutive frames of one candidate."""

    at_s: Amount
    """When the block began, in seconds since the run began."""
    frame_ms: tuple[Milliseconds, ...]
    """One value per frame: from having the frame until the last sink has written it."""
    stages_ms: dict[Text, tuple[Milliseconds, ...]] = Field({})
    """Stage → one value per frame; empty for programs without stages. ``capture`` is not part of the frame's time."""
    dropped: Count = 0
    """Paced only: frames that arrived during the work on another one and were never processed."""
    late: Count = 0
    """Paced only: frames whose processing ended after the next one was due."""
    yardstick_ms: Milliseconds | None = None
    """Time of a fixed reference workload just before the block: how fast the machine itself was."""
    memory_mb: Amount | None = None
    open_files: Count | None = None

    def first(self, frames: int) -> Block:
        """Return the block with the times of its first *frames* frames alone."""
        if len(self.frame_ms) <= frames:
            return self
        stages_ms = {stage: times_ms[:frames] for stage, times_ms in self.stages_ms.items()}
        return self.model_copy(update={"frame_ms": self.frame_ms[:frames], "stages_ms": stages_ms})

    @model_validator(mode="after")
    def _consistent(self) -> Block:
        for stage, times_ms in self.stages_ms.items():
            if len(times_ms) != len(self.frame_ms):
                raise ValueError(f"stage {stage} has {len(times_ms)} values for {len(self.frame_ms)} frames")
        return self


class Golden(Frozen):
    """Comparison with the golden answers of the bundle."""

    inputs: Count
    same_label: Count
    worst: Amount
    tolerance: Amount
    passed: bool


class VotesAccuracy(Frozen):
    """Accuracy by the votes of FER+ on the images of an `Accuracy` (Barsoum et al., ICMI 2016)."""

    votes: Text
    """Name of the csv."""
    images: Count
    """Images on which a majority of the annotators agrees."""
    accuracy_8_classes: Share
    """By that majority; always wrong on the eighth class, contempt."""
    accuracy_7_classes: Share
    macro_recall: Share
    """Mean recall of those of FER2013's seven classes that occur."""


class Accuracy(Frozen):
    """Accuracy on one labelled set."""

    data: Text
    images: Count
    accuracy: Share
    macro_f1: Share
    recall: tuple[Share, ...]
    """One value per class."""
    names: tuple[Text, ...] = ()
    """Names of the classes."""
    predicted: tuple[Count, ...]
    """Index of the winning label of each image, in the order of the set's paths."""
    by_votes: VotesAccuracy | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Accuracy:
        if self.names and len(self.names) != len(self.recall):
            raise ValueError(f"{len(self.names)} names of classes, {len(self.recall)} values of recall")
        return self


class StatedAccuracy(Frozen):
    """What the manifest of a bundle says of a target: measured where the model was converted, not in this run."""

    data: Text
    """Name of the set and of its split."""
    images: Count
    accuracy: Share | None = None
    """By the labels of the set."""
    votes_images: Count = 0
    """Images on which a majority of FER+'s annotators agrees."""
    votes_accuracy: Share | None = None
    """By that majority, on eight classes."""


class Behaviour(Frozen):
    """States over time on a labelled sequence, and what was shown."""

    seconds: Annotated[Amount, Field(gt=0)]
    states: tuple[tuple[Amount, Text], ...]
    """``(time, state)`` at each change of the state, in seconds from the start of the sequence."""
    truth: tuple[tuple[Amount, Text], ...]
    """``(time, label)`` at each change of the label that was shown."""
    data: Text = ""
    """Name of the set that the faces come from; empty if they were drawn."""


class Detection(Frozen):
    """A detector on single frames of the film, without tracking."""

    search_cpu_ms: tuple[Milliseconds, ...]
    """CPU time of all threads for each search of a whole frame."""
    follow_cpu_ms: tuple[Milliseconds, ...]
    """The same for each face that was followed into the next frame."""
    faces: Count
    """True faces in these frames."""
    found: Count
    """How many of them were found."""
    false: Count
    """What was found besides."""

    @model_validator(mode="after")
    def _consistent(self) -> Detection:
        if self.found > self.faces:
            raise ValueError(f"{self.found} of {self.faces} faces were found")
        return self

    @property
    def share(self) -> float | None:
        """The share of the true faces that was found; None if there were none."""
        return self.found / self.faces if self.faces else None


class Following(Frozen):
    """How well the faces of the film were reported, shown once, frame by frame; see `edge_fer_bench.following`."""

    frames: Count
    visible: dict[Text, Count]
    """Pose → true faces of all frames."""
    covered: dict[Text, Count]
    """Pose → those of them that were reported."""
    false: Count
    """Reported faces of all frames that are none."""
    persons: Count = 0
    """Appearances of persons who were followed; 0 for a program that follows nobody."""
    ids: Count = 0
    """Tracks that covered them."""

    @model_validator(mode="after")
    def _consistent(self) -> Following:
        if not self.frames:
            raise ValueError("no frame was shown")
        for pose, covered in self.covered.items():
            if covered > self.visible.get(pose, 0):
                raise ValueError(f"{covered} of {self.visible.get(pose, 0)} {pose} faces were reported")
        return self


class Measurement(Frozen):
    """One candidate's results: of a bundle's target with a number of threads and a detector, or of a peer."""

    name: Text
    kind: Literal["edge-fer", "peer"] = "edge-fer"
    bundle: Text = ""
    target: Text = ""
    threads: Count
    detector: Text = DEFAULT_DETECTOR
    """What found the faces, without the file of its model."""
    # pydantic copies a default, so that the measurements do not share one dictionary.
    files: dict[Text, Text] = Field({})
    """Model file → sha256: proof that time and accuracy are those of the same file."""
    runtime: Annotated[dict[str, Any], AfterValidator(_cleaned)] = Field({})
    cold_start_s: tuple[Amount, ...] = ()
    """From the start of the process to its first result, one value per process."""
    load_ms: tuple[Amount, ...] = ()
    """Loading the model, a part of the cold start."""
    first_inference_ms: tuple[Amount, ...] = ()
    """The first inference, a part of the cold start."""
    peak_memory_mb: tuple[Amount, ...] = ()
    warm_up_frames: Count = 0
    steady: bool = True
    """Whether the warm-up ended because frames had stopped getting faster."""
    free: tuple[Block, ...] = ()
    """Frames as fast as possible."""
    paced: tuple[Block, ...] = ()
    """Frames at the rate of a camera."""
    golden: Golden | None = None
    accuracy: Accuracy | None = None
    size_bytes: Count | None = None
    """Size of the files of the model."""
    stated: StatedAccuracy | None = None
    behaviour: Behaviour | None = None
    detection: Detection | None = None
    """Only of detectors that were asked for."""
    following: Following | None = None
    """Only where it was asked for, and of programs that tell where faces are."""
    failed: Text = ""
    """Why the measurement ended early."""

    @model_validator(mode="after")
    def _consistent(self) -> Measurement:
        for block in self.free:
            # What follows from the times divides by them, and compares the stages of one block with those of another.
            if not any(block.frame_ms) or not all(block.frame_ms):
                raise ValueError(f"{self.name}: a block without frames, or a frame of 0 ms")
            if block.stages_ms.keys() != self.free[0].stages_ms.keys():
                raise ValueError(f"{self.name}: blocks with different stages")
        return self

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

    name: Text
    why: Text


class Run(Frozen):
    """One run of ``edge-fer bench``."""

    # Programs use the name `measurements`; files keep the alias `cells`, or older files could not be read.
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    format_version: Literal[2] = FORMAT_VERSION
    edge_fer: Text
    suite: Text
    command: Text
    started: AwareDatetime
    seconds: Amount
    seed: int
    partial: bool = False
    """Whether the run was interrupted."""
    # Dictionaries and not models: later versions may know more facts, and older readers show what they find.
    scene: Annotated[dict[str, Any], _checked(_Scene)]
    """What the frames show: size, rate, faces."""
    paced_fps: Amount | None = None
    host: Annotated[dict[str, Any], _checked(_Facts)]
    readings: tuple[Reading, ...] = ()
    measurements: tuple[Measurement, ...] = Field(alias="cells")
    """Called ``cells`` in files."""
    skipped: tuple[Skipped, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Run:
        accuracies = [measurement.accuracy for measurement in self.measurements if measurement.accuracy]
        # Measured on one set, and compared image by image and class by class.
        if len({(len(accuracy.predicted), len(accuracy.recall)) for accuracy in accuracies}) > 1:
            raise ValueError("accuracies of different numbers of images or classes")
        return self

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
    """Return the content of *path*, decompressed. Raises `BadInput`, also for more than `MAX_BYTES` or `MAX_VALUES`."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content: bytes = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as exc:
        # zlib's errors have no strerror, and some OSErrors (gzip's BadGzipFile) have an empty one.
        reason = getattr(exc, "strerror", None) or exc
        raise BadInput(f"{path} cannot be read: {reason}") from exc
    values = content.count(b",")
    if len(content) > MAX_BYTES or values > MAX_VALUES:
        size = f"{MAX_BYTES >> 20} MB" if len(content) > MAX_BYTES else f"{MAX_VALUES} values"
        raise BadInput(f"{path} holds more than {size}; this is no run of edge-fer bench")
    return content


def _version(content: bytes) -> Any:
    """Return the format version that *content* claims to have; None if it is not a JSON object."""
    with contextlib.suppress(ValueError, AttributeError, RecursionError):
        return json.loads(content).get("format_version")
    return None
