"""Asks labelled faces, before the work, whether the model's labels and value range can be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.errors import GateFailed
from edge_fer.evaluation.class_names import positions
from edge_fer.evaluation.label_order import best_recalls, better_order, much_better
from edge_fer.evaluation.metrics import confusion
from edge_fer_convert.calibration import choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.preprocess import Preprocess
    from edge_fer.progress import ProgressListener
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.job import Job

ASKED: Final = 210
"""Number of faces that are asked, at most: thirty of each of seven classes."""
GOOD: Final = 0.5
"""Mean recall from which the value range is not doubted: with a wrong one, networks answer nearly at random."""
RANGES: Final = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
"""The value ranges that models commonly take."""


def check_answers(job: Job, model: FloatModel, faces: LabelledFaces, progress: ProgressListener) -> None:
    """Raise `GateFailed` when labelled *faces* fit another ``--range`` or ``--labels`` much better; warn if forced.

    Faces of classes that the model does not have are not asked, and neither are faces without a label.
    """
    known, labels = _known(faces, job.metadata.labels)
    if not len(known):
        return
    progress.step("asking the labelled faces whether labels and range fit")
    spec = job.metadata.preprocess
    counts = _confusion(model, spec, known, labels)
    if best_recalls(counts).mean() < GOOD:
        _check_range(job, model, (known, labels), counts, progress)
    check_order(job, counts, progress)


def check_order(job: Job, counts: NDArray[np.int64], progress: ProgressListener) -> None:
    """Raise `GateFailed` when the confusion *counts* fits another order of the labels much better; warn if forced."""
    labels = job.metadata.labels
    better = better_order(counts)
    if better is not None:
        _object(
            job,
            f"the labels seem to be in another order: the answers fit much better with --labels {better.names(labels)} "
            f"({better.in_words(labels)})",
            progress,
        )


def _check_range(
    job: Job,
    model: FloatModel,
    asked: tuple[LabelledFaces, NDArray[np.int64]],
    counts: NDArray[np.int64],
    progress: ProgressListener,
) -> None:
    given = job.metadata.preprocess
    images = counts.sum(axis=1)
    images = images[images > 0]
    # In whatever order of the labels fits best: range and order may both be wrong.
    old = best_recalls(counts)
    best, low, high = old, 0.0, 0.0
    for low_value, high_value in RANGES:
        spec = given.model_copy(update={"low": low_value, "high": high_value})
        recalls = best_recalls(_confusion(model, spec, *asked))
        if recalls.mean() > best.mean():
            best, low, high = recalls, low_value, high_value
    if much_better(best, old, images, len(images)):
        _object(
            job,
            f"the model seems to take other values: the answers fit much better with --range {low:g},{high:g} (mean "
            f"recall {best.mean():.1%} instead of {old.mean():.1%})",
            progress,
        )


def _known(faces: LabelledFaces, names: tuple[str, ...]) -> tuple[LabelledFaces, NDArray[np.int64]]:
    """Return at most `ASKED` of the *faces* whose class is one of *names*, and its positions there."""
    table = positions(faces.names, names)
    labels = np.where(faces.labels < 0, -1, table[np.maximum(faces.labels, 0)])
    known = faces.take(np.flatnonzero(labels >= 0))
    if not len(known):
        return known, labels[:0]
    asked = choose(known, ASKED)
    return asked, table[asked.labels]


def _confusion(
    model: FloatModel, spec: Preprocess, faces: LabelledFaces, labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    scores = model.scores(spec.to_values(faces.crops(spec)))
    # With a range of RANGES that is not the model's, scores may overflow.
    return confusion(np.nan_to_num(scores).argmax(axis=1), labels, model.classes)


def _object(job: Job, objection: str, progress: ProgressListener) -> None:
    if not job.force_labels:
        raise GateFailed(f"{objection}; pass that, or --force-labels to insist")
    progress.warn(f"{objection}; converted as --force-labels says")
