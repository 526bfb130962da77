"""Asks labelled faces, before the work, whether the model's input and its labels can be as the user says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.errors import GateFailed
from edge_fer.evaluation.class_names import positions
from edge_fer.evaluation.label_order import better_order
from edge_fer_convert.calibration import choose
from edge_fer_convert.contract.answers import Answers
from edge_fer_convert.contract.candidates import Contract
from edge_fer_convert.contract.search import ROUNDS, Search, search

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.label_order import BetterOrder
    from edge_fer.progress import ProgressListener
    from edge_fer_convert.contract.search import Scored
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.job import Job

ORDER_FACES: Final = 210
"""Number of faces, at most, that are asked about the order of the labels: thirty of each of seven classes."""


@dataclass(frozen=True)
class ContractCheck:
    """What labelled faces say of the contract, for the report."""

    faces: str
    """Name of the set that they are from."""
    search: Search


def check_contract(
    job: Job, model: FloatModel, faces: LabelledFaces, progress: ProgressListener
) -> ContractCheck | None:
    """Raise `GateFailed` when labelled *faces* fit another contract or other labels much better; warn if forced.

    Faces of classes that the model does not have are not asked, and neither are faces without a label. Return what was
    found, or None where no face could be asked.
    """
    known, labels = known_faces(faces, job.metadata.labels)
    if not len(known):
        return None
    progress.step("asking the labelled faces whether range and labels fit")
    answers = Answers(model, known, labels)
    given = Contract("", job.metadata.preprocess)
    found = search(answers, given)
    better = found.better if found.much_better else None
    contract = given if better is None else better.contract
    order = better_order(answers.confusion(contract, min(ORDER_FACES, len(known))), job.metadata.labels)
    _object_to(job, better, order, progress)
    if found.better is not None and better is None:
        progress.warn(
            f"the answers fit a little better {found.better.contract.phrase} ({_in_words(found.better)}); pass that if "
            "the model was trained so"
        )
    if found.tighter is not None:
        progress.warn(_cut_wider(job, found.tighter))
    return ContractCheck(job.measured_on.name, found)


def check_order(job: Job, counts: NDArray[np.int64], progress: ProgressListener) -> None:
    """Raise `GateFailed` when the confusion *counts* fits another order of the labels much better; warn if forced."""
    _object_to(job, None, better_order(counts, job.metadata.labels), progress)


def known_faces(faces: LabelledFaces, names: tuple[str, ...]) -> tuple[LabelledFaces, NDArray[np.int64]]:
    """Return as many of *faces* as are ever asked, of classes that are among *names*, and their positions there.

    Each beginning of them is balanced over the classes.
    """
    table = positions(faces.names, names)
    labels = np.where(faces.labels < 0, -1, table[np.maximum(faces.labels, 0)])
    known = faces.take(np.flatnonzero(labels >= 0))
    if not len(known):
        return known, labels[:0]
    asked = choose(known, ROUNDS[-1])
    return asked, table[asked.labels]


def _object_to(job: Job, better: Scored | None, order: BetterOrder | None, progress: ProgressListener) -> None:
    """Raise `GateFailed`, or warn if forced, about a contract and an order of the labels that fit better."""
    if better is None and order is None:
        return
    labels = job.metadata.labels
    faults = []
    phrase = "with"
    reasons = []
    if better is not None:
        faults.append("the model seems to take other values")
        phrase = better.contract.phrase
        reasons.append(_in_words(better))
    if order is not None:
        faults.append("the labels seem to be in another order")
        phrase += " and with" if phrase.startswith("without") else ""
        phrase += f" --labels {order.names(labels)}"
        reasons.append(order.in_words(labels))
    objection = f"{' and '.join(faults)}: the answers fit much better {phrase} ({'; then '.join(reasons)})"
    if not job.force_contract:
        raise GateFailed(f"{objection}; pass that, or --force-contract to insist")
    progress.warn(f"{objection}; converted as --force-contract says")


def _in_words(better: Scored) -> str:
    old = better.recall - better.gain.gain
    return f"mean recall {better.recall:.1%} instead of {old:.1%} on {better.gain.faces} faces"


def _cut_wider(job: Job, tighter: Scored) -> str:
    share = -tighter.contract.widened
    return (
        f"these faces fit the model much better when they are cut {share:.0%} tighter on each side "
        f"({_in_words(tighter)}): it was trained on tighter faces than {job.measured_on.name} has; --margin cannot "
        "narrow the detector's box, so a device may cut faces too wide as well"
    )
