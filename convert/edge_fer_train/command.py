"""The command ``edge-fer train``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import os
import shlex
import sys
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from edge_fer import telemetry
from edge_fer.dependencies import require
from edge_fer.errors import BadInput, MissingDependency
from edge_fer.options import SEED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.votes import FerPlusVotes
    from edge_fer.progress import ProgressListener
    from edge_fer_train.datasets import Dataset
    from edge_fer_train.datasets.splits import Split
    from edge_fer_train.recipe import Recipe, TrainingSettings
    from edge_fer_train.run import TrainingRun
    from edge_fer_train.teacher import Teacher

VOTES_CSV = "ferplus.csv"
MAX_FOLDS: Final = 1000
MAX_EPOCHS: Final = 100_000
MAX_WORKERS: Final = 256
"""A larger number of folds, epochs or processes is a mistake."""
FORMATS: Final = ("fer2013", "ck+", "kdef", "sfew", "folders")
SPLITS: Final = ("official", "70-10-20", "50-50")
"""Those of `datasets`. Repeated here, since importing it imports NumPy, which would slow down the help."""
NEEDED: Final = {"keras": "keras", "sklearn": "scikit-learn", "matplotlib": "matplotlib"}


@click.command(
    epilog="""\b
Examples:
  edge-fer train --data fer2013/ --out runs/cnn-1
  KERAS_BACKEND=torch edge-fer train --recipe cnn-2 --data fer2013.csv --out runs/cnn-2
  edge-fer train --data fer2013/ --out runs/try --epochs 1 --limit 2000
  edge-fer train --data CK+48/ --folds 10 --out runs/ck
  edge-fer train --recipe resnet50 --pretrained resnet50_notop.h5 --data KDEF/ --split 70-10-20 --out runs/kdef"""
)
@click.option(
    "--recipe", "recipe_name", default="cnn-1", show_default=True, help="Name of a recipe, or a .toml file of your own."
)
@click.option(
    "--data", required=True, type=click.Path(exists=True, path_type=Path),
    help="FER2013 (folders, zips or csv), CK+, KDEF, SFEW, or class folders of your own.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["auto", *FORMATS]), default="auto", show_default=True,
    help="What --data holds.",
)  # fmt: skip
@click.option(
    "--split", "split_name", type=click.Choice(SPLITS), default="official", show_default=True,
    help="Which faces are trained on, validated on and tested on; the shares are stratified.",
)  # fmt: skip
@click.option("--folds", type=click.IntRange(2, MAX_FOLDS), help="Cross-validate: a run per fold, no person in two.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path),
    help="Folder of the run. To resume an interrupted run, repeat the command; any other run is refused.",
)  # fmt: skip
@click.option(
    "--votes", type=click.Path(path_type=Path), help=f"Votes of FER+. [default: {VOTES_CSV} in DATA, if it exists]"
)
@click.option(
    "--teacher", "teachers", multiple=True, type=click.Path(path_type=Path),
    help="A .keras file or a bundle to learn from, instead of the recipe's teachers. Repeatable.",
)  # fmt: skip
@click.option("--no-teacher", "untaught", is_flag=True, help="Learn from the labels alone.")
@click.option(
    "--pretrained", multiple=True, type=click.Path(path_type=Path),
    help="A .keras, .npz or .h5 file of weights to begin with, for the backbone or one of its branches. Repeatable.",
)  # fmt: skip
@click.option("--classes", help="Use these classes only, in this order, separated by commas.")
@click.option("--force", is_flag=True, help="Start over: remove the run that is in OUT.")
@click.option(
    "--epochs", type=click.IntRange(1, MAX_EPOCHS), help="Epochs in all, shared among the recipe's stages as its own."
)
@click.option("--limit", type=click.IntRange(1), help="Train on at most this many images.")
@click.option(
    "--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True,
    help="Number format of training steps. bfloat16 is fast on GPUs, and on CPUs with AVX512-BF16 or AMX.",
)  # fmt: skip
@click.option(
    "--workers", default=0, show_default=True, type=click.IntRange(0, MAX_WORKERS),
    help="Processes that augment faces while a step is computed. With a GPU, take one per core.",
)  # fmt: skip
@click.option(
    "--seed", default=42, show_default=True, type=SEED, help="Seed of the splits and folds that are not official."
)
@click.pass_context
def train(ctx: click.Context, /, **options: Any) -> None:
    """Train a model, and validate it after each epoch.

    Runs on any Keras 3 backend: set KERAS_BACKEND to tensorflow, torch or jax. On a CPU, torch is the fastest.
    OUT/best.keras is the model for edge-fer convert; beside it are the report as JSON, the curves and the confusion
    matrix.
    """
    if options["untaught"] and options["teachers"]:
        raise click.UsageError("pass --teacher or --no-teacher, not both")
    if options["folds"] and ctx.get_parameter_source("split_name") is not ParameterSource.DEFAULT:
        raise click.UsageError("pass --split or --folds, not both")
    require(NEEDED, "convert", "edge-fer train")
    _require_keras_backend()
    telemetry.keep_home_clean()
    from edge_fer.progress import ProgressDisplay

    with ProgressDisplay() as progress:
        try:
            _train(options, progress)
        except KeyboardInterrupt:
            progress.tell(_resuming(options["out"], sys.argv[1:]))
            raise


def _resuming(folder: Path, arguments: Sequence[str]) -> str:
    """Return how a run in *folder* that was stopped is resumed; *arguments* are those of the command."""
    done = sorted([*folder.glob("history.json"), *folder.glob("fold-*/history.json")])
    if not done:
        return "no epoch is complete, so nothing is kept; the same command starts again"
    # With it, the run would start over.
    same = [argument for argument in arguments if argument != "--force"]
    return f"{folder} keeps every complete epoch; to go on after it, repeat: {shlex.join(['edge-fer', *same])}"


def _require_keras_backend() -> None:
    """Raise `MissingDependency` when the backend that the user chose for Keras is not installed."""
    backend = os.environ.get("KERAS_BACKEND")
    # PyTorch and JAX are part of no extra, since their users know best which build fits their machine.
    if backend in {"torch", "jax"} and util.find_spec(backend) is None:
        raise MissingDependency(f"KERAS_BACKEND is {backend}, which is not installed: pip install {backend}")


def _train(options: dict[str, Any], progress: ProgressListener) -> None:
    from edge_fer_train.datasets import splits
    from edge_fer_train.folds import FOLD, cross_validate

    # Wrong options are refused before the data is read, which may take minutes.
    recipe = _recipe(options)
    names = _class_names(options["classes"])
    _refuse_missing_files(options)
    tied = _tied(recipe, options)
    _refuse_other_run(recipe, options, tied)
    dataset = _dataset(options, names, progress)
    if not options["folds"]:
        split = splits.split(dataset, options["split_name"], options["seed"])
        _run(recipe, dataset, split, options["out"], tied, options, progress).execute()
        return
    cut = splits.folds(dataset, options["folds"], options["seed"])
    runs = []
    for number, split in enumerate(cut, start=1):
        folder = options["out"] / f"fold-{number}"
        runs.append(_run(recipe, dataset, split, folder, {**tied, FOLD: number}, options, progress))
    cross_validate(runs, cut, dataset, options["out"], progress)


def _recipe(options: dict[str, Any]) -> Recipe:
    from edge_fer_train import recipe as recipes

    recipe = recipes.load(options["recipe_name"])
    return recipe if options["epochs"] is None else recipe.with_epochs(options["epochs"])


def _class_names(classes: str | None) -> tuple[str, ...] | None:
    """Return the names in *classes*, separated by commas; None for no choice. Raises `BadInput` for unusable ones."""
    from edge_fer.evaluation.class_names import checked

    if classes is None:
        return None
    names = checked(classes.split(","), "--classes")
    if len(names) == 1:
        raise BadInput(f"--classes {classes!r} is one class, so there is nothing to learn; pass two or more")
    return names


def _refuse_missing_files(options: dict[str, Any]) -> None:
    """Raise `BadInput` for a file of the user's that is none."""
    if options["votes"] is not None and not options["votes"].is_file():
        raise BadInput(f"{options['votes']} does not exist; pass the csv file of FER+, or leave out --votes")
    for path in options["pretrained"]:
        if not path.is_file():
            raise BadInput(f"the pretrained weights {path} do not exist; pass a .keras, .npz or .h5 file")


def _tied(recipe: Recipe, options: dict[str, Any]) -> dict[str, str | int | None]:
    """Return the options that a run's folder is tied to besides recipe, precision and faces."""
    from edge_fer_train import identity

    is_official = not options["folds"] and options["split_name"] == "official"
    teaching = recipe.trained.teaching
    teachers = list(options["teachers"])
    if teaching is not None and not teachers and not options["untaught"]:
        teachers = teaching.paths
    votes = _votes_csv(options)
    return {
        "split": f"{options['folds']} folds" if options["folds"] else options["split_name"],
        "seed of the split": None if is_official else options["seed"],
        "limit": options["limit"],
        "classes": options["classes"],
        "votes": identity.of_files([votes] if votes.is_file() else []),
        "teachers": identity.of_files(teachers),
        "pretrained weights": identity.of_files(options["pretrained"]),
    }


def _refuse_other_run(recipe: Recipe, options: dict[str, Any], tied: dict[str, str | int | None]) -> None:
    """Raise `BadInput` where OUT is another run's or another process's; `SinkError` where it cannot be written."""
    from edge_fer_train import identity
    from edge_fer_train.run_folder import RunFolder

    files = RunFolder(options["out"])
    with files.locked():
        if files.is_begun() and not options["force"]:
            settings = {**identity.of_recipe(recipe), "precision": options["precision"], **tied}
            files.refuse_other(identity.Identity(settings))


def _votes_csv(options: dict[str, Any]) -> Path:
    path: Path = options["votes"] or options["data"] / VOTES_CSV
    return path


def _dataset(options: dict[str, Any], names: tuple[str, ...] | None, progress: ProgressListener) -> Dataset:
    from edge_fer.evaluation.class_names import unknown_hint
    from edge_fer_train import datasets

    progress.step(f"reading {options['data']}")
    dataset = datasets.load(options["data"], options["form"])
    numbers = [name for name in dataset.faces.names if name.isdecimal()]
    if numbers:
        progress.warn(
            f"the classes {', '.join(numbers)} are numbers, and so will be the model's labels: {unknown_hint(numbers)}"
        )
    return dataset if names is None else dataset.only(names)


def _run(
    recipe: Recipe,
    dataset: Dataset,
    split: Split,
    folder: Path,
    tied: dict[str, str | int | None],
    options: dict[str, Any],
    progress: ProgressListener,
) -> TrainingRun:
    from edge_fer_train.recipe import WEIGHTS
    from edge_fer_train.run import TrainingRun

    faces = dataset.faces.take(split.train)
    if options["limit"]:
        faces = faces.sample(options["limit"], recipe.seed)
    validation = dataset.faces.take(split.validation)
    validation_votes = None
    if recipe.trained.labels == "votes":
        faces, soft_labels, validation_votes = _by_votes(faces, validation, options, progress)
    else:
        soft_labels = _soft_labels(recipe.trained, faces, options)
    return TrainingRun(
        recipe,
        folder,
        faces,
        soft_labels,
        validation,
        progress,
        _teacher(recipe, faces.names, options, progress),
        options["pretrained"] or [WEIGHTS / name for name in recipe.trained.pretrained],
        options["precision"],
        options["workers"],
        validation_votes,
        tied,
        options["force"],
    )


def _teacher(
    recipe: Recipe, names: tuple[str, ...], options: dict[str, Any], progress: ProgressListener
) -> Teacher | None:
    """Return the teacher of *recipe*, or the one that the user names; None when there is none.

    There is none, too, when the recipe's own teacher does not know the classes *names*.
    """
    from edge_fer_train.teacher import ClassMismatch, Teacher

    teaching = recipe.trained.teaching
    named = list(options["teachers"])
    if options["untaught"]:
        return None
    if teaching is None:
        if named:
            raise BadInput(f"recipe {recipe.name} has no [training.teaching], which says how much a teacher counts")
        return None
    paths = named or teaching.paths
    if not paths:
        raise BadInput(f"recipe {recipe.name} needs a teacher and names none; pass --teacher or --no-teacher")
    try:
        # Open until the command ends: the teachers of all folds are made before the first fold is trained.
        return click.get_current_context().with_resource(Teacher(paths, recipe.preprocess, names))
    except ClassMismatch as exc:
        # The recipe's own teacher is a help, but the one that the user names is an order.
        if named:
            raise
        progress.warn(f"learning from the labels alone: {exc}")
        return None


def _by_votes(
    faces: LabelledFaces, validation: LabelledFaces, options: dict[str, Any], progress: ProgressListener
) -> tuple[LabelledFaces, NDArray[np.float32], FerPlusVotes]:
    """Return the *faces* that have votes, the votes as their soft labels, and the votes on the *validation* faces."""
    from edge_fer.evaluation.votes import FerPlusVotes
    from edge_fer_train import soft_labels

    path = _votes_csv(options)
    if not path.is_file():
        raise BadInput(f"{path} does not exist, and the recipe learns from FER+ votes; pass their csv with --votes")
    votes = soft_labels.load_votes(path)
    voted, distributions = soft_labels.from_votes_alone(faces, votes)
    progress.tell(f"{len(voted)} of {len(faces)} training faces have votes to learn from")
    return voted, distributions, FerPlusVotes.of(validation, votes)


def _soft_labels(training: TrainingSettings, faces: LabelledFaces, options: dict[str, Any]) -> NDArray[np.float32]:
    """Return what the model learns of each face: its label, mixed with its votes where there are any."""
    from edge_fer_train import soft_labels

    votes = _votes_csv(options)
    if not votes.is_file():  # the default file is optional; one that the user names exists
        return soft_labels.hard(faces, training.label_smoothing)
    counts = soft_labels.load_votes(votes)
    return soft_labels.from_votes(faces, counts, training.own_label, training.label_smoothing)
