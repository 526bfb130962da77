"""Models that teach a smaller one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.classifier import Classifier
from edge_fer.errors import BadInput
from edge_fer.preprocess import Preprocess
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    """``(n, N, N)`` uint8 crops in, ``(n, names)`` scores out."""


class OtherClasses(BadInput):
    """A teacher tells other classes apart than the faces have."""


class Teacher:
    """Models whose scores are joined by their geometric mean; each sees the faces at its own size.

    That is the product rule with each less sure: a plain product of *n* would be *n* times too sure to teach.

    A path is a float model, ``.keras`` or ``.npz``, or else a bundle: a folder, a zip, or a shipped one's name. A
    bundle answers with the target that it recommends. *spec* says how the crops came about, *names* what a score
    belongs to. Raises `OtherClasses`, or `BadInput` for a teacher that is not there or wants other crops.
    """

    def __init__(self, paths: Sequence[Path], spec: Preprocess, names: Sequence[str]) -> None:
        self._teachers = [_open(path, spec, names) for path in paths]

    def scores(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, names)`` scores of ``(n, N, N)`` uint8 *crops* of any size."""
        logarithm = np.zeros((len(crops), 1))
        seen = {crops.shape[1]: crops}
        for size_px, answer in self._teachers:
            if size_px not in seen:
                resized = Preprocess(size_px=size_px)  # what else the spec wants is done already
                seen[size_px] = np.stack([resized.crop(crop) for crop in crops])
            logarithm = logarithm + np.log(np.maximum(answer(seen[size_px]).astype(np.float64), 1e-12))
        logarithm /= len(self._teachers)
        mean = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
        return np.asarray(mean / mean.sum(axis=1, keepdims=True), np.float32)


def _open(path: Path, spec: Preprocess, names: Sequence[str]) -> tuple[int, Answer]:
    """Return the size in pixels that the teacher at *path* wants, and what it answers."""
    bundled = path.suffix.lower() not in checkpoints.SUFFIXES
    return _bundle(path, spec, names) if bundled else _checkpoint(path, spec, names)


def _bundle(path: Path, spec: Preprocess, names: Sequence[str]) -> tuple[int, Answer]:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    classifier = Classifier.load(path, threads=min(cores, 64))
    labels, own = classifier.labels, classifier.preprocess
    if set(labels) != set(names):
        raise OtherClasses(f"the teacher {path} knows {', '.join(labels)}; the faces have {', '.join(names)}")
    for option in ("equalize", "canny", "regions"):  # the crops that it is asked about went through these already
        told, wanted = getattr(spec, option), getattr(own, option)
        if told != wanted:
            raise BadInput(f"the teacher {path} wants {option} = {wanted}; the recipe's [preprocess] has {told}")
    order = [labels.index(name) for name in names]
    return own.size_px, lambda crops: classifier.scores(crops)[:, order]


def _checkpoint(path: Path, spec: Preprocess, names: Sequence[str]) -> tuple[int, Answer]:
    if not path.is_file():
        raise BadInput(f"the teacher {path} is not there; train it first, or pass another with --teacher")
    model = checkpoints.load(path)
    if model.output_shape[-1] != len(names):
        raise OtherClasses(f"the teacher {path} knows {model.output_shape[-1]} classes; the faces have {len(names)}")
    own = spec.at(model.input_shape[1])

    def answer(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(own.to_values(crops)), np.float32)

    return own.size_px, answer
