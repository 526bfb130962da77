"""Turns the options of ``edge-fer convert`` into a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import ValidationError

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput, first_fault
from edge_fer.evaluation.class_names import checked
from edge_fer.evaluation.votes import FerPlusVotes, load_votes
from edge_fer_convert import exports
from edge_fer_convert.contract.automatic import Finder
from edge_fer_convert.contract.candidates import black_and_white
from edge_fer_convert.gate import Gate
from edge_fer_convert.job import Data, Job
from edge_fer_convert.model_metadata import ModelMetadata
from edge_fer_convert.opening import open_model
from edge_fer_convert.opening.carried_labels import carried_labels
from edge_fer_convert.opening.choices import Choices
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

PIXELS: Final = (0.0, 255.0)
"""The values of pixels as a camera gives them."""
AUTO: Final = "auto"
"""As the value of an option: find out by labelled faces."""
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
    """Classes in the order of the model's outputs, separated by commas; None for those that the model file carries, or
    else FER2013's; `AUTO` for those of the faces in the order that fits best."""
    size: int | None
    """Side of the face in pixels, where the model leaves it open."""
    value_range: tuple[float, ...] | str | None
    """Model values of pixels 0 and 255; None for 0 and 1, `AUTO` for the usual ones that fit best."""
    mean: tuple[float, ...] | None
    """Subtracted from pixels scaled to 0 to 1: one number, or one for each channel. Excludes *value_range*."""
    std: tuple[float, ...] | None
    """Divisor of that difference, with as many numbers as *mean*."""
    margin: float
    """Share of the face box's side by which the box is widened on each side."""
    equalize: bool
    """Whether the histogram of the face is equalised."""
    standardize: bool
    """Whether each face's mean is subtracted and the rest divided by its deviation. Excludes *value_range*, *mean*."""
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
    force_contract: bool
    """Whether to convert although labelled faces fit other labels, or other values of the input, much better."""
    custom: str | None
    """Python module that registers the model's own layers."""
    trust_lambda: bool
    """Whether the code in a Keras file's Lambda layers may be executed."""
    output: str | None
    """Name of the output that holds the scores, of a model that has several."""
    outputs: tuple[int, int] | None
    """First column of that output that holds a score, and the one after the last; None for all."""
    multi_label: bool
    """Whether the model has a sigmoid for each class."""
    torch_python: Path | None
    """Python of the environment that has edge-fer's extra ``torch``; None for this one."""
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
        force_contract=options.force_contract,
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
    if options.labels not in (None, AUTO):
        checked(options.labels.split(","), "--labels")  # before the model is opened, which takes longer
    votes = None if options.votes is None else load_votes(options.votes)
    progress.step(f"opening {path}")
    choices = Choices(
        size_px=options.size,
        output=options.output,
        columns=options.outputs,
        custom=options.custom,
        trust_lambda=options.trust_lambda,
        torch_python=options.torch_python,
    )
    model = open_model(path, choices)
    for note in model.notes:
        progress.warn(note)
    preprocess = _preprocess(options, model, progress)
    labels = _labels(options, path, model, progress)
    # Calibration needs no labels, so the classes of the pool may have any names.
    pool = _read_faces(options.calibrate, progress)
    evaluated = _read_faces(options.evaluate, progress, labels) if options.evaluate else None
    asked = evaluated or pool
    finder = Finder(model, asked.faces, asked.name, progress)
    if options.value_range == AUTO:
        preprocess = finder.values(preprocess, labels or asked.labels)
    if labels is None:
        labels = finder.labels(preprocess)
        evaluated = evaluated and evaluated.under(labels)
    name = options.name or bundle_name
    metadata = ModelMetadata(
        name=name,
        labels=labels,
        preprocess=preprocess,
        description=f"{name}, converted from {path.name}",
        licence=options.licence,
    )
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
        force_contract=options.force_contract,
        multi_label=options.multi_label,
    )


def _labels(options: Options, path: Path, model: FloatModel, progress: ProgressListener) -> tuple[str, ...] | None:
    """Return the labels of the model's outputs; None where they are to be found out by labelled faces."""
    if options.labels == AUTO:
        return None
    if options.labels is not None:
        return checked(options.labels.split(","), "--labels")
    carried = carried_labels(path)
    if carried is None:
        return FER2013
    if len(carried) != model.classes:
        progress.warn(f"{path} names {len(carried)} classes and has {model.classes} outputs; its names are not used")
        return FER2013
    labels = checked(carried, f"{path}: its own list of classes")
    progress.tell(f"labels, as {path.name} names them: {', '.join(labels)}")
    return labels


def _preprocess(options: Options, model: FloatModel, progress: ProgressListener) -> Preprocess:
    settings: dict[str, Any] = {"margin": options.margin, "equalize": options.equalize}
    if options.standardize:
        if options.value_range or options.mean or options.std:
            raise BadInput("--standardize makes the values of each face by itself; leave --range, --mean and --std out")
        settings["standardize"] = True
    else:
        settings["low"], settings["high"] = _black_and_white(options, model, progress)
    _check_whole_numbers(settings, model)
    try:
        return model.preprocess(**settings)
    except ValidationError as exc:
        raise BadInput(f"preprocessing cannot be {first_fault(exc)}") from exc


def _black_and_white(options: Options, model: FloatModel, progress: ProgressListener) -> tuple[Value, Value]:
    """Return the model's values of pixels 0 and 255."""
    if options.mean is not None or options.std is not None:
        return _normalized(options, model.planes)
    if options.value_range is None and model.takes_pixels:
        progress.tell(f"--range 0,255, because {model.takes_pixels}")
        return PIXELS
    ends = options.value_range if isinstance(options.value_range, tuple) else (0.0, 1.0)
    if len(ends) != 2:
        raise BadInput(
            f"--range {_shown(ends)} is not two numbers; pass the values of pixels 0 and 255, e.g. --range -1,1"
        )
    if model.takes_pixels and isinstance(options.value_range, tuple) and ends != PIXELS:
        progress.warn(f"--range {ends[0]:g},{ends[1]:g} is taken as you say, although {model.takes_pixels}")
    return ends[0], ends[1]


def _check_whole_numbers(settings: dict[str, Any], model: FloatModel) -> None:
    if np.dtype(model.input_dtype).kind not in "iu":
        return
    if settings.get("standardize") or (settings["low"], settings["high"]) != PIXELS:
        raise BadInput(f"the model takes {model.input_dtype}, whole numbers, which pixels from 0 to 255 are; leave out "
                       "what makes other values of them (--range, --mean, --std, --standardize)")  # fmt: skip


def _shown(numbers: tuple[float, ...]) -> str:
    """Return *numbers* as an option takes them, or what stands for an option that was not passed."""
    return ",".join(f"{number:g}" for number in numbers) or "(not passed)"


def _normalized(options: Options, channels: int) -> tuple[Value, Value]:
    """Return what ``--mean`` and ``--std`` make of pixels 0 and 255, which are 0 and 1 before."""
    mean = options.mean or ()
    std = options.std or ()
    sizes_fit = len(mean) == len(std) and len(mean) in (1, channels)
    if options.value_range is not None or not sizes_fit:
        raise BadInput(
            f"--mean {_shown(mean)} and --std {_shown(std)} do not fit: pass both, without --range, with one number "
            f"each{'' if channels == 1 else f' or one for each of the {channels} channels'}"
        )
    if 0 in std:
        raise BadInput(f"--std {_shown(std)} has a zero; no channel can be divided by it")
    return black_and_white(mean, std)


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
