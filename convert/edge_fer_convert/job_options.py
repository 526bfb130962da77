"""Turns the options of ``edge-fer convert`` into a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput, first_fault
from edge_fer.evaluation.class_names import checked
from edge_fer.evaluation.votes import FerPlusVotes, load_votes
from edge_fer_convert import exports
from edge_fer_convert.gate import Gate
from edge_fer_convert.job import Data, Job
from edge_fer_convert.model_metadata import ModelMetadata
from edge_fer_convert.opening import open_model
from edge_fer_convert.targets import TARGETS
from edge_fer_train import zoo
from edge_fer_train.recipe import WEIGHTS
from edge_fer_train.recipe import load as load_recipe

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from edge_fer.preprocess import Preprocess
    from edge_fer.progress import ProgressListener
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_train.recipe import ConversionSettings, Recipe

Value = float | tuple[float, float, float]
"""The model's value of a pixel: one number, or one for each channel."""


@dataclass(frozen=True)
class Options:
    """The options of the command, under the names of its parameters; see its help."""

    model: Path | None
    """File or folder of the float model; may be None with a recipe."""
    recipe_name: str | None
    """Name of a shipped recipe, or path of a recipe file."""
    data: Path | None
    """Folder with the data sets of the recipe."""
    calibrate: str | None
    """Source of the faces that the calibration images are drawn from, as `Data.load` reads it."""
    evaluate: str | None
    """Source of the labelled faces that accuracy is measured on; None to check only agreement with float32."""
    votes: Path | None
    """Csv of FER+ votes on the faces of *evaluate*."""
    out: Path | None
    """Folder of the bundle; None for one named after the model or recipe."""
    target_names: str | None
    """Deployment targets, separated by commas; None for all that the model can become."""
    labels: str | None
    """Classes in the order of the model's outputs, separated by commas; None for FER2013's."""
    size: int | None
    """Side of the face in pixels, where the model leaves it open."""
    value_range: tuple[float, ...] | None
    """Model values of pixels 0 and 255; None for 0 and 1."""
    mean: tuple[float, ...] | None
    """Subtracted from pixels scaled to 0 to 1: one number, or one for each channel. Excludes *value_range*."""
    std: tuple[float, ...] | None
    """Divisor of that difference, with as many numbers as *mean*."""
    margin: float
    """Share of the face box's side by which the box is widened on each side."""
    equalize: bool
    """Whether the histogram of the face is equalised."""
    name: str | None
    """Name of the bundle; None for that of its folder."""
    licence: str
    """Licence of the model, as the bundle names it."""
    images: int
    """Number of calibration images."""
    seed: int
    """Seed of the choice of the calibration images."""
    max_drop: float
    """Percentage points of accuracy that a target may lose."""
    max_f1_drop: float | None
    """Percentage points of macro-F1 that a target may lose; None for those of *max_drop*."""
    min_agreement: float | None
    """Share of images that must get the same label as in float32, from 0 to 1; None for the default of the gate."""
    strict: bool
    """Whether a target that fails the gate ends the conversion."""
    allow_slower: bool
    """Whether a fallback is taken although it is slower than float32."""
    allow_overlap: bool
    """Whether calibration images may also be evaluation images."""
    force_labels: bool
    """Whether to convert although labelled faces fit other labels, or another range, much better."""
    custom: str | None
    """Python module that registers the model's own layers."""
    report: Path | None
    """HTML report to write; None for one beside the bundle."""
    as_json: bool
    """Whether the command prints all figures as JSON instead of the table."""
    force: bool
    """Whether a bundle and a report that exist are replaced."""


def make_job(options: Options, bundle_name: str, progress: ProgressListener) -> Job:
    """Return the job of a recipe, or of a model of the user's own; *bundle_name* is its name where none is given.

    Raises `BadInput` when *options* do not fit each other, or when a file that they name cannot be used.
    """
    if options.recipe_name is not None:
        return _job_of_recipe(options, load_recipe(options.recipe_name), progress)
    if options.model is None:
        raise BadInput("nothing to convert; pass a MODEL, or --recipe")
    return _job_of_model(options, options.model, bundle_name, progress)


def _job_of_recipe(options: Options, recipe: Recipe, progress: ProgressListener) -> Job:
    settings = recipe.converted
    if options.data is None:
        raise BadInput(
            f"recipe {recipe.name} needs --data: a folder with {settings.calibrate} and {settings.evaluate}"
            f"{_with_votes(settings)}"
        )
    source = _float_model_of(recipe, options.model)
    votes_csv = options.votes
    if votes_csv is None and settings.votes is not None:
        votes_csv = options.data / settings.votes
        if not votes_csv.exists():
            raise BadInput(f"{votes_csv} does not exist; put the csv of FER+ there, or pass it with --votes")
    # Before the faces are read, which takes longer.
    votes = None if votes_csv is None else load_votes(votes_csv)
    progress.step(f"opening {recipe.name}")
    model = open_model(source)
    pool = _read_faces(options.data / settings.calibrate, progress)
    evaluated = _read_faces(options.data / settings.evaluate, progress)
    # The shipped models and their weights are edge-fer's own, under its licence.
    metadata = ModelMetadata(
        name=recipe.name,
        labels=evaluated.labels,
        preprocess=recipe.preprocess,
        description=recipe.description,
        licence="Apache-2.0",
    )
    return Job(
        model=model,
        metadata=metadata,
        pool=Data(pool.faces, settings.data, settings.splits[0]),
        evaluated=Data(evaluated.faces, settings.data, settings.splits[1]),
        votes=None if votes is None else FerPlusVotes.of(evaluated.faces, votes),
        targets=_target_names(options) or settings.targets,
        exports=_exports(options, model),
        gate=Gate(settings.max_drop, settings.max_f1_drop),
        images=settings.images,
        seed=recipe.seed,
        training=recipe.in_words(),
        strict=options.strict,
        allow_slower=options.allow_slower,
        force_labels=options.force_labels,
        find_near_copies=True,
    )


def _with_votes(settings: ConversionSettings) -> str:
    return f", and {settings.votes} or --votes" if settings.votes else ""


def _float_model_of(recipe: Recipe, model: Path | None) -> Path | keras.Model:
    """Return the float model of *recipe*: *model* where given, its file, or a Keras model that joins its files."""
    if model is not None:
        return _existing(model)
    settings = recipe.converted
    if settings.join:
        branches = [_existing(WEIGHTS / name) for name in settings.join]
        return zoo.join(recipe.architecture, branches)
    if settings.weights is None:
        raise BadInput(f"recipe {recipe.name} names no weights; pass as MODEL what edge-fer train has written")
    return _existing(WEIGHTS / settings.weights)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise BadInput(f"{path} does not exist (a clone has the weights, an installed package has not); pass MODEL")
    return path


def _job_of_model(options: Options, path: Path, bundle_name: str, progress: ProgressListener) -> Job:
    if options.calibrate is None:
        raise BadInput("quantizing needs faces to calibrate with: pass --calibrate with a folder, .zip, .csv or .npz")
    if options.votes is not None and not options.evaluate:
        raise BadInput(f"the votes of {options.votes} are about the faces of --evaluate; pass those, too")
    labels = _labels(options)
    votes = None if options.votes is None else load_votes(options.votes)
    progress.step(f"opening {path}")
    model = open_model(path, options.size, options.custom)
    name = options.name or bundle_name
    metadata = ModelMetadata(
        name=name,
        labels=labels,
        preprocess=_preprocess(options, model),
        description=f"{name}, converted from {path.name}",
        licence=options.licence,
    )
    # Calibration needs no labels, so the classes of the pool may have any names.
    pool = _read_faces(options.calibrate, progress)
    evaluated = None
    if options.evaluate:
        evaluated = _read_faces(options.evaluate, progress, labels)
    max_f1_drop = options.max_drop if options.max_f1_drop is None else options.max_f1_drop
    return Job(
        model=model,
        metadata=metadata,
        pool=pool,
        evaluated=evaluated,
        votes=None if votes is None or evaluated is None else FerPlusVotes.of(evaluated.faces, votes),
        targets=_target_names(options) or _possible_targets(model, progress),
        exports=_exports(options, model),
        gate=Gate(options.max_drop, max_f1_drop, options.min_agreement),
        images=options.images,
        seed=options.seed,
        strict=options.strict,
        allow_slower=options.allow_slower,
        allow_overlap=options.allow_overlap,
        force_labels=options.force_labels,
    )


def _labels(options: Options) -> tuple[str, ...]:
    if options.labels is None:
        return FER2013
    return checked(options.labels.split(","), "--labels")


def _preprocess(options: Options, model: FloatModel) -> Preprocess:
    low, high = _black_and_white(options, model.planes)
    try:
        return model.preprocess(margin=options.margin, equalize=options.equalize, low=low, high=high)
    except ValidationError as exc:
        raise BadInput(f"preprocessing cannot be {first_fault(exc)}") from exc


def _black_and_white(options: Options, channels: int) -> tuple[Value, Value]:
    """Return the model's values of pixels 0 and 255."""
    if options.mean is None and options.std is None:
        ends = options.value_range or (0.0, 1.0)
        if len(ends) != 2:
            raise BadInput(f"--range has {len(ends)} numbers; pass the values of pixels 0 and 255, e.g. --range -1,1")
        return ends[0], ends[1]
    return _normalized(options, channels)


def _normalized(options: Options, channels: int) -> tuple[Value, Value]:
    """Return what ``--mean`` and ``--std`` make of pixels 0 and 255, which are 0 and 1 before."""
    mean = options.mean or ()
    std = options.std or ()
    sizes_fit = len(mean) == len(std) and len(mean) in (1, channels)
    if options.value_range is not None or not sizes_fit:
        raise BadInput(
            f"--mean {options.mean} and --std {options.std} do not fit: pass both, without --range, with one number "
            f"each or one for each of the {channels} channels"
        )
    if 0 in std:
        raise BadInput(f"--std {std} has a zero; no channel can be divided by it")
    black = [-m / s for m, s in zip(mean, std, strict=True)]
    white = [(1 - m) / s for m, s in zip(mean, std, strict=True)]
    if len(black) == 1:
        return black[0], white[0]
    return (black[0], black[1], black[2]), (white[0], white[1], white[2])


def _target_names(options: Options) -> tuple[str, ...]:
    """Return the targets that were asked for, each once; none where nobody asked."""
    # Their order stays: the bundle recommends the first.
    names = _names(options)
    targets = [name for name in names if name not in exports.EXPORTS]
    # The compiler takes this one.
    if targets and "edgetpu" in names:
        targets.append(exports.EDGETPU_TARGET)
    return tuple(dict.fromkeys(targets))


def _exports(options: Options, model: FloatModel) -> tuple[str, ...]:
    """Return the exports that were asked for. Raises `EdgeFerError` for one that cannot be made."""
    names = tuple(dict.fromkeys(name for name in _names(options) if name in exports.EXPORTS))
    exports.refuse_impossible(names, model)
    return names


def _names(options: Options) -> list[str]:
    return [name.strip() for name in (options.target_names or "").split(",") if name.strip()]


def _possible_targets(model: FloatModel, progress: ProgressListener) -> tuple[str, ...]:
    """Return every target that *model* can become, and warn about the others."""
    possible = []
    impossible = []
    reason = ""
    for target in TARGETS:
        problem = model.can_be(target)
        if problem is None:
            possible.append(target)
        else:
            impossible.append(target)
            reason = reason or problem
    if impossible:
        progress.warn(f"without {', '.join(impossible)}: {reason}")
    return tuple(possible)


def _read_faces(source: str | Path, progress: ProgressListener, labels: tuple[str, ...] | None = None) -> Data:
    progress.step(f"reading {source}")
    return Data.load(source, labels)
