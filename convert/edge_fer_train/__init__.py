"""Training of models for edge-fer: recipes, architectures, data sets, and runs that can be resumed.

These are the public names. Each is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer_train.checkpoints import load as load_checkpoint
    from edge_fer_train.checkpoints import save as save_checkpoint
    from edge_fer_train.datasets import Dataset
    from edge_fer_train.datasets import load as load_dataset
    from edge_fer_train.datasets.splits import Split
    from edge_fer_train.datasets.splits import folds as split_folds
    from edge_fer_train.datasets.splits import split as split_dataset
    from edge_fer_train.recipe import Recipe
    from edge_fer_train.recipe import load as load_recipe
    from edge_fer_train.run import TrainingRun
    from edge_fer_train.soft_labels import from_votes as soft_labels_from_votes
    from edge_fer_train.soft_labels import hard as hard_labels
    from edge_fer_train.soft_labels import load_votes
    from edge_fer_train.teacher import Teacher
    from edge_fer_train.zoo import ARCHITECTURES, build

_MODULES: Final = {
    "ARCHITECTURES": "zoo",
    "Dataset": "datasets",
    "Recipe": "recipe",
    "Split": "datasets.splits",
    "Teacher": "teacher",
    "TrainingRun": "run",
    "build": "zoo",
    "hard_labels": "soft_labels:hard",
    "load_checkpoint": "checkpoints:load",
    "load_dataset": "datasets:load",
    "load_recipe": "recipe:load",
    "load_votes": "soft_labels",
    "save_checkpoint": "checkpoints:save",
    "soft_labels_from_votes": "soft_labels:from_votes",
    "split_dataset": "datasets.splits:split",
    "split_folds": "datasets.splits:folds",
}

__all__ = [
    "ARCHITECTURES",
    "Dataset",
    "Recipe",
    "Split",
    "Teacher",
    "TrainingRun",
    "build",
    "hard_labels",
    "load_checkpoint",
    "load_dataset",
    "load_recipe",
    "load_votes",
    "save_checkpoint",
    "soft_labels_from_votes",
    "split_dataset",
    "split_folds",
]

__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
