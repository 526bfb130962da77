"""What the options of ``edge-fer convert`` ask for, as a job; imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput, first_fault
from edge_fer.evaluation.labelled import load_faces
from edge_fer.preprocess import Preprocess
from edge_fer_convert.float_model import open_model
from edge_fer_convert.gate import Gate
from edge_fer_convert.job import Data, Job
from edge_fer_convert.targets import TARGETS
from edge_fer_train import recipe as recipes
from edge_fer_train import zoo

if TYPE_CHECKING:
    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer.progress import ProgressDisplay
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_train.recipe import Recipe


def job_of(progress: ProgressDisplay, folder: str, options: dict[str, Any]) -> Job:
    """Return the job of a recipe, or of a model of the user's; *folder* is the bundle's.

    *options* are those of the command, by name. Raises `BadInput` when they do not fit each other, or a file that they
    name cannot be used.
    """
    if options["recipe_name"] is None:
        return _job_of_model(progress, folder, options)
    return _job_of_recipe(progress, recipes.load(options["recipe_name"]), options)


def _job_of_recipe(progress: ProgressDisplay, recipe: Recipe, options: dict[str, Any]) -> Job:
    told = recipe.converted
    if options["data"] is None:
        raise BadInput(f"recipe {recipe.name} needs --data: a folder with {told.calibrate}")
    source = _weights(recipe, options["model"])
    progress.step(f"opening {recipe.name}")
    model = open_model(source)
    pool, evaluated = (_faces(progress, options["data"] / file) for file in (told.calibrate, told.evaluate))
    return Job(
        model=model,
        name=recipe.name,
        description=recipe.description,
        training=recipe.in_words(),
        licence="Apache-2.0",
        labels=evaluated.names,
        preprocess=recipe.preprocess,
        pool=Data(pool, told.data, told.splits[0]),
        evaluated=Data(evaluated, told.data, told.splits[1]),
        targets=_targets(options) or told.targets,
        gate=Gate(told.max_drop, told.max_f1_drop),
        images=told.images,
        seed=recipe.seed,
        strict=options["strict"],
        find_near_copies=True,
    )


def _weights(recipe: Recipe, model: Path | None) -> Any:
    """Return the file of a recipe's float model, or the model that joins those of its files."""
    told = recipe.converted
    names = told.join or ((told.weights,) if told.weights else ())
    paths = [model] if model else [recipes.WEIGHTS / name for name in names]
    if not paths:
        raise BadInput(f"recipe {recipe.name} names no weights; pass MODEL, what edge-fer train has left")
    absent = next((path for path in paths if not path.exists()), None)
    if absent is not None:
        raise BadInput(f"{absent} is not there (weights lie in a clone, not in what pip installs); pass MODEL")
    return zoo.join(recipe.architecture, paths) if told.join and not model else paths[0]


def _job_of_model(progress: ProgressDisplay, folder: str, options: dict[str, Any]) -> Job:
    if options["calibrate"] is None:
        raise BadInput("quantizing needs faces to calibrate with: pass --calibrate with a folder, .zip, .csv or .npz")
    labels = tuple(label.strip() for label in options["labels"].split(",")) if options["labels"] else FER2013
    progress.step(f"opening {options['model']}")
    model = open_model(options["model"], options["size"], options["custom"])
    f1_drop = options["max_drop"] if options["max_f1_drop"] is None else options["max_f1_drop"]
    name = options["name"] or folder
    return Job(
        model=model,
        name=name,
        description=f"{name}, converted from {options['model'].name}",
        licence=options["licence"],
        labels=labels,
        preprocess=_preprocess(model, options),
        pool=_data(progress, options["calibrate"], None),
        evaluated=_data(progress, options["evaluate"], labels) if options["evaluate"] else None,
        targets=_targets(options) or _reachable(progress, model),
        gate=Gate(options["max_drop"], f1_drop, options["min_agreement"]),
        images=options["images"],
        seed=options["seed"],
        strict=options["strict"],
        allow_overlap=options["allow_overlap"],
    )


def _preprocess(model: FloatModel, options: dict[str, Any]) -> Preprocess:
    low, high = _ends(options, model.planes)
    try:
        return Preprocess(
            size_px=model.size_px,
            channels="gray3" if model.planes == 3 else "gray",
            margin=options["margin"],
            equalize=options["equalize"],
            low=low,
            high=high,
        )
    except ValidationError as exc:
        raise BadInput(f"preprocessing cannot be {first_fault(exc)}") from exc


def _ends(options: dict[str, Any], planes: int) -> tuple[Any, Any]:
    """Return the model values of pixels 0 and 255: numbers, or three of each."""
    mean, std, ends = options["mean"], options["std"], options["value_range"]
    if mean is None and std is None:
        ends = ends or (0.0, 1.0)
        if len(ends) != 2:
            raise BadInput(f"--range has {len(ends)} numbers; pass the values of pixels 0 and 255, e.g. --range -1,1")
        return ends
    if ends is not None or mean is None or std is None or len(mean) != len(std) or len(mean) not in (1, planes):
        raise BadInput(
            f"--mean {mean} and --std {std} do not fit: pass both, without --range, with one number each or one for "
            f"each of the {planes} planes"
        )
    if 0 in std:
        raise BadInput(f"--std {std} has a zero")
    low = tuple(-m / s for m, s in zip(mean, std, strict=True))
    high = tuple((1 - m) / s for m, s in zip(mean, std, strict=True))
    return (low[0], high[0]) if len(low) == 1 else (low, high)


def _targets(options: dict[str, Any]) -> tuple[str, ...]:
    names = options["target_names"]
    return tuple(dict.fromkeys(name.strip() for name in names.split(","))) if names else ()


def _reachable(progress: ProgressDisplay, model: FloatModel) -> tuple[str, ...]:
    problems = {target: model.can_be(target) for target in TARGETS}
    left_out = [target for target, problem in problems.items() if problem]
    if left_out:
        progress.warn(f"without {', '.join(left_out)}: {problems[left_out[0]]}")
    return tuple(target for target, problem in problems.items() if problem is None)


def _data(progress: ProgressDisplay, path: str, names: tuple[str, ...] | None) -> Data:
    whole, _, part = path.partition("#")
    return Data(_faces(progress, path, names), Path(whole).name, part or "all")


def _faces(progress: ProgressDisplay, path: str | Path, names: tuple[str, ...] | None = None) -> LabelledFaces:
    progress.step(f"reading {path}")
    return load_faces(path, names)
