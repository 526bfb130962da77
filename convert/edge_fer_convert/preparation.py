"""The first step of a conversion: check the job, choose the faces, and make sure that the model gives probabilities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation.class_names import checked
from edge_fer.evaluation.near_copies import near_copies
from edge_fer_convert.calibration import Calibration, choose, without_evaluated, without_flat
from edge_fer_convert.contract.check import check_contract
from edge_fer_convert.targets import split_target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.progress import ProgressListener
    from edge_fer_convert.contract.check import ContractCheck
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.job import Data, Job

AGREEMENT_IMAGES: Final = 2000
"""Number of images, at most, on which agreement is measured where there is no evaluation set."""
PROBE_IMAGES: Final = 32
"""Number of calibration images that show whether the model gives logits or probabilities."""
TOLERANCE: Final = 1e-3
"""How far sums of probabilities may be from one, and scores from each other, to count as equal."""


@dataclass(frozen=True)
class Prepared:
    """Everything that quantizing needs."""

    job: Job
    """The job, with a model that ends in a softmax."""
    calibration: Calibration
    crops: NDArray[np.uint8]
    """``(n, N, N)`` faces that the targets are compared with float32 on."""
    labels: NDArray[np.int64] | None
    """``(n,)`` labels of those faces; None where only agreement is measured."""
    deduplicated: NDArray[np.bool_] | None
    """``(n,)``, which of those faces have no near-copy in the pool; None where nobody asked."""
    contract: ContractCheck | None
    """What labelled faces say of the model's input; None where none could be asked."""


def prepare(job: Job, progress: ProgressListener) -> Prepared:
    """Check *job* and choose the faces that it is calibrated with and compared on.

    Raises `BadInput` for a job that cannot be done, before any work as far as that can be known, and `GateFailed` when
    the labelled faces fit other labels or another value range much better.
    """
    _refuse_impossible(job)
    # A face that the ranges were fitted to would make the drop look smaller than it is. So the faces that targets are
    # compared on are never calibrated with, where there are enough faces for that.
    if job.evaluated is None:
        chosen, compared = _without_evaluation_set(job, progress)
        labels = None
    else:
        chosen, compared = _with_evaluation_set(job, job.evaluated, progress)
        labels = compared.labels
    calibration = Calibration.of_faces(chosen, job.metadata.preprocess)
    crops = compared.crops(job.metadata.preprocess)
    # The gate compares probabilities, and so do devices: smoothing needs scores that sum to one.
    model = _with_probabilities(job.model, calibration, progress, multi_label=job.multi_label)
    contract = check_contract(job, model, compared, progress)
    deduplicated = ~near_copies(compared, job.pool.faces) if job.find_near_copies else None
    return Prepared(replace(job, model=model), calibration, crops, labels, deduplicated, contract)


def _refuse_impossible(job: Job) -> None:
    """Raise `BadInput` for what can be known to fail before any work."""
    for target in job.targets:
        split_target(target)
        problem = job.model.can_be(target)
        if problem:
            raise BadInput(f"{target} cannot be produced: {problem}; or leave it out of --targets")
    labels = job.metadata.labels
    if job.model.classes != len(labels):
        raise BadInput(
            f"the model has {job.model.classes} classes, but there are {len(labels)} labels ({', '.join(labels)}); "
            "pass one for each class, in the model's order, with --labels"
        )
    spec = job.metadata.preprocess
    if (job.model.size_px, job.model.planes) != (spec.size_px, spec.planes):
        raise BadInput(
            f"the model takes {job.model.size_px} px and {job.model.planes} channels, but the preprocessing makes "
            f"{spec.size_px} px and {spec.planes}"
        )
    checked(labels, "the labels")
    if job.evaluated is not None and job.evaluated.labels != labels:
        raise BadInput(f"{job.evaluated.name} has the classes {job.evaluated.labels}, the model has {labels}")


def _with_evaluation_set(job: Job, evaluated: Data, progress: ProgressListener) -> tuple[LabelledFaces, LabelledFaces]:
    """Return the calibration faces and the evaluation set, which share no image."""
    if not evaluated.faces.labelled:
        raise BadInput(
            f"{evaluated.name} has no labels; put its images into a folder for each class, or leave --evaluate out"
        )
    pool = without_evaluated(job.pool.faces, evaluated.faces, progress.warn, forced=job.allow_overlap)
    pool = without_flat(pool, progress.warn)
    return _choose(job, pool, progress), evaluated.faces


def _without_evaluation_set(job: Job, progress: ProgressListener) -> tuple[LabelledFaces, LabelledFaces]:
    """Return the calibration faces and other faces of the pool to compare on, or the same where there are no others."""
    pool = without_flat(job.pool.faces, progress.warn)
    chosen = _choose(job, pool, progress)
    chosen_paths = set(chosen.paths)
    others = [number for number, path in enumerate(pool.paths) if path not in chosen_paths]
    if others:
        compared = pool.take(np.array(others, np.intp)).sample(AGREEMENT_IMAGES, job.seed)
        which = "other images than it was calibrated with"
    else:
        compared = chosen
        which = "the same images that it was calibrated with"
    progress.warn(
        f"no evaluation set: only agreement with float32 is checked, on {len(compared)} images ({which}); "
        "it shows that the answers stay the same, not that they are right"
    )
    return chosen, compared


def _choose(job: Job, pool: LabelledFaces, progress: ProgressListener) -> LabelledFaces:
    chosen = choose(pool, job.images, job.seed)
    if len(chosen) < job.images:
        progress.warn(f"{job.pool.name} has only {len(chosen)} of the {job.images} calibration images asked for")
    return chosen


def _with_probabilities(
    model: FloatModel, calibration: Calibration, progress: ProgressListener, *, multi_label: bool = False
) -> FloatModel:
    """Return *model*, with a softmax added where it gives logits. Raises `BadInput` when it gives neither.

    With *multi_label*, its scores are divided by their sum instead, after a sigmoid where it gives logits.
    """
    scores = model.scores(calibration.values[:PROBE_IMAGES])
    if not np.isfinite(scores).all():
        raise BadInput("the model gives NaN or infinity for calibration images; check its weights and --range")
    sums = scores.sum(axis=1)
    if multi_label:
        of_logits = bool(scores.min() < 0 or scores.max() > 1 + TOLERANCE)
        what = "logits: a sigmoid was added, and its" if of_logits else "a sigmoid for each class: the"
        progress.warn(f"the model gives {what} scores are divided by their sum, because devices show shares of one")
        model = model.with_shares(of_logits=of_logits)
    elif scores.min() < 0 or scores.max() > 1 + TOLERANCE:
        progress.warn("the model gives logits: a softmax was added after its output")
        model = model.with_softmax()
    elif np.abs(sums - 1).max() > TOLERANCE:
        # Such scores come from one sigmoid for each class, and a softmax after those would be wrong.
        raise BadInput(
            f"the model's outputs lie between 0 and 1 but sum to {sums.min():.2f} to {sums.max():.2f}: "
            "neither logits nor probabilities; end it in a softmax, or pass --multi-label if it has "
            "a sigmoid for each class"
        )
    if np.ptp(scores, axis=0).max() < TOLERANCE:
        progress.warn("the model gives the same scores for every calibration image; check --range and its weights")
    return model
