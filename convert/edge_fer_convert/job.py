"""What a conversion is asked for: which model, for what, on which faces, and what it may lose."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_fer_convert import targets
from edge_fer_convert.gate import Gate

if TYPE_CHECKING:
    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer.preprocess import Preprocess
    from edge_fer_convert.float_model import FloatModel


@dataclass(frozen=True)
class Data:
    """Faces, and what to call them."""

    faces: LabelledFaces
    name: str
    split: str = "all"


@dataclass(frozen=True)
class Job:
    """What is to be converted, how, and what it may lose."""

    model: FloatModel
    name: str
    labels: tuple[str, ...]
    preprocess: Preprocess
    pool: Data
    """What the calibration images are drawn from."""
    description: str = ""
    training: str = ""
    """How the float model was made, in words, for the model card."""
    licence: str = "unspecified"
    evaluated: Data | None = None
    """What the targets are judged on; without it, agreement on images of the pool is."""
    targets: tuple[str, ...] = targets.TARGETS
    gate: Gate = field(default_factory=Gate)
    images: int = 500
    """How many images to calibrate with."""
    seed: int = 0
    strict: bool = False
    allow_overlap: bool = False
    find_near_copies: bool = False
    """Whether to judge apart the evaluation images that have no near-copy in the pool: the pool is the training set."""
