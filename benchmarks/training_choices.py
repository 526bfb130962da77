"""How accuracy depends on the choices of training: CNN_1 at 48 px on FER2013, one thing changed at a time.

    KERAS_BACKEND=torch python benchmarks/training_choices.py --data fer2013/ --runs runs/choices \
        --json experiments/training_choices.json

Every run has the same seed and the same number of steps. Its best epoch is evaluated on PublicTest, one of the last
epochs, since the learning rate ends near zero. To resume interrupted runs, repeat the command. Differences have the
interval of a paired bootstrap, which covers the chance of the images and not that of the seed: the base is trained
twice to show the latter. Needs the `convert` extra.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import script
from edge_fer.progress import ProgressDisplay
from edge_fer_train import recipe as recipes
from edge_fer_train.recipe import Recipe, Stage, TrainingSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer_train.datasets import Dataset

BASE = "base"
#: Name → what is changed of the training, of its one stage, and of the recipe.
CHOICES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    BASE: ({}, {}, {}),
    "another seed": ({}, {}, {"seed": 7}),
    "no augmentation but mirroring": ({}, {"augment": 0.0}, {}),
    "full augmentation": ({}, {"augment": 1.0}, {}),
    "the eighteen of Umer et al.": ({"augmentation": "umer"}, {}, {}),
    "a fifth of the faces degraded": ({"degrade": 0.4}, {}, {}),  # times the strength of the augmentation
    "FER2013's labels only": ({"own_label": 1.0}, {}, {}),
    "FER+'s estimate only": ({"own_label": 0.0}, {}, {}),
    "mixup": ({"mixup": 0.2}, {}, {}),
    "cutmix": ({"cutmix": 1.0, "mixed": 0.5}, {}, {}),
    "taught by the compact network": ({"teaching": {"teachers": ["compact-fer2013.keras"], "weight": 0.7}}, {}, {}),
    "classes balanced by half": ({"balance": 0.5}, {}, {}),
    "binary cross-entropy": ({"loss": "binary-crossentropy"}, {}, {}),
    "mean squared error": ({"loss": "mean-squared-error"}, {}, {}),
    "hinge": ({"loss": "hinge"}, {}, {}),
    "no averaged weights": ({"ema_momentum": 0.0}, {}, {}),
}
PARTS = ("training", "stage", "recipe")
"""What the three of a choice change."""


def recipe_of(choice: str, epochs: int) -> Recipe:
    """Return the recipe of CNN_1 with one stage of *epochs* at 48 px, and what *choice* changes."""
    training, stage, recipe = CHOICES[choice]
    base = recipes.load("cnn-1")
    one = Stage(size_px=48, epochs=epochs, learning_rate=2e-3, final_learning_rate=1e-5, augment=0.5)
    changes = {
        "dropout": 0.2,
        "ema_momentum": 0.995,
        "teaching": None,
        **training,
        "stages": (one.model_copy(update=stage),),
    }
    trained = TrainingSettings.model_validate(base.trained.model_dump() | changes)
    return base.model_copy(update={"training": trained, **recipe})


def scores_of(recipe: Recipe, dataset: Dataset, votes: Path, folder: Path, precision: str) -> NDArray[np.float32]:
    """Train, and return the scores of the best epoch's averaged weights on the validation faces."""
    import keras

    from edge_fer_train import soft_labels
    from edge_fer_train.datasets import splits
    from edge_fer_train.run import TrainingRun
    from edge_fer_train.teacher import Teacher

    keras.utils.clear_session()  # or the graphs of all earlier runs stay in memory
    split = splits.split(dataset, "official", 0)
    faces = dataset.faces.take(split.train)
    validation = dataset.faces.take(split.validation)
    labels = soft_labels.from_votes(faces, soft_labels.load_votes(votes), recipe.trained.own_label)
    teaching = recipe.trained.teaching
    teacher = Teacher(teaching.paths, recipe.preprocess, faces.names) if teaching else None
    with ProgressDisplay() as progress:
        TrainingRun(recipe, folder, faces, labels, validation, progress, teacher, computing=precision).execute()
    with np.load(folder / "scores.npz") as arrays:
        return np.asarray(arrays["scores"], np.float32)


def figures_of(
    choice: str, scores: NDArray[np.float32], reference: NDArray[np.float32], labels: NDArray[np.int64]
) -> dict[str, Any]:
    """Return the figures of *scores*, and their drop against *reference*, the scores of `BASE`."""
    from edge_fer_convert.gate import compare_with_float32

    comparison = compare_with_float32(scores, reference, labels)
    assert comparison.drop is not None  # noqa: S101  (there are labels)
    return {
        "changed": dict(zip(PARTS, CHOICES[choice], strict=True)),
        "accuracy": comparison.accuracy,
        "macro_f1": comparison.macro_f1,
        "drop_against_base": asdict(comparison.drop),
        "predicted": scores.argmax(axis=1).tolist(),
    }


def main() -> None:
    """Train each choice, print a line for it, and save all figures after each."""
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013 with ferplus.csv")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32", help="number format of training steps"
    )
    parser.add_argument("--only", choices=CHOICES, action="append", help="train the base and this choice only")
    options = parser.parse_args()
    script.require_training()
    from edge_fer_train import datasets
    from edge_fer_train.datasets import splits

    dataset = datasets.load(options.data)
    labels = dataset.faces.take(splits.split(dataset, "official", 0).validation).labels
    choices: dict[str, Any] = {}
    result = {
        "command": script.command(),
        "epochs": options.epochs,
        "precision": options.precision,
        "labels": labels.tolist(),
        "choices": choices,
    }
    reference = None
    for choice in _base_first(options.only or CHOICES):
        folder = options.runs / choice.replace(" ", "-").replace("'", "")
        recipe = recipe_of(choice, options.epochs)
        scores = scores_of(recipe, dataset, options.data / "ferplus.csv", folder, options.precision)
        if reference is None:
            reference = scores
        history = json.loads((folder / "history.json").read_text())
        choices[choice] = {**figures_of(choice, scores, reference, labels), "history": history}
        script.save(result, options.json)
        print(_line(choice, choices[choice]), flush=True)


def _base_first(names: Any) -> list[str]:
    """Return `BASE`, which the others are compared with, and then the other *names*."""
    return [BASE, *(name for name in names if name != BASE)]


def _line(choice: str, figures: dict[str, Any]) -> str:
    drop = figures["drop_against_base"]
    # A gain is a drop with its sign turned, so the ends of the interval change places. 0.0 - x, since -0.0 prints "-0".
    gain = 0.0 - drop["points"]
    low = 0.0 - drop["high"]
    high = 0.0 - drop["low"]
    return f"{choice:<32}{figures['accuracy']:.2%}  {gain:+.2f} points ({low:+.2f} to {high:+.2f})"


if __name__ == "__main__":
    script.run(main)
