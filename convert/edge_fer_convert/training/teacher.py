"""Models that teach a smaller one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import keras
import numpy as np

from edge_fer.classifier import Classifier
from edge_fer.errors import BadInput
from edge_fer.preprocess import Preprocess
from edge_fer_convert import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    """``(n, N, N)`` uint8 crops in, ``(n, classes)`` scores out."""


class Teacher:
    """Models whose scores are joined by the product rule; each sees the faces at its own size.

    A path is a float model, ``.keras`` or ``.npz``, or else a bundle: a folder, a zip, or a shipped one's name. A
    bundle answers with the target that it recommends.
    """

    def __init__(self, paths: Sequence[Path], contract: Preprocess, classes: int) -> None:
        self._teachers = [_open(path, contract, classes) for path in paths]

    def scores(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, classes)`` scores of ``(n, N, N)`` uint8 *crops* of any size."""
        logarithm = np.zeros((len(crops), 1))
        for size_px, answer in self._teachers:
            seen = crops
            if crops.shape[1] != size_px:
                resized = Preprocess(size_px=size_px)  # what else the contract wants is done already
                seen = np.stack([resized.crop(crop) for crop in crops])
            logarithm = logarithm + np.log(np.maximum(answer(seen).astype(np.float64), 1e-12))
        product = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
        return np.asarray(product / product.sum(axis=1, keepdims=True), np.float32)


def _open(path: Path, contract: Preprocess, classes: int) -> tuple[int, Answer]:
    """Return the size in pixels that the teacher at *path* wants, and what it answers."""
    bundled = path.suffix.lower() not in checkpoints.SUFFIXES
    known, size_px, answer = _bundle(path) if bundled else _checkpoint(path, contract)
    if known != classes:
        raise BadInput(f"the teacher {path} knows {known} classes; the faces have {classes}")
    return size_px, answer


def _bundle(path: Path) -> tuple[int, int, Answer]:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    classifier = Classifier.load(path, threads=min(cores, 64))
    return len(classifier.labels), classifier.preprocess.size_px, classifier.scores


def _checkpoint(path: Path, contract: Preprocess) -> tuple[int, int, Answer]:
    if not path.is_file():
        raise BadInput(f"the teacher {path} is not there; train it first, or pass another with --teacher")
    model = checkpoints.load(path)
    model.trainable = False  # or else PyTorch keeps what a gradient would need
    own = contract.at(model.input_shape[1])

    def answer(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(keras.ops.convert_to_numpy(model(own.to_values(crops), training=False)), np.float32)

    return int(model.output_shape[-1]), own.size_px, answer
