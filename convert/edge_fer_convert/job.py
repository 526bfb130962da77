"""The input of a conversion: the model, the faces, the targets, and how much accuracy a target may lose."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from edge_fer.evaluation.class_names import relabelled
from edge_fer_convert import targets
from edge_fer_convert.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.votes import FerPlusVotes
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.model_metadata import ModelMetadata


@dataclass(frozen=True)
class Data:
    """A set of faces, with the name that manifest and report give it."""

    faces: LabelledFaces
    name: str
    split: str = "all"

    @classmethod
    def load(cls, source: str | Path, labels: Sequence[str] | None = None) -> Self:
        """Read *source*, a folder, ``.zip``, ``.csv`` or ``.npz`` of cropped faces; ``path#part`` reads one part of it.

        *labels* gives the classes in another order; the faces keep their own. Raises `BadInput` when *source* cannot be
        read, or has faces of other classes.
        """
        from edge_fer.evaluation.labelled import load_faces

        # Named after the file without its folders, because the name goes into a bundle that leaves this machine.
        path, _, part = str(source).partition("#")
        faces = load_faces(source, None if labels is None else tuple(labels))
        return cls(faces, Path(path).name, part or "all")

    def under(self, names: tuple[str, ...]) -> Self:
        """Return the same faces with *names* for their classes, in another order or spelling."""
        labels = relabelled(self.faces.labels, self.faces.names, names, self.name)
        return replace(self, faces=replace(self.faces, labels=labels, names=names))

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return self.faces.names


@dataclass(frozen=True)
class Job:
    """Everything that `convert` needs to know."""

    model: FloatModel
    metadata: ModelMetadata
    pool: Data
    """Faces that the calibration images are drawn from."""
    evaluated: Data | None = None
    """Labelled faces that accuracy is measured on. Without them, only agreement with float32 is measured."""
    votes: FerPlusVotes | None = None
    """Votes of FER+ on the evaluated faces; accuracy is measured by these, too."""
    targets: tuple[str, ...] = targets.TARGETS
    """Deployment targets; the bundle recommends the first."""
    gate: Gate = field(default_factory=Gate)
    images: int = 500
    """Number of calibration images."""
    seed: int = 0
    """Seed of the choice of the calibration images."""
    training: str = ""
    """How the float model was trained, in one paragraph for the model card."""
    strict: bool = False
    """Whether a target that fails the gate ends the conversion, instead of falling back to another precision."""
    allow_overlap: bool = False
    """Whether calibration images may also be evaluation images."""
    allow_slower: bool = False
    """Whether a fallback with 16 bits or with layers in float is taken although it is slower than float32."""
    force_contract: bool = False
    """Whether to convert although labelled faces fit other labels, or other values of the input, much better."""
    multi_label: bool = False
    """Whether the model has a sigmoid for each class: its scores are divided by their sum, because smoothing, records
    and the gate take scores for shares of one."""
    find_near_copies: bool = False
    """Whether to report accuracy without near-copies of the pool too: for a pool that is the training set."""

    @property
    def measured_on(self) -> Data:
        """The faces that the targets are measured on: the evaluation set, or else the pool."""
        return self.evaluated or self.pool
