"""Which faces a model learns from, which choose its best epoch, and which test it at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer_train.datasets import Dataset

SplitName = Literal["official", "70-10-20", "50-50"]
SPLITS: Final[tuple[SplitName, ...]] = get_args(SplitName)
SEED: Final = 42
"""Seed of scikit-learn's shuffling, as in Smelyakov et al., COLINS 2022, section 3.1."""


@dataclass(frozen=True)
class Split:
    """Indices into a data set's faces."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]


def split(dataset: Dataset, name: SplitName = "official", seed: int = SEED) -> Split:
    """Split *dataset*.

    - ``official``: as the data set comes.
    - ``70-10-20``: training, validation and test, stratified (Smelyakov et al., COLINS 2022, section 3.1).
    - ``50-50``: training and validation, half of each class (Umer et al., CMES 2022, section 3).

    Raises `BadInput` when there is no official split, when another one would train on its test faces, or when a class
    has too few faces to split.
    """
    if name == "official":
        return _official(dataset)
    _refuse_mixing(dataset, f"--split {name}")
    everything = np.arange(len(dataset.faces))
    if name == "50-50":
        train, validation = _stratified(dataset, everything, 0.5, seed)
        return Split(train, validation, np.empty(0, np.intp))
    rest, test = _stratified(dataset, everything, 0.2, seed)
    train, validation = _stratified(dataset, rest, 1 / 8, seed)  # a tenth of the whole
    return Split(train, validation, test)


def _official(dataset: Dataset) -> Split:
    parts = np.array(dataset.parts)
    train = np.flatnonzero(parts == "train")
    validation = np.flatnonzero(parts == "validation")
    if not len(train) or not len(validation):
        raise BadInput(f"{dataset.name} in this form has no official split; pass --split 70-10-20, 50-50, or --folds")
    return Split(train, validation, np.flatnonzero(parts == "test"))


def _refuse_mixing(dataset: Dataset, option: str) -> None:
    """Raise `BadInput` when *dataset* has an official split, whose test faces *option* would put into training."""
    if dataset.parts:
        raise BadInput(
            f"{dataset.name} comes split, and {option} would train on its test faces; leave {option} out, or pass the "
            "folder of its training faces alone"
        )


def _stratified(
    dataset: Dataset, indices: NDArray[np.intp], second: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split *indices*, with the same shares of the classes on both sides; *second* is the share of the second side."""
    from sklearn.model_selection import train_test_split

    labels = dataset.faces.labels[indices]
    try:
        one, other = train_test_split(indices, test_size=second, stratify=labels, random_state=seed)
    except ValueError as exc:
        raise BadInput(f"{dataset.name} cannot be split class by class: {exc}") from exc
    # scikit-learn shuffles; in the order of the data set, two splits are easier to compare.
    return np.sort(one), np.sort(other)


def folds(dataset: Dataset, count: int, seed: int = SEED) -> list[Split]:
    """Return *count* stratified splits, in which every face is once a validation face (Abdulkadir et al., JOIG 2025).

    Where persons are known, nobody is on both sides of a fold. Raises `BadInput` for fewer than 2 folds, for more than
    the smallest class has faces, and for a data set that comes split.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    _refuse_mixing(dataset, "--folds")

    labels = dataset.faces.labels
    _, sizes = np.unique(labels, return_counts=True)
    smallest = int(sizes.min())
    if not 2 <= count <= smallest:
        raise BadInput(f"folds is {count}; pass 2 to {smallest}, the faces of the smallest class of {dataset.name}")
    # A model recognises a person it has seen, and would look better than it is.
    if dataset.persons:
        groups = np.array(dataset.persons)
        cut = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(labels, labels, groups)
    else:
        cut = StratifiedKFold(count, shuffle=True, random_state=seed).split(labels, labels)
    # Every face is a validation face once, so none is left for a test.
    no_faces = np.empty(0, np.intp)
    return [Split(train, validation, no_faces) for train, validation in cut]
