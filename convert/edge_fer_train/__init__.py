"""Training of models for edge-fer: recipes, architectures, data sets, and runs that can be resumed.

- `command`: ``edge-fer train``, which puts together what a run needs.
- `recipe`: the settings of a run, read from ``recipes/*.toml``.
- `datasets`: the faces, with one module per published format; `datasets.splits` chooses those that validate.
- `soft_labels` and `teacher`: what a model learns from each face: its label and its FER+ votes, other models' scores.
- `run`: the stages of a training run; `folds` executes one run per fold.
- `run_folder`: the folder of a run, which `identity` ties to that run and `folder_lock` to one process; `history`: the
  figures of its epochs.
- `networks`: the network of a stage, made from `zoo` (the architectures), `pretrained` (weights to begin with), `sizes`
  (weights of the stage before, at another input size), `losses`, `schedule` and `precision`.
- `epoch`: the training steps of one epoch, on batches of `augmentation`, which `keras_batches` gives to Keras.
- `validation`: the scores of the averaged weights after an epoch, with the statistics of `recalibration`.
- `report`: curves and figures of a finished run; `rates` are two of them.
- `checkpoints`: float models on disk.
- `fast_kernels`, with `normalisation` and `depthwise`: faster training on PyTorch. `keras_backend`: other settings that
  make training faster.

The names below are the public ones. Each is imported when it is first used.
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
