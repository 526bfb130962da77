"""What each choice of training is worth: CNN_1 at 48 px, one thing changed at a time, judged on FER2013 PublicTest.

    KERAS_BACKEND=torch python benchmarks/training_choices.py --data fer2013/ --runs runs/choices \
        --json benchmarks/results/<device>/training_choices.json

Every run has the same seed and the same number of steps; its best epoch is judged, one of the last, since the learning
rate ends near nought. Runs go on where they were stopped. Differences have the interval of a paired bootstrap, which
holds the chance of the images and not that of the seed: the base is trained twice to show the latter. Needs the
`convert` extra.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer.progress import ProgressDisplay
from edge_fer_convert.gate import compare_with_float32
from edge_fer_train import datasets, soft_labels
from edge_fer_train import recipe as recipes
from edge_fer_train.datasets import splits
from edge_fer_train.precision import POLICIES
from edge_fer_train.recipe import Recipe, Stage, TrainingSettings
from edge_fer_train.run import TrainingRun
from edge_fer_train.teacher import Teacher

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
    "taught by the compact network": ({"teaching": {"teachers": ["compact"], "weight": 0.7}}, {}, {}),
    "classes balanced by half": ({"balance": 0.5}, {}, {}),
    "binary cross-entropy": ({"loss": "binary-crossentropy"}, {}, {}),
    "mean squared error": ({"loss": "mean-squared-error"}, {}, {}),
    "hinge": ({"loss": "hinge"}, {}, {}),
    "no averaged weights": ({"ema_momentum": 0.0}, {}, {}),
}


def recipe_of(choice: str, epochs: int) -> Recipe:
    """Return the recipe of CNN_1 with one stage of *epochs* at 48 px, and what *choice* changes."""
    training, stage, whole = CHOICES[choice]
    base = recipes.load("cnn-1")
    one = Stage(size_px=48, epochs=epochs, learning_rate=2e-3, final_learning_rate=1e-5, augment=0.5)
    changed = {
        "dropout": 0.2,
        "ema_momentum": 0.995,
        "teaching": None,
        **training,
        "stages": (one.model_copy(update=stage),),
    }
    trained = TrainingSettings.model_validate(base.trained.model_dump() | changed)
    return base.model_copy(update={"training": trained, **whole})


def scores_of(recipe: Recipe, dataset: Dataset, votes: Path, folder: Path, precision: str) -> NDArray[np.float32]:
    """Train, and return the scores of the best epoch's averaged weights on the validation faces."""
    keras.utils.clear_session()
    split = splits.split(dataset, "official", 0)
    faces, judged = dataset.faces.take(split.train), dataset.faces.take(split.validation)
    probabilities = soft_labels.from_votes(faces, soft_labels.load_votes(votes), recipe.trained.own_label)
    teaching = recipe.trained.teaching
    teacher = Teacher(teaching.paths, recipe.preprocess, faces.names) if teaching else None
    with ProgressDisplay() as progress:
        TrainingRun(recipe, folder, faces, probabilities, judged, progress, teacher, computing=precision).execute()
    with np.load(folder / "scores.npz") as kept:
        return np.asarray(kept["scores"], np.float32)


def main() -> None:
    """Train each, print a line, and keep everything where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013 with ferplus.csv")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--precision", choices=POLICIES, default="float32", help="what training steps compute in")
    parser.add_argument("--only", choices=CHOICES, action="append")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    dataset = datasets.load(options.data)
    labels = dataset.faces.take(splits.split(dataset, "official", 0).validation).labels
    found: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/training_choices.py", *sys.argv[1:]]),
        "epochs": options.epochs,
        "precision": options.precision,
        "labels": labels.tolist(),
        "choices": {},
    }
    reference = None
    for choice in [BASE, *(name for name in options.only or CHOICES if name != BASE)]:
        folder = options.runs / choice.replace(" ", "-").replace("'", "")
        scores = scores_of(
            recipe_of(choice, options.epochs), dataset, options.data / "ferplus.csv", folder, options.precision
        )
        reference = scores if reference is None else reference
        comparison = compare_with_float32(scores, reference, labels)
        assert comparison.drop is not None  # noqa: S101 (there are labels)
        found["choices"][choice] = {
            "changed": dict(zip(("training", "stage", "recipe"), CHOICES[choice], strict=True)),
            "accuracy": comparison.accuracy,
            "macro_f1": comparison.macro_f1,
            "drop_against_base": asdict(comparison.drop),
            "predicted": scores.argmax(axis=1).tolist(),
            "history": json.loads((folder / "history.json").read_text()),
        }
        if options.json:
            options.json.write_text(json.dumps(found) + "\n", encoding="utf-8")
        gain, low, high = (
            0.0 - points for points in (comparison.drop.points, comparison.drop.high, comparison.drop.low)
        )
        print(f"{choice:<32}{comparison.accuracy:.2%}  {gain:+.2f} points ({low:+.2f} to {high:+.2f})", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
