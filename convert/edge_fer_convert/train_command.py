"""``edge-fer train``; nothing heavy is imported before it runs."""

from __future__ import annotations

import os
import sys
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_fer.errors import MissingDependency

if TYPE_CHECKING:
    from edge_fer.labelled import LabelledFaces

TRAIN_ZIP, VALIDATION_ZIP, VOTES_CSV = "fer2013-train.zip", "fer2013-public-test.zip", "ferplus.csv"


def _report(text: str) -> None:
    """Show progress on stderr; what would be overwritten at once only where somebody is looking."""
    if not text.startswith("\r") or sys.stderr.isatty():
        click.echo(text, nl=False, err=True)


@click.command(
    epilog="""\b
Examples:
  edge-fer train --data fer2013/ --out runs/cnn-1
  KERAS_BACKEND=torch edge-fer train --data fer2013/ --out runs/cnn-1
  edge-fer train --data fer2013/ --out runs/try --epochs 1 --limit 2000"""
)
@click.option(
    "--recipe", "recipe_name", default="cnn-1", show_default=True, help="A recipe's name, or a .toml of yours."
)
@click.option(
    "--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=f"Folder with {TRAIN_ZIP}, {VALIDATION_ZIP} and, if there, {VOTES_CSV}.",
)  # fmt: skip
@click.option(
    "--out", required=True, type=click.Path(path_type=Path),
    help="Folder of the run; one that was stopped is gone on with.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(0), help="So many epochs in each stage, instead of the recipe's.")
@click.option("--limit", type=click.IntRange(1), help="Train on so many images only.")
def train(recipe_name: str, data: Path, out: Path, epochs: int | None, limit: int | None) -> None:
    """Train a model on FER2013, judged on PublicTest after each epoch; resumable at any epoch.

    Runs on any Keras 3 backend (KERAS_BACKEND=tensorflow, torch or jax; on a CPU, torch is the fastest). What it leaves
    in OUT/best.keras is what edge-fer convert takes.
    """
    if util.find_spec("keras") is None:
        raise MissingDependency("training needs Keras: pip install 'edge-fer[convert]'")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from edge_fer_convert import recipe as recipes
    from edge_fer_convert import soft_labels
    from edge_fer_convert import train as training

    recipe = recipes.load(recipe_name)
    if epochs is not None:
        recipe = recipe.with_epochs(epochs)
    faces, validation = _faces(data / TRAIN_ZIP), _faces(data / VALIDATION_ZIP)
    chosen = faces.sample(limit, recipe.training.seed) if limit else faces
    votes = data / VOTES_CSV
    if votes.exists():
        targets = soft_labels.from_votes(chosen, soft_labels.load_votes(votes), recipe.training.own_label)
    else:
        _report(f"{votes} is not there: training on the images' own labels alone\n")
        targets = soft_labels.hard(chosen)
    training.Run(recipe, out, chosen, targets, validation, _report).execute()


def _faces(path: Path) -> LabelledFaces:
    from edge_fer.labelled import load_faces

    _report(f"reading {path}\n")
    return load_faces(path)
