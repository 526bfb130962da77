"""Recipes: how a shipped model is trained and quantized, as frozen, typed values read from TOML."""

from __future__ import annotations

import tomllib
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from edge_fer.errors import BadInput, first_fault
from edge_fer.frozen import Frozen
from edge_fer.preprocess import Preprocess
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Sequence

RECIPES = Path(__file__).parent / "recipes"
WEIGHTS = Path(__file__).parents[1] / "weights"
"""Where the float models lie, in a clone; neither the wheel nor the source distribution has them."""


class Stage(Frozen):
    """Epochs at one input size, under one cosine of the learning rate."""

    size_px: Annotated[int, Field(ge=32)]
    epochs: Annotated[int, Field(ge=0)]
    learning_rate: Annotated[float, Field(gt=0)]
    final_learning_rate: Annotated[float, Field(ge=0)]
    augment: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Strength of the augmentation, from none to full."""
    # Instead of the training's:
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    degrade: Annotated[float, Field(ge=0, le=1)] | None = None
    mixed: Annotated[float, Field(ge=0, le=1)] | None = None
    ema_overwrite: bool | None = None
    teaching_weight: Annotated[float, Field(ge=0, le=1)] | None = None
    """0: no teacher."""


LossName = Literal["categorical-crossentropy", "binary-crossentropy", "mean-squared-error", "hinge"]


class Teaching(Frozen):
    """How much a model listens to its teachers; see `edge_fer_train.losses.Distillation`."""

    teachers: tuple[str, ...] = ()
    """Files of ``convert/weights``, or shipped bundles by name; ``--teacher`` names others."""
    weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    temperature: Annotated[float, Field(ge=1)] = 2.0

    @property
    def paths(self) -> list[Path]:
        """Return where the teachers are: the float models' files, and the bundles' names as they stand."""
        return [WEIGHTS / name if Path(name).suffix in checkpoints.SUFFIXES else Path(name) for name in self.teachers]


class TrainingSettings(Frozen):
    """How a model is trained."""

    batch_size: Annotated[int, Field(ge=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    ema_momentum: Annotated[float, Field(ge=0, lt=1)]
    """Momentum of the averaged weights, which are the ones that are judged and kept; a step."""
    ema_overwrite: bool = False
    """An epoch begins with the averaged weights of the one before, instead of with its last step's (what Keras calls an
    ``ema_overwrite_frequency``, of an epoch): slower."""
    own_label: Annotated[float, Field(ge=0, le=1)]
    """Weight of a face's own label against what its FER+ votes say of it."""
    loss: LossName = "categorical-crossentropy"
    auxiliary_loss: Annotated[float, Field(ge=0)] = 0.0
    """Of a model that joins scores: weight of the same loss on what each network says alone; that on what they say
    together counts 1. Without it training may come to rest on one of them. (Auxiliary classifiers: Szegedy et al., CVPR
    2015, section 5.)"""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Of faces that nobody voted on."""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.0
    """0: every face counts the same; 1: every class does."""
    augmentation: Literal["online", "umer"] = "online"
    """A random warp, light, a patch taken out; or one of the eighteen of Umer et al., CMES 2022, Algorithm 1."""
    degrade: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the faces that the online augmentation takes detail from: fewer pixels, blur, or noise. As the rest of
    it, times the strength of a stage."""
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Parameter of its Beta distribution; 0 is off."""
    cutmix: Annotated[float, Field(ge=0)] = 0.0
    """Likewise. With both on, each batch takes one of them."""
    mixed: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the batches that are mixed."""
    trainable: Annotated[int, Field(ge=0)] | None = None
    """How many of the backbone's last layers are trained beside the head; all when not given. Smelyakov et al., COLINS
    2022, section 4, train 4."""
    frozen: tuple[int, ...] = ()
    """Of a model that joins scores, the networks that stay as they began, counted from 1: the others learn what these
    get wrong."""
    teaching: Teaching | None = None
    pretrained: tuple[str, ...] = ()
    """Files of ``convert/weights`` to begin with; ``--pretrained`` names others."""
    stages: tuple[Stage, ...]

    @model_validator(mode="after")
    def _has_the_teachers_that_stages_weigh(self) -> TrainingSettings:
        if self.teaching is None and any(stage.teaching_weight is not None for stage in self.stages):
            raise ValueError("a stage has a teaching_weight, and there is no [training.teaching]")
        return self

    def during(self, stage: Stage) -> TrainingSettings:
        """Return the same with what *stage* has instead."""
        own = stage.model_dump(include=set(TrainingSettings.model_fields), exclude_none=True)
        if self.teaching is not None and stage.teaching_weight is not None:
            weighed = self.teaching.model_copy(update={"weight": stage.teaching_weight})
            own["teaching"] = weighed if stage.teaching_weight else None
        return self.model_copy(update=own)


class ConversionSettings(Frozen):
    """How a model is converted, and what it may lose."""

    weights: str | None = None
    """File of ``convert/weights``: the float model."""
    join: tuple[str, ...] = ()
    """Instead of `weights`, for models that join the scores of others: the files that are joined."""
    calibrate: str
    """What calibration images are drawn from, relative to ``--data``."""
    evaluate: str
    """What the targets are judged on, relative to ``--data``."""
    data: str
    """Name of the data, for the manifest."""
    splits: tuple[str, str]
    """Names of the two splits, for the manifest."""
    images: Annotated[int, Field(ge=1)] = 500
    targets: tuple[str, ...]
    """The first is the one that the bundle recommends."""
    max_drop: Annotated[float, Field(ge=0)] = 0.5
    max_f1_drop: Annotated[float, Field(ge=0)] = 0.5


class Recipe(Frozen):
    """One file of ``edge_fer_train/recipes``."""

    name: str
    description: str
    seed: int
    """Of everything that is drawn at random."""
    architecture: str
    """A name of `edge_fer_train.zoo.ARCHITECTURES`."""
    options: dict[str, Any] = Field({})
    """What the architecture is built with beyond size and dropout, for instance a width."""
    preprocess: Preprocess
    training: TrainingSettings | None = None
    """None for models that join others."""
    conversion: ConversionSettings | None = None

    @property
    def trained(self) -> TrainingSettings:
        """Return how it is trained. Raises `BadInput` when it is not."""
        if self.training is None:
            raise BadInput(
                f"recipe {self.name} joins models that are trained by themselves; train those, then convert it"
            )
        return self.training

    @property
    def converted(self) -> ConversionSettings:
        """Return how it is converted. Raises `BadInput` when it is not."""
        if self.conversion is None:
            raise BadInput(f"recipe {self.name} has no [conversion]; pass MODEL and --calibrate")
        return self.conversion

    def in_words(self) -> str:
        """Return how the float model that it converts is made, for the model card."""
        told, training = self.converted, self.training
        if training is None:
            return f"Joins {_listed(told.join)}, each trained by itself."
        by_size = groupby(training.stages, key=lambda stage: stage.size_px)
        sizes = ", ".join(f"{sum(stage.epochs for stage in stages)} epochs at {size} px" for size, stages in by_size)
        labels = f"labels weigh {training.own_label:g}, the votes of FER+ (Barsoum et al., 2016) the rest"
        begun = f" Begins with {_listed(training.pretrained)}." if training.pretrained else ""
        if training.frozen:
            kept = _listed([str(number) for number in training.frozen])
            begun += f" The others learn beside network {kept}, which stays as it is."
        if training.auxiliary_loss:
            begun += f" What each network says alone has a loss of its own, weight {training.auxiliary_loss:g}."
        taught, teaching = "", training.teaching
        if teaching is not None:
            by = _listed(teaching.teachers) or "a teacher"
            by_stage = (training.during(stage).teaching for stage in training.stages)
            weights = [weight for weight, _ in groupby(own.weight if own else 0.0 for own in by_stage)]
            taught = f" Taught by {by}, weight {', then '.join(f'{weight:g}' for weight in weights)}."
        return (
            f"Trained on {told.data} {told.splits[0]} by the recipe `{self.name}`: {self.architecture}, {sizes}, loss "
            f"{training.loss}; {labels}.{begun}{taught} The epoch was chosen on {told.splits[1]}."
        )

    def with_epochs(self, epochs: int) -> Recipe:
        """Return the recipe with *epochs* in each of its stages."""
        stages = tuple(stage.model_copy(update={"epochs": epochs}) for stage in self.trained.stages)
        return self.model_copy(update={"training": self.trained.model_copy(update={"stages": stages})})


def _listed(names: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b and c``."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def load(name_or_path: str) -> Recipe:
    """Read a recipe by name (``cnn-1``) or path (``mine.toml``). Raises `BadInput` with what is wrong in it."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise BadInput(f"no recipe {name_or_path!r}; pass a path that ends in .toml, or one of: {known}")
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as exc:
        fault = first_fault(exc) if isinstance(exc, ValidationError) else exc
        raise BadInput(f"recipe {path} cannot be used: {fault}") from exc
