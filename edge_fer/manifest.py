"""The manifest of a bundle: what ``manifest.json`` may hold, as types that check themselves.

It comes from outside. Every number is finite, every text is bounded and can be printed on a terminal, and every file
has a plain name, a size and a checksum.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator

from edge_fer.emotions import UNKNOWN
from edge_fer.errors import BadBundle, first_fault
from edge_fer.frozen import Frozen
from edge_fer.preprocess import Preprocess
from edge_fer.text import JOINERS

FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
"""The signature of the manifest's bytes; it is optional, and no file of the manifest."""
MODEL_CARD: Final = "MODEL_CARD.md"
MAX_MANIFEST_BYTES: Final = 1 << 20
MAX_FILE_BYTES: Final = 256 << 20
MAX_GRAPH_BYTES: Final = 32 << 20
MAX_NAME: Final = 100
"""Longest name of a file, a label or a data set, in characters."""
MAX_TEXT: Final = 4000
"""Longest description, in characters."""


def _plain_name(name: str) -> str:
    # No separators and no leading dot, on any system: a name must not lead out of the bundle's folder.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) or ".." in name:
        raise ValueError(f"{name[:MAX_NAME]!r} is not a plain file name (letters, digits, '.', '_', '-')")
    return name


def _printable(text: str) -> str:
    # Control characters can move a terminal's cursor, and bidirectional ones make a label look like another.
    for character in text:
        if not character.isprintable() and character not in JOINERS:
            raise ValueError(f"it holds {character!a}, which cannot be printed")
    return text


PlainName = Annotated[str, AfterValidator(_plain_name)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_printable)]
"""A name that people read: a label, a data set, a package."""
Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_printable)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(Frozen):
    """A part of the manifest: JSON knows no NaN and no infinity, but Python's reader takes both."""

    model_config = ConfigDict(allow_inf_nan=False)


class FileEntry(_Part):
    """A file of the bundle, with its checksum and size."""

    file: PlainName
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Field(ge=1, le=MAX_FILE_BYTES)]


class VotesEvaluation(_Part):
    """A target's figures by the votes of FER+ on the same images (Barsoum et al., ICMI 2016)."""

    images: Annotated[int, Field(ge=1)]
    """Images on which a majority of the annotators agrees."""
    accuracy_8_classes: Share
    """Accuracy by that majority; a model of FER2013's seven classes is always wrong on the eighth, contempt."""
    accuracy_7_classes: Share
    """The same without the images of contempt."""
    macro_recall: Share
    """Mean recall of those of the seven classes that occur."""
    calibration_error: Share
    """Mean gap between the highest score and the share of votes for its label."""
    drop_points: float
    """Accuracy of float32 on the eight classes minus this target's, in percentage points; negative is a gain."""


class Evaluation(_Part):
    """The measured accuracy of a target, and the images on which it was measured."""

    data: Text
    split: Text
    images: Annotated[int, Field(ge=1)]
    accuracy: Share | None = None
    """None if the images had no labels."""
    macro_f1: Share | None = None
    fresh_images: Annotated[int, Field(ge=0)] | None = None
    """Images without a near-copy in the training split."""
    fresh_accuracy: Share | None = None
    drop_points: float | None = None
    """Accuracy of float32 minus this target's, in percentage points; negative is a gain."""
    drop_interval_points: tuple[float, float] | None = None
    """95 % confidence interval of the drop (bootstrap over the images)."""
    f1_drop_points: float | None = None
    """The same drop of macro-F1, in points."""
    f1_drop_interval_points: tuple[float, float] | None = None
    agreement: Share | None = None
    """Share of images on which this target and float32 choose the same label."""
    votes: VotesEvaluation | None = None

    @model_validator(mode="after")
    def _parts_of_the_images(self) -> Evaluation:
        voted = self.votes.images if self.votes else 0
        if max(voted, self.fresh_images or 0) > self.images:
            raise ValueError(f"more images with votes, or more fresh images, than the {self.images} images")
        return self


class Target(FileEntry):
    """A model file for one runtime in one precision."""

    name: Annotated[str, Field(pattern=r"^[a-z]+-[a-z0-9]+$", max_length=MAX_NAME)]
    """``<runtime>-<precision>``."""
    weights: FileEntry | None = None
    """The second file of a format that has two (OpenVINO's ``.bin`` beside its ``.xml``)."""
    recipe: Text
    """How it was quantized, as a sentence."""
    evaluation: Evaluation | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Target:
        # A graph beside its weights is text of about a megabyte, which takes a multiple of that to parse.
        if self.total_bytes > MAX_FILE_BYTES or (self.weights and self.size_bytes > MAX_GRAPH_BYTES):
            raise ValueError(f"its files are larger than {MAX_FILE_BYTES} bytes, or its graph than {MAX_GRAPH_BYTES}")
        return self

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


class CalibrationSet(_Part):
    """The images with which the quantized targets were calibrated."""

    data: Text
    images: Annotated[int, Field(ge=1)]
    seed: int
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Checksum of the crops, in their order."""
    tools: Annotated[dict[Name, Name], Field(max_length=100)]
    """Versions of the packages that quantized, by name of the distribution."""


class Manifest(_Part):
    """The content of ``manifest.json``."""

    format_version: Literal[1]
    name: PlainName
    licence: Text
    description: Text = ""
    labels: Annotated[tuple[Name, ...], Field(min_length=2, max_length=1000)]
    preprocess: Preprocess
    calibration: CalibrationSet | None = None
    golden: FileEntry
    card: FileEntry | None = None
    """The model card, Markdown: what the model is for and not for, its data, its accuracy, its limits."""
    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=50)]

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """All files of the bundle beside the manifest itself."""
        card = () if self.card is None else (self.card,)
        return (self.golden, *card, *(entry for target in self.targets for entry in target.files))

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        # A label named unknown could not be distinguished from the state that means no label.
        if len(set(self.labels)) != len(self.labels) or UNKNOWN in self.labels:
            raise ValueError(f"labels must be distinct and not {UNKNOWN!r}: {', '.join(self.labels)[:MAX_NAME]}")
        files = [MANIFEST, SIGNATURE, *(entry.file for entry in self.files)]
        names = {target.name for target in self.targets}
        if len(names) != len(self.targets) or len(set(files)) != len(files):
            raise ValueError("two targets, or two files, have the same name")
        return self


def parse(content: bytes, bundle: str) -> Manifest:
    """Return the manifest in *content*, of the bundle that messages call *bundle*. Raises `BadBundle`."""
    if len(content) > MAX_MANIFEST_BYTES:
        raise BadBundle(
            f"{bundle}: {MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes; this is not a bundle of edge-fer"
        )
    try:
        raw = json.loads(content)
    # ValueError: bad JSON, bad UTF-8, integers of thousands of digits. RecursionError: deeply nested lists.
    except (ValueError, RecursionError) as exc:
        raise BadBundle(f"{bundle}: {MANIFEST} is not JSON ({exc}); the bundle is damaged: copy it again") from exc
    # The version first: a manifest of another version would only fail with errors that hide the reason.
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version != FORMAT_VERSION or isinstance(version, bool):  # True equals 1
        raise BadBundle(
            f"{bundle}: {MANIFEST} has format version {repr(version)[:MAX_NAME]}, this edge-fer reads "
            f"{FORMAT_VERSION}; update edge-fer, or write the bundle again"
        )
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as exc:
        raise BadBundle(f"{bundle}: {MANIFEST} cannot be used: {first_fault(exc)}; write the bundle again") from exc
