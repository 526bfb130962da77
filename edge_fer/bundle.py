"""The bundle: the deployable unit. A folder, or the same as one zip, with a manifest, model files and golden answers.

A bundle is data from outside. Whatever is wrong with it, a `BadBundle` says what, and nothing is half-loaded: files are
named by the manifest alone, bounded in size, and checked against their checksums before anybody sees a byte.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Protocol

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
MANIFEST = "manifest.json"
MODEL_CARD = "MODEL_CARD.md"
MAX_MANIFEST_BYTES = 1 << 20
MAX_FILE_BYTES = 512 << 20
SHIPPED_MODELS = Path(__file__).parent / "models"
"""Where the bundles lie that are shipped inside the package."""


def _plain_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) or ".." in name:
        raise ValueError(f"{name!r} is not a plain file name (letters, digits, '.', '_', '-')")
    return name


PlainName = Annotated[str, AfterValidator(_plain_name)]


class FileEntry(Frozen):
    """A file of the bundle, pinned."""

    file: PlainName
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(ge=1, le=MAX_FILE_BYTES)]


class Evaluation(Frozen):
    """What a target was measured to be worth, and on what."""

    data: str
    split: str
    images: Annotated[int, Field(ge=1)]
    accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    """None where the images had no labels."""
    macro_f1: Annotated[float, Field(ge=0, le=1)] | None = None
    fresh_images: Annotated[int, Field(ge=0)] | None = None
    """Images without a near-copy in the training split."""
    fresh_accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    drop_points: float | None = None
    """Accuracy of float32 minus this target's, in percentage points; negative is a gain."""
    drop_interval_points: tuple[float, float] | None = None
    """What holds the drop in 95 of 100 draws of such images (bootstrap)."""
    f1_drop_points: float | None = None
    f1_drop_interval_points: tuple[float, float] | None = None
    agreement: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of images on which this target and float32 choose the same label."""


class Target(FileEntry):
    """One model file: ``<runtime>-<precision>``."""

    name: Annotated[str, Field(pattern=r"^[a-z]+-[a-z0-9]+$")]
    weights: FileEntry | None = None
    """The second file of a format that has two (OpenVINO's ``.bin`` beside its ``.xml``)."""
    recipe: str
    """How it was quantized, in words."""
    evaluation: Evaluation | None = None

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The target's files: one, or two."""
        return (self,) if self.weights is None else (self, self.weights)

    @property
    def total_bytes(self) -> int:
        """Size of its files together."""
        return sum(entry.size_bytes for entry in self.files)

    @property
    def runtime(self) -> str:
        """First half of the name: which backend executes it."""
        return self.name.split("-", 1)[0]

    @property
    def precision(self) -> str:
        """Second half of the name: ``int8``, ``float32``, ..."""
        return self.name.split("-", 1)[1]


class CalibrationSet(Frozen):
    """What the quantized targets were calibrated with."""

    data: str
    images: Annotated[int, Field(ge=1)]
    seed: int
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the crops, in their order."""
    tools: dict[str, str]
    """Distribution → version of what quantized."""


class Manifest(Frozen):
    """``manifest.json``."""

    format_version: Literal[1]
    name: PlainName
    licence: str
    description: str = ""
    labels: Annotated[tuple[str, ...], Field(min_length=2, max_length=1000)]
    preprocess: Preprocess
    calibration: CalibrationSet | None = None
    golden: FileEntry
    card: FileEntry | None = None
    """What it is for and not for, what it was made from, what it is worth: Markdown."""
    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        if len(set(self.labels)) != len(self.labels) or UNKNOWN in self.labels:
            raise ValueError(f"labels must be distinct and not {UNKNOWN!r}: {', '.join(self.labels)}")
        names = [target.name for target in self.targets]
        cards = [self.card.file] if self.card else []
        files = [MANIFEST, self.golden.file, *cards, *(entry.file for target in self.targets for entry in target.files)]
        if len(set(names)) != len(names) or len(set(files)) != len(files):
            raise ValueError("two targets, or two files, have the same name")
        return self


@dataclass(frozen=True)
class Golden:
    """Generated inputs and the answers that the workstation got for them."""

    inputs: NDArray[np.uint8]
    """``(n, N, N)`` crops, drawn or random: no photographs of people."""
    answers: dict[str, NDArray[np.float32]]
    """Target name → ``(n, labels)`` scores."""


class _Files(Protocol):
    def read(self, name: str, most_bytes: int) -> bytes: ...


class Bundle:
    """A manifest that has been checked, and access to its files, each checked when it is read."""

    def __init__(self, path: Path, manifest: Manifest, files: _Files) -> None:
        self.path = path
        self.manifest = manifest
        self._files = files

    def target(self, name: str | None = None) -> Target:
        """Return the target *name*, or the first, which is the one a bundle recommends.

        Raises `BadBundle` when it has none of that name.
        """
        if name is None:
            return self.manifest.targets[0]
        for target in self.manifest.targets:
            if target.name == name:
                return target
        known = ", ".join(target.name for target in self.manifest.targets)
        raise BadBundle(f"{self.path} has no target {name!r}; it has: {known}")

    def read(self, entry: FileEntry) -> bytes:
        """Return a file's bytes. Raises `BadBundle` when size or checksum are not the manifest's."""
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
        """Return the model card as Markdown, or None where there is none."""
        if self.manifest.card is None:
            return None
        try:
            return self.read(self.manifest.card).decode()
        except UnicodeDecodeError as exc:
            raise BadBundle(
                f"{self.path}: {self.manifest.card.file} is no text: {exc}; write the bundle again"
            ) from exc

    def golden(self) -> Golden:
        """Return the golden inputs and answers. Raises `BadBundle` where they do not fit the manifest."""
        content = self.read(self.manifest.golden)
        try:
            loaded = load_arrays(io.BytesIO(content))
        except ValueError as exc:
            raise BadBundle(f"{self.path}: {self.manifest.golden.file} is no npz of plain arrays: {exc}") from exc
        inputs = loaded.pop("inputs", np.empty(0))
        side, labels = self.manifest.preprocess.size_px, len(self.manifest.labels)
        fits = inputs.ndim == 3 and len(inputs) > 0 and inputs.shape[1:] == (side, side) and inputs.dtype == np.uint8
        answers_fit = all(
            a.shape == (len(inputs), labels) and a.dtype.kind == "f" and np.isfinite(a).all() for a in loaded.values()
        )
        if not (fits and loaded and answers_fit):
            shapes = {name: array.shape for name, array in {"inputs": inputs, **loaded}.items()}
            raise BadBundle(
                f"{self.path}: {self.manifest.golden.file} does not fit the manifest ({side} px, {labels} labels, "
                f"finite): {shapes}; write the bundle again"
            )
        return Golden(inputs, {name: array.astype(np.float32) for name, array in loaded.items()})


def load(path: str | Path) -> Bundle:
    """Open the bundle at *path*, a folder or a zip, or the shipped one of that name. Raises `BadBundle`."""
    found = _locate(path)
    files: _Files = _Folder(found) if found.is_dir() else _Zip(found)
    content = files.read(MANIFEST, MAX_MANIFEST_BYTES)
    return Bundle(found, _parse(content, found), files)


def shipped() -> list[str]:
    """Return the names of the bundles inside the package."""
    return (
        sorted(folder.name for folder in SHIPPED_MODELS.iterdir() if (folder / MANIFEST).is_file())
        if SHIPPED_MODELS.is_dir()
        else []
    )


def _locate(path: str | Path) -> Path:
    if Path(path).exists():
        return Path(path)
    if str(path) in shipped():
        return SHIPPED_MODELS / str(path)
    in_box = ", ".join(shipped()) or "none"
    raise BadBundle(f"no bundle at {path}; pass a folder, a .zip, or a shipped one: {in_box}")


def _parse(content: bytes, path: Path) -> Manifest:
    if len(content) > MAX_MANIFEST_BYTES:
        raise BadBundle(f"{path}: {MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes; this is no bundle of ours")
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError) as exc:  # ValueError: bad JSON, bad UTF-8, absurdly long integers
        raise BadBundle(f"{path}: {MANIFEST} is not JSON ({exc}); the bundle is damaged: copy it again") from exc
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version != FORMAT_VERSION or isinstance(version, bool):
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

    def read(self, name: str, most_bytes: int) -> bytes:
        try:
            path = (self._folder / name).resolve(strict=True)
            if path.parent != self._folder.resolve():
                raise BadBundle(f"{self._folder}: {name} is a link out of the bundle; copy the file itself into it")
            with path.open("rb") as file:
                return file.read(most_bytes + 1)
        except OSError as exc:
            raise BadBundle(f"{self._folder}: {name} cannot be read ({exc.strerror}); copy the bundle again") from exc


class _Zip:
    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except (OSError, zipfile.BadZipFile) as exc:
            raise BadBundle(f"{path} is neither a folder nor a readable zip: {exc}; copy the bundle again") from exc
        for member in members:
            if not re.fullmatch(r"[A-Za-z0-9._-]+", member.filename) or ".." in member.filename:
                raise BadBundle(
                    f"{path} holds {member.filename!r}; a bundle's zip holds plain files only: zip the folder's content"
                )

    def read(self, name: str, most_bytes: int) -> bytes:
        # Bounded by what is asked for, whatever the archive claims: a bomb is read to most_bytes + 1 and no further.
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(name) as file:
                return file.read(most_bytes + 1)
        except KeyError as exc:
            raise BadBundle(f"{self._path} holds no {name}; write the bundle again") from exc
        except UNPACK_ERRORS as exc:
            raise BadBundle(f"{self._path}: {name} cannot be unpacked: {exc}; copy the bundle again") from exc
