"""Recipes: how a model is trained and converted, as frozen, typed values read from TOML."""

from __future__ import annotations

import tomllib
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from edge_fer.errors import BadInput, first_fault
from edge_fer.frozen import Frozen
from edge_fer.preprocess import Preprocess
from edge_fer.text import counted
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Sequence

RECIPES = Path(__file__).parent / "recipes"
WEIGHTS = Path(__file__).parents[1] / "weights"
"""The float models of a clone; neither the wheel nor the source distribution contains them."""


class Stage(Frozen):
    """Epochs at one input size, under one cosine of the learning rate."""

    # From 32 on, the five poolings of CNN_1 leave a position.
    size_px: Annotated[int, Field(ge=32)]
    epochs: Annotated[int, Field(ge=0)]
    learning_rate: Annotated[float, Field(gt=0)]
    """Learning rate of AdamW after the warm-up, where the cosine begins."""
    final_learning_rate: Annotated[float, Field(ge=0)]
    """Learning rate of the last step, where the cosine ends."""
    augment: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Strength of the augmentation, from none to full."""
    # Replace the settings of [training] in this stage:
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    degrade: Annotated[float, Field(ge=0, le=1)] | None = None
    mixed: Annotated[float, Field(ge=0, le=1)] | None = None
    trainable: Annotated[int, Field(ge=0)] | None = None
    ema_overwrite: bool | None = None
    teaching_weight: Annotated[float, Field(ge=0, le=1)] | None = None
    """0 switches the teacher off."""


LossName = Literal["categorical-crossentropy", "binary-crossentropy", "mean-squared-error", "hinge"]


class Teaching(Frozen):
    """Who teaches a model, and how much that counts; see `edge_fer_train.losses.Distillation`."""

    teachers: tuple[str, ...] = ()
    """Files of ``convert/weights``, or shipped bundles by name. ``--teacher`` replaces them."""
    weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Weight of the distillation loss; the label loss gets 1 - weight."""
    temperature: Annotated[float, Field(ge=1)] = 2.0

    @property
    def paths(self) -> list[Path]:
        """Return the paths of the teachers: files of float models, and the bare names of shipped bundles."""
        paths = []
        for name in self.teachers:
            is_float_model = Path(name).suffix in checkpoints.SUFFIXES
            paths.append(WEIGHTS / name if is_float_model else Path(name))
        return paths


class OnlineAugmentation(Frozen):
    """How far faces are changed at full strength; see `edge_fer_train.augmentation.online.Augment`.

    The defaults suit faces that are cut as the training faces are. A face detector's boxes vary more.
    """

    rotation_deg: Annotated[float, Field(ge=0, le=180)] = 12.0
    tilt: Literal["uniform", "triangular"] = "uniform"
    """How rotations are drawn; "triangular": small ones more often."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.10
    """How much smaller, and without `larger` how much larger, a box becomes."""
    larger: Annotated[float, Field(ge=0)] | None = None
    """How much larger a box becomes."""
    shift: Annotated[float, Field(ge=0, le=1)] = 0.08
    """In each direction, as a fraction of the side."""
    shear: Annotated[float, Field(ge=0, le=1)] = 0.05
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability."""
    contrast: Annotated[float, Field(ge=0, le=1)] = 0.25
    brightness: Annotated[float, Field(ge=0, le=255)] = 20.0
    """In grey levels of 255."""
    erase: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Probability that a rectangle is erased."""
    # The lower bound leaves a choice above the least side, a tenth, at every input size.
    erase_side: Annotated[float, Field(gt=0.15, lt=1)] = 1 / 3
    """Bound of the rectangle's height and width, as a fraction of the side."""


class TrainingSettings(Frozen):
    """How a model is trained."""

    batch_size: Annotated[int, Field(ge=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    """Share of the values that each dropout layer of the architecture sets to zero."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Weight decay of AdamW, per step and relative to the learning rate."""
    ema_momentum: Annotated[float, Field(ge=0, lt=1)]
    """Momentum per step of the averaged weights, which are validated and kept."""
    ema_overwrite: bool = False
    """Whether an epoch begins with the averaged weights of the one before, instead of those of its last step (Keras'
    ``ema_overwrite_frequency`` of one epoch). Learns more slowly."""
    labels: Literal["own", "votes"] = "own"
    """What a model learns of a face: the label of the data set, mixed with an estimate of it from FER+ votes; or the
    distribution of the votes alone, by which the epoch is chosen, too. See `edge_fer_train.soft_labels`."""
    own_label: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Weight of a face's own label; the estimate from its FER+ votes counts the rest. Unused with votes alone."""
    loss: LossName = "categorical-crossentropy"
    auxiliary_loss: Annotated[float, Field(ge=0)] = 0.0
    """For a model that joins scores: weight of the same loss on the scores of each network alone, where the loss on the
    joined scores counts 1. Without it, training may end up using one network only. (Auxiliary classifiers: Szegedy et
    al., CVPR 2015, section 5.)"""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """For faces without votes."""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.0
    """With 0, every face counts the same; with 1, every class does."""
    augmentation: Literal["online", "umer"] = "online"
    """A random warp, light and an erased patch; or one of Umer's 18 variants (the face and 17 changes;
    Umer et al., CMES 2022, Algorithm 1)."""
    online: OnlineAugmentation = OnlineAugmentation()
    """The bounds of the online augmentation."""
    degrade: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the faces that the online augmentation takes detail from: fewer pixels, blur, or noise. The strength of
    a stage multiplies it, as it does the rest of the augmentation."""
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Parameter of its Beta distribution; 0 switches it off."""
    cutmix: Annotated[float, Field(ge=0)] = 0.0
    """Likewise for cutmix. With both on, each batch gets one of them."""
    mixed: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the batches that are mixed."""
    trainable: Annotated[int, Field(ge=0)] | None = None
    """How many of the backbone's last layers are trained beside the head; by default all. Smelyakov et al., COLINS
    2022, section 4, train 4."""
    frozen: tuple[int, ...] = ()
    """For a model that joins scores: the networks that are not trained, counted from 1. The others learn from their
    errors."""
    teaching: Teaching | None = None
    pretrained: tuple[str, ...] = ()
    """Files of ``convert/weights`` to begin with. ``--pretrained`` replaces them."""
    stages: tuple[Stage, ...]

    @model_validator(mode="after")
    def _has_the_teachers_that_stages_weigh(self) -> TrainingSettings:
        if self.teaching is None and any(stage.teaching_weight is not None for stage in self.stages):
            raise ValueError("a stage has a teaching_weight, and there is no [training.teaching]")
        return self

    def during(self, stage: Stage) -> TrainingSettings:
        """Return the settings with those that *stage* replaces."""
        own = stage.model_dump(include=set(TrainingSettings.model_fields), exclude_none=True)
        if self.teaching is not None and stage.teaching_weight is not None:
            weighed = self.teaching.model_copy(update={"weight": stage.teaching_weight})
            own["teaching"] = weighed if stage.teaching_weight > 0 else None
        # Not validated again: both parts were when they were read.
        return self.model_copy(update=own)


class ConversionSettings(Frozen):
    """How a model is converted, and how much accuracy it may lose."""

    weights: str | None = None
    """File of ``convert/weights``: the float model."""
    join: tuple[str, ...] = ()
    """Instead of `weights`, for models that join the scores of others: the files to join."""
    calibrate: str
    """Where calibration images are drawn from, relative to ``--data``."""
    evaluate: str
    """What the targets are evaluated on, relative to ``--data``."""
    votes: str | None = None
    """Votes of FER+ on those images, relative to ``--data``: accuracy is also evaluated by their majority."""
    data: str
    """Name of the data, for the manifest."""
    splits: tuple[str, str]
    """Names of the two splits, for the manifest."""
    images: Annotated[int, Field(ge=1)] = 500
    """How many images calibrate."""
    targets: tuple[str, ...]
    """The bundle recommends the first."""
    max_drop: Annotated[float, Field(ge=0)] = 0.5
    """Largest drop of accuracy, in percentage points."""
    max_f1_drop: Annotated[float, Field(ge=0)] = 0.5
    """Largest drop of macro-F1, in percentage points."""


class Recipe(Frozen):
    """One file of ``edge_fer_train/recipes``."""

    name: str
    description: str
    seed: int
    """Seed of all random draws."""
    architecture: str
    """A name of `edge_fer_train.zoo.ARCHITECTURES`."""
    options: dict[str, Any] = Field({})
    """Further options of the architecture, for instance a width."""
    preprocess: Preprocess
    training: TrainingSettings | None = None
    """None for models that join others."""
    conversion: ConversionSettings | None = None

    @property
    def trained(self) -> TrainingSettings:
        """Return the settings of training. Raises `BadInput` when there are none."""
        if self.training is None:
            raise BadInput(f"recipe {self.name} joins models that are trained separately; train those, then convert it")
        return self.training

    @property
    def converted(self) -> ConversionSettings:
        """Return the settings of conversion. Raises `BadInput` when there are none."""
        if self.conversion is None:
            raise BadInput(f"recipe {self.name} has no [conversion]; pass MODEL and --calibrate")
        return self.conversion

    def in_words(self) -> str:
        """Return how the float model is made, for the model card. Raises `BadInput` without [conversion]."""
        # These sentences are part of shipped bundles: a changed word changes their bytes.
        conversion = self.converted
        training = self.training
        if training is None:
            return f"Joins {_listed(conversion.join)}, each trained by itself."
        data, evaluated_on = conversion.splits
        labels = f"labels weigh {training.own_label:g}, the votes of FER+ (Barsoum et al., 2016) the rest"
        chosen = f"The epoch was chosen on {evaluated_on}."
        if training.labels == "votes":
            labels = "soft labels are the votes of FER+ (Barsoum et al., 2016) alone"
            chosen = f"The epoch was chosen on {evaluated_on}, by these votes."
        trained = (
            f"Trained on {conversion.data} {data} by the recipe `{self.name}`: {self.architecture}, "
            f"{_epochs_in_words(training.stages)}, loss {training.loss}; {labels}."
        )
        sentences = [trained]
        if training.pretrained:
            sentences.append(f"Begins with {_listed(training.pretrained)}.")
        if training.frozen:
            numbers = _listed([str(number) for number in training.frozen])
            sentences.append(f"The others learn beside network {numbers}, which stays as it is.")
        if training.auxiliary_loss:
            sentences.append(f"What each network says alone has a loss of its own, weight {training.auxiliary_loss:g}.")
        if training.teaching is not None:
            sentences.append(_teaching_in_words(training, training.teaching))
        sentences.append(chosen)
        return " ".join(sentences)

    def with_epochs(self, epochs: int) -> Recipe:
        """Return the recipe with *epochs* in all, shared among its stages as its own are; small shares may be none."""
        counts = _shared(epochs, [stage.epochs for stage in self.trained.stages])
        stages = tuple(
            stage.model_copy(update={"epochs": count}) for stage, count in zip(self.trained.stages, counts, strict=True)
        )
        training = self.trained.model_copy(update={"stages": stages})
        return self.model_copy(update={"training": training})


def _shared(total: int, weights: Sequence[int]) -> list[int]:
    """Return whole numbers that add up to *total*, in proportion to *weights* (largest remainders)."""
    exact = [total * weight / sum(weights) for weight in weights]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda number: counts[number] - exact[number])
    for number in by_remainder[: total - sum(counts)]:
        counts[number] += 1
    return counts


def _epochs_in_words(stages: Sequence[Stage]) -> str:
    """Return ``24 epochs at 48 px, 12 epochs at 64 px``, with stages of one size after each other as one."""
    phrases = []
    for size_px, group in groupby(stages, key=lambda stage: stage.size_px):
        epochs = sum(stage.epochs for stage in group)
        phrases.append(f"{counted(epochs, 'epoch')} at {size_px} px")
    return ", ".join(phrases)


def _teaching_in_words(training: TrainingSettings, teaching: Teaching) -> str:
    """Return who teaches, and with which weights one after the other."""
    teachers = _listed(teaching.teachers) or "a teacher"
    weights: list[float] = []
    for stage in training.stages:
        in_stage = training.during(stage).teaching
        weight = 0.0 if in_stage is None else in_stage.weight
        if weights[-1:] != [weight]:
            weights.append(weight)
    return f"Taught by {teachers}, weight {', then '.join(f'{weight:g}' for weight in weights)}."


def _listed(names: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b and c``; nothing for no names."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def load(name_or_path: str) -> Recipe:
    """Read a recipe by name (``cnn-1``) or path (``mine.toml``). Raises `BadInput` when it is missing or invalid."""
    path = Path(name_or_path)
    # The suffix decides, so that a folder named like a recipe is never in the way.
    if path.suffix != ".toml":
        path = RECIPES / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.toml")))
        raise BadInput(f"no recipe {name_or_path!r}; pass a path that ends in .toml, or one of: {known}")
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as exc:
        fault = first_fault(exc) if isinstance(exc, ValidationError) else exc
        raise BadInput(f"recipe {path} cannot be used: {fault}") from exc
