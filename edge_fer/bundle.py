"""The bundle, the deployable unit: a folder, or a zip of one, with a manifest, model files and golden answers.

A bundle is data from outside. Every fault is a `BadBundle` that names it, and nothing is loaded in part: only files
that the manifest names are read, bounded in size, and checked against their checksums before their content is used.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol

import numpy as np
from pydantic import AfterValidator, Field, ValidationError, model_validator

from edge_fer.archives import UNPACK_ERRORS, load_arrays
from edge_fer.emotions import UNKNOWN
from edge_fer.errors import BadBundle, first_fault
from edge_fer.frozen import Frozen
from edge_fer.preprocess import Preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
MODEL_CARD: Final = "MODEL_CARD.md"
MAX_MANIFEST_BYTES: Final = 1 << 20
MAX_FILE_BYTES: Final = 512 << 20
SHIPPED_MODELS: Final = Path(__file__).parent / "models"
"""Folder of the bundles that are shipped inside the package."""


def _plain_name(name: str) -> str:
    # No separators and no leading dot, on any system: a name must not lead out of the bundle's folder.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) or ".." in name:
        raise ValueError(f"{name!r} is not a plain file name (letters, digits, '.', '_', '-')")
    return name


PlainName = Annotated[str, AfterValidator(_plain_name)]


class FileEntry(Frozen):
    """A file of the bundle, with its checksum and size."""

    file: PlainName
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(ge=1, le=MAX_FILE_BYTES)]


class VotesEvaluation(Frozen):
    """A target's figures by the votes of FER+ on the same images (Barsoum et al., ICMI 2016)."""

    images: Annotated[int, Field(ge=1)]
    """Images on which a majority of the annotators agrees."""
    accuracy_8_classes: Annotated[float, Field(ge=0, le=1)]
    """Accuracy by that majority; a model of FER2013's seven classes is always wrong on the eighth, contempt."""
    accuracy_7_classes: Annotated[float, Field(ge=0, le=1)]
    """The same without the images of contempt."""
    macro_recall: Annotated[float, Field(ge=0, le=1)]
    """Mean recall of those of the seven classes that occur."""
    calibration_error: Annotated[float, Field(ge=0, le=1)]
    """Mean gap between the highest score and the share of votes for its label."""
    drop_points: Annotated[float, Field(allow_inf_nan=False)]
    """Accuracy of float32 on the eight classes minus this target's, in percentage points; negative is a gain."""


class Evaluation(Frozen):
    """The measured accuracy of a target, and the images on which it was measured."""

    data: str
    split: str
    images: Annotated[int, Field(ge=1)]
    accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    """None if the images had no labels."""
    macro_f1: Annotated[float, Field(ge=0, le=1)] | None = None
    fresh_images: Annotated[int, Field(ge=0)] | None = None
    """Images without a near-copy in the training split."""
    fresh_accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    drop_points: float | None = None
    """Accuracy of float32 minus this target's, in percentage points; negative is a gain."""
    drop_interval_points: tuple[float, float] | None = None
    """95 % confidence interval of the drop (bootstrap over the images)."""
    f1_drop_points: float | None = None
    """The same drop of macro-F1, in points."""
    f1_drop_interval_points: tuple[float, float] | None = None
    agreement: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of images on which this target and float32 choose the same label."""
    votes: VotesEvaluation | None = None


class Target(FileEntry):
    """A model file for one runtime in one precision."""

    name: Annotated[str, Field(pattern=r"^[a-z]+-[a-z0-9]+$")]
    """``<runtime>-<precision>``."""
    weights: FileEntry | None = None
    """The second file of a format that has two (OpenVINO's ``.bin`` beside its ``.xml``)."""
    recipe: str
    """How it was quantized, as a sentence."""
    evaluation: Evaluation | None = None

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The target's files, one or two."""
        return (self,) if self.weights is None else (self, self.weights)

    @property
    def total_bytes(self) -> int:
        """Total size of its files."""
        return sum(entry.size_bytes for entry in self.files)

    @property
    def runtime(self) -> str:
        """First half of the name: the backend that executes it."""
        return self.name.split("-", 1)[0]

    @property
    def precision(self) -> str:
        """Second half of the name: ``int8``, ``float32``, …"""
        return self.name.split("-", 1)[1]


class CalibrationSet(Frozen):
    """The images with which the quantized targets were calibrated."""

    data: str
    images: Annotated[int, Field(ge=1)]
    seed: int
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Checksum of the crops, in their order."""
    tools: dict[str, str]
    """Versions of the packages that quantized, by name of the distribution."""


class Manifest(Frozen):
    """The content of ``manifest.json``."""

    format_version: Literal[1]
    name: PlainName
    licence: str
    description: str = ""
    labels: Annotated[tuple[str, ...], Field(min_length=2, max_length=1000)]
    preprocess: Preprocess
    calibration: CalibrationSet | None = None
    golden: FileEntry
    card: FileEntry | None = None
    """The model card, Markdown: what the model is for and not for, its data, its accuracy, its limits."""
    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        # A label named unknown could not be distinguished from the state that means no label.
        if len(set(self.labels)) != len(self.labels) or UNKNOWN in self.labels:
            raise ValueError(f"labels must be distinct and not {UNKNOWN!r}: {', '.join(self.labels)}")
        files = [MANIFEST, self.golden.file]
        if self.card is not None:
            files.append(self.card.file)
        for target in self.targets:
            files.extend(entry.file for entry in target.files)
        names = {target.name for target in self.targets}
        if len(names) != len(self.targets) or len(set(files)) != len(files):
            raise ValueError("two targets, or two files, have the same name")
        return self


@dataclass(frozen=True)
class Golden:
    """Generated inputs, and the scores that the workstation computed for them."""

    inputs: NDArray[np.uint8]
    """``(n, N, N)`` crops, drawn or random: no photographs of people."""
    answers: dict[str, NDArray[np.float32]]
    """``(n, labels)`` scores by name of the target."""


class _Files(Protocol):
    """Where a bundle's files are read from: at most *max_bytes* + 1 bytes of each."""

    def read(self, name: str, max_bytes: int) -> bytes: ...


class Bundle:
    """A checked manifest, and access to its files, each of which is checked when it is read."""

    def __init__(self, path: Path, manifest: Manifest, files: _Files) -> None:
        self.path = path
        self.manifest = manifest
        self._files = files

    def target(self, name: str | None = None) -> Target:
        """Return the target *name*, by default the first, which the bundle recommends.

        Raises `BadBundle` if it has no such target.
        """
        if name is None:
            return self.manifest.targets[0]
        for target in self.manifest.targets:
            if target.name == name:
                return target
        known = ", ".join(target.name for target in self.manifest.targets)
        raise BadBundle(f"{self.path} has no target {name!r}; it has: {known}")

    def read(self, entry: FileEntry) -> bytes:
        """Return a file's content. Raises `BadBundle` if it is missing, or has another size or checksum."""
        # One byte more than promised is read at most, which is enough to see that a file is too large.
        content = self._files.read(entry.file, entry.size_bytes)
        if len(content) != entry.size_bytes:
            raise BadBundle(
                f"{self.path}: {entry.file} has {len(content)} bytes, the manifest says {entry.size_bytes}; "
                "the bundle is damaged: copy it again"
            )
        digest = hashlib.sha256(content).hexdigest()
        if digest != entry.sha256:
            raise BadBundle(
                f"{self.path}: {entry.file} has sha256 {digest[:12]}…, the manifest says {entry.sha256[:12]}…; "
                "the bundle is damaged or was changed: copy it again"
            )
        return content

    def model_card(self) -> str | None:
        """Return the model card, Markdown; None if there is none. Raises `BadBundle` if it is damaged."""
        if self.manifest.card is None:
            return None
        try:
            return self.read(self.manifest.card).decode()
        except UnicodeDecodeError as exc:
            raise BadBundle(
                f"{self.path}: {self.manifest.card.file} is not UTF-8 text: {exc}; write the bundle again"
            ) from exc

    def golden(self) -> Golden:
        """Return the golden inputs and answers. Raises `BadBundle` if they do not fit the manifest."""
        file = self.manifest.golden.file
        content = self.read(self.manifest.golden)
        try:
            arrays = load_arrays(io.BytesIO(content))
        except ValueError as exc:
            raise BadBundle(f"{self.path}: {file} is not an npz of plain arrays: {exc}; write it again") from exc
        shapes = {name: array.shape for name, array in arrays.items()}
        inputs = arrays.pop("inputs", np.empty(0))
        if not (self._inputs_fit(inputs) and arrays and self._answers_fit(arrays, len(inputs))):
            raise BadBundle(
                f"{self.path}: {file} does not fit the manifest ({self.manifest.preprocess.size_px} px, "
                f"{len(self.manifest.labels)} labels, finite): {shapes}; write the bundle again"
            )
        return Golden(inputs, {name: array.astype(np.float32) for name, array in arrays.items()})

    def _inputs_fit(self, inputs: NDArray[Any]) -> bool:
        side = self.manifest.preprocess.size_px
        return inputs.ndim == 3 and len(inputs) > 0 and inputs.shape[1:] == (side, side) and inputs.dtype == np.uint8

    def _answers_fit(self, answers: dict[str, NDArray[Any]], count: int) -> bool:
        for scores in answers.values():
            if scores.shape != (count, len(self.manifest.labels)):
                return False
            if scores.dtype.kind != "f" or not np.isfinite(scores).all():
                return False
        return True


def load(path: str | Path) -> Bundle:
    """Open the bundle at *path*, a folder or a zip, or the shipped one of that name. Raises `BadBundle`."""
    location = _locate(path)
    files: _Files = _Folder(location) if location.is_dir() else _Zip(location)
    content = files.read(MANIFEST, MAX_MANIFEST_BYTES)
    return Bundle(location, _parse(content, location), files)


def shipped() -> list[str]:
    """Return the names of the bundles inside the package, sorted."""
    if not SHIPPED_MODELS.is_dir():
        return []
    return sorted(folder.name for folder in SHIPPED_MODELS.iterdir() if (folder / MANIFEST).is_file())


def _locate(path: str | Path) -> Path:
    # A path comes first, so that a user's bundle may have the name of a shipped one.
    if Path(path).exists():
        return Path(path)
    if str(path) in shipped():
        return SHIPPED_MODELS / str(path)
    names = ", ".join(shipped()) or "none"
    raise BadBundle(f"no bundle at {path}; pass a folder, a .zip, or a shipped one: {names}")


def _parse(content: bytes, path: Path) -> Manifest:
    if len(content) > MAX_MANIFEST_BYTES:
        raise BadBundle(
            f"{path}: {MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes; this is not a bundle of edge-fer"
        )
    try:
        raw = json.loads(content)
    # ValueError: bad JSON, bad UTF-8, integers of thousands of digits. RecursionError: deeply nested lists.
    except (ValueError, RecursionError) as exc:
        raise BadBundle(f"{path}: {MANIFEST} is not JSON ({exc}); the bundle is damaged: copy it again") from exc
    # The version first: a manifest of another version would only fail with errors that hide the reason.
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version != FORMAT_VERSION or isinstance(version, bool):  # True equals 1
        raise BadBundle(
            f"{path}: {MANIFEST} has format version {version!r}, this edge-fer reads {FORMAT_VERSION}; "
            "update edge-fer, or write the bundle again"
        )
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as exc:
        raise BadBundle(f"{path}: {MANIFEST} cannot be used: {first_fault(exc)}; write the bundle again") from exc


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str, max_bytes: int) -> bytes:
        try:
            # Resolved first: a link could lead to any file of the machine.
            path = (self._folder / name).resolve(strict=True)
            if path.parent != self._folder.resolve():
                raise BadBundle(f"{self._folder}: {name} is a link out of the bundle; copy the file itself into it")
            with path.open("rb") as file:
                return file.read(max_bytes + 1)
        except OSError as exc:
            raise BadBundle(f"{self._folder}: {name} cannot be read ({exc.strerror}); copy the bundle again") from exc


class _Zip:
    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Opened again for each read: a bundle that holds no open file needs no closing.
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except (OSError, zipfile.BadZipFile) as exc:
            raise BadBundle(f"{path} is neither a folder nor a readable zip: {exc}; copy the bundle again") from exc
        # Nothing is ever extracted, but a zip with such names was made to harm, or is no bundle.
        for member in members:
            if not re.fullmatch(r"[A-Za-z0-9._-]+", member.filename) or ".." in member.filename:
                raise BadBundle(
                    f"{path} holds {member.filename!r}; a bundle's zip holds plain files only: zip the folder's content"
                )

    def read(self, name: str, max_bytes: int) -> bytes:
        # Bounded whatever size the archive claims: of a zip bomb, no more than max_bytes + 1 is unpacked.
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(name) as file:
                return file.read(max_bytes + 1)
        except KeyError as exc:
            raise BadBundle(f"{self._path} holds no {name}; write the bundle again") from exc
        except UNPACK_ERRORS as exc:
            raise BadBundle(f"{self._path}: {name} cannot be unpacked: {exc}; copy the bundle again") from exc
