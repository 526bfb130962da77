"""``edge-fer train``; nothing heavy is imported before it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_fer.dependencies import require
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer_train.datasets import Dataset
    from edge_fer_train.datasets.splits import Split
    from edge_fer_train.recipe import Recipe, TrainingSettings
    from edge_fer_train.run import TrainingRun
    from edge_fer_train.teacher import Teacher

VOTES_CSV = "ferplus.csv"
NEEDED = {"keras": "keras", "sklearn": "scikit-learn", "matplotlib": "matplotlib"}


def _say(text: str) -> None:
    """Show progress on stderr; what would be overwritten at once only where somebody is looking."""
    if not text.startswith("\r") or sys.stderr.isatty():
        click.echo(text, nl=False, err=True)


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
    "--recipe", "recipe_name", default="cnn-1", show_default=True, help="A recipe's name, or a .toml of yours."
)
@click.option(
    "--data", required=True, type=click.Path(exists=True, path_type=Path),
    help="FER2013 (folders, zips, csv), CK+, KDEF, SFEW, or class folders of yours.",
)  # fmt: skip
@click.option("--format", "form", default="auto", show_default=True, help="fer2013, ck+, kdef, sfew or folders.")
@click.option(
    "--split", "split_name", default="official", show_default=True, help="official, 70-10-20 or 50-50 (stratified)."
)
@click.option("--folds", type=click.IntRange(2), help="Cross-validate instead: one run a fold, no person in two folds.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path),
    help="Folder of the run; one that was stopped is gone on with.",
)  # fmt: skip
@click.option("--votes", type=click.Path(path_type=Path), help=f"FER+ votes; by default {VOTES_CSV} in DATA, if there.")
@click.option(
    "--teacher", "teachers", multiple=True, type=click.Path(path_type=Path),
    help="A .keras or a bundle to learn from, instead of the recipe's.",
)  # fmt: skip
@click.option("--no-teacher", "untaught", is_flag=True, help="Learn from the labels alone.")
@click.option(
    "--pretrained",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A .keras, .npz or .h5 to begin with: backbone, or a branch of it, and head where it fits.",
)
@click.option("--classes", help="Only these, in this order, with commas between them.")
@click.option("--epochs", type=click.IntRange(0), help="So many epochs in each stage, instead of the recipe's.")
@click.option("--limit", type=click.IntRange(1), help="Train on so many images only.")
@click.option(
    "--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True,
    help="What steps compute in; bfloat16 is for what multiplies it: GPUs, and CPUs with AVX512-BF16 or AMX.",
)  # fmt: skip
@click.option(
    "--workers", default=0, show_default=True, type=click.IntRange(0),
    help="Processes that change faces while a step is computed; on a GPU, one for each core.",
)  # fmt: skip
@click.option("--seed", default=42, show_default=True, help="Of splits and folds that are not official.")
def train(**options: Any) -> None:
    """Train a model, judged on the validation faces after each epoch; resumable at any epoch.

    Runs on any Keras 3 backend (KERAS_BACKEND=tensorflow, torch or jax; on a CPU, torch is the fastest). OUT/best.keras
    is what edge-fer convert takes; beside it lie the report as JSON, the curves and the confusion matrix.
    """
    if options["untaught"] and options["teachers"]:
        raise click.UsageError("pass --teacher or --no-teacher, not both")
    require(NEEDED, "convert", "edge-fer train")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from edge_fer_train import datasets
    from edge_fer_train import recipe as recipes
    from edge_fer_train.datasets import splits
    from edge_fer_train.folds import cross_validate

    recipe = recipes.load(options["recipe_name"])
    if options["epochs"] is not None:
        recipe = recipe.with_epochs(options["epochs"])
    if options["split_name"] not in splits.SPLITS:
        raise BadInput(f"no split {options['split_name']!r}; pass one of: {', '.join(splits.SPLITS)}")
    _say(f"reading {options['data']}\n")
    dataset = datasets.load(options["data"], options["form"])
    if options["classes"]:
        dataset = dataset.only(tuple(name.strip() for name in options["classes"].split(",")))
    if options["folds"]:
        cut = splits.folds(dataset, options["folds"], options["seed"])
        runs = [_run(recipe, dataset, part, options, f"fold-{at}") for at, part in enumerate(cut, start=1)]
        cross_validate(runs, cut, dataset, options["out"], _say)
    else:
        _run(recipe, dataset, splits.split(dataset, options["split_name"], options["seed"]), options).execute()


def _run(recipe: Recipe, dataset: Dataset, split: Split, options: dict[str, Any], folder: str = "") -> TrainingRun:
    from edge_fer_train.recipe import WEIGHTS
    from edge_fer_train.run import TrainingRun

    faces = dataset.faces.take(split.train)
    if options["limit"]:
        faces = faces.sample(options["limit"], recipe.seed)
    return TrainingRun(
        recipe,
        options["out"] / folder,
        faces,
        _targets(recipe.trained, faces, options),
        dataset.faces.take(split.validation),
        _say,
        _teacher(recipe, faces.names, options),
        options["pretrained"] or [WEIGHTS / name for name in recipe.trained.pretrained],
        options["precision"],
        options["workers"],
    )


def _teacher(recipe: Recipe, names: tuple[str, ...], options: dict[str, Any]) -> Teacher | None:
    """Return whom *recipe* learns from; None where nobody whom it names itself knows the classes *names*."""
    from edge_fer_train.teacher import OtherClasses, Teacher

    teaching, named = recipe.trained.teaching, list(options["teachers"])
    if options["untaught"]:
        return None
    if teaching is None:
        if named:
            raise BadInput(f"recipe {recipe.name} has no [training.teaching], which says how much a teacher counts")
        return None
    paths = named or teaching.paths
    if not paths:
        raise BadInput(f"recipe {recipe.name} learns from a teacher and names none; pass --teacher, or --no-teacher")
    try:
        return Teacher(paths, recipe.preprocess, names)
    except OtherClasses as exc:
        if named:
            raise
        _say(f"learning from the labels alone: {exc}\n")
        return None


def _targets(training: TrainingSettings, faces: LabelledFaces, options: dict[str, Any]) -> NDArray[np.float32]:
    from edge_fer_train import soft_labels

    votes = options["votes"] or options["data"] / VOTES_CSV
    if not votes.exists():
        if options["votes"]:
            raise BadInput(f"{votes} is not there; pass FER+'s csv, or leave --votes out")
        return soft_labels.hard(faces, training.label_smoothing)
    return soft_labels.from_votes(faces, soft_labels.load_votes(votes), training.own_label, training.label_smoothing)
