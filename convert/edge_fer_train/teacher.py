"""Models that teach a smaller one: their scores are what it learns beside its labels."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import numpy as np

from edge_fer import profile
from edge_fer.classifier import Classifier
from edge_fer.errors import BadInput
from edge_fer.host import usable_cores
from edge_fer.preprocess import Preprocess
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    Score = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    """``(n, N, N)`` uint8 crops in, ``(n, names)`` scores out."""

MAX_THREADS = 64
"""`Classifier` accepts no more."""


class ClassMismatch(BadInput):
    """A teacher knows other classes than the faces have."""


class Teacher:
    """One or more models that teach by the geometric mean of their scores; each sees the faces at its own size.

    A context manager, which closes the bundles at its end.

    The geometric mean is the product rule with each model less sure: a plain product of *n* scores would be *n* times
    too sure.

    Each of *paths* is a float model (``.keras`` or ``.npz``), or a bundle: a folder, a zip, or the name of a shipped
    one. A bundle answers with its recommended target. *spec* is how the crops are made; *names* are the classes, in the
    order of the scores. Raises `ClassMismatch`, or `BadInput` for a teacher that is missing or needs other crops.
    """

    def __init__(self, paths: Sequence[Path], spec: Preprocess, names: Sequence[str]) -> None:
        # If one cannot be opened, those before it are closed.
        with ExitStack() as bundles:
            self._teachers = [_open(path, spec, names, bundles) for path in paths]
            self._bundles = bundles.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the bundles. The teacher scores nothing after that."""
        self._bundles.close()

    def scores(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, names)`` scores of ``(n, N, N)`` uint8 *crops* of any size."""
        logarithm = np.zeros((len(crops), 1))
        by_size = {crops.shape[1]: crops}
        for size_px, score in self._teachers:
            if size_px not in by_size:
                by_size[size_px] = _resized(crops, size_px)
            scores = score(by_size[size_px]).astype(np.float64)
            # int8 models answer with exact zeros, which have no logarithm.
            logarithm = logarithm + np.log(np.maximum(scores, 1e-12))
        logarithm /= len(self._teachers)
        # The largest becomes 0, so that not all of them underflow; the normalisation cancels it.
        mean = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
        return np.asarray(mean / mean.sum(axis=1, keepdims=True), np.float32)


def _resized(crops: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    resize = Preprocess(size_px=size_px)  # a crop has gone through the rest of the spec
    return np.stack([resize.crop(crop) for crop in crops])


def _open(path: Path, spec: Preprocess, names: Sequence[str], bundles: ExitStack) -> tuple[int, Score]:
    """Return the size in pixels that the teacher at *path* needs, and the function that scores crops.

    A bundle is open until *bundles* is closed.
    """
    if path.suffix.lower() in checkpoints.SUFFIXES:
        return _checkpoint(path, spec, names)
    classifier = bundles.enter_context(Classifier(profile.open_bundle(path), threads=min(usable_cores(), MAX_THREADS)))
    return _bundle(classifier, path, spec, names)


def _bundle(classifier: Classifier, path: Path, spec: Preprocess, names: Sequence[str]) -> tuple[int, Score]:
    labels = classifier.labels
    if set(labels) != set(names):
        raise ClassMismatch(f"the teacher {path} knows {', '.join(labels)}; the faces have {', '.join(names)}")
    for option in ("equalize", "canny", "regions"):  # the crops have gone through these already
        needed = getattr(classifier.preprocess, option)
        given = getattr(spec, option)
        if given != needed:
            raise BadInput(f"the teacher {path} needs {option} = {needed}; the recipe's [preprocess] has {given}")
    # A bundle may list the same classes in another order.
    order = [labels.index(name) for name in names]

    def score(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return classifier.scores(crops)[:, order]

    return classifier.preprocess.size_px, score


def _checkpoint(path: Path, spec: Preprocess, names: Sequence[str]) -> tuple[int, Score]:
    if not path.is_file():
        raise BadInput(f"the teacher {path} does not exist; train it first, or pass another with --teacher")
    model = checkpoints.load(path)
    classes = model.output_shape[-1]
    if classes != len(names):
        raise ClassMismatch(f"the teacher {path} knows {classes} classes; the faces have {len(names)}")
    own = spec.at(model.input_shape[1])

    def score(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        # Not predict(), which builds an input pipeline for every call.
        return np.asarray(model.predict_on_batch(own.to_values(crops)), np.float32)

    return own.size_px, score
