"""Finds the contract of a model that nobody has described: ``--range auto`` and ``--labels auto``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.errors import BadInput, GateFailed
from edge_fer.evaluation.label_order import best_outputs
from edge_fer_convert.contract.answers import Answers
from edge_fer_convert.contract.candidates import Contract, of_values
from edge_fer_convert.contract.check import known_faces
from edge_fer_convert.contract.search import ROUNDS, first_best, scored

if TYPE_CHECKING:
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.preprocess import Preprocess
    from edge_fer.progress import ProgressListener
    from edge_fer_convert.contract.search import Scored
    from edge_fer_convert.float_model import FloatModel

ASKED: Final = ROUNDS[1]
"""Number of faces, at most, that are asked."""
TIMES_CHANCE: Final = 2.0
"""How many times as good as chance the answers must be for a contract to be taken from them."""


@dataclass(frozen=True)
class Finder:
    """Asks labelled faces what the input of *model* and its outputs are."""

    model: FloatModel
    faces: LabelledFaces
    data: str
    """Name of the faces, for messages."""
    progress: ProgressListener

    def values(self, spec: Preprocess, labels: tuple[str, ...]) -> Preprocess:
        """Return *spec* with the usual range, or mean and deviation, under which the model answers best.

        Raises `BadInput` without labelled faces, and `GateFailed` where no contract is better than chance.
        """
        answers = self._answers(labels, "--range auto")
        self.progress.step("asking the labelled faces for the range")
        contracts = of_values(spec)
        count = min(ASKED, len(answers.faces))
        tried = [scored(answers, contract, contracts[0], count) for contract in contracts]
        best = first_best(answers, tried)
        self._refuse_chance(best.recall, "--range auto: under none of the usual ranges")
        self.progress.tell(f"--range auto: {_choice(best, tried)}")
        return best.contract.spec

    def labels(self, spec: Preprocess) -> tuple[str, ...]:
        """Return the names of the faces' classes in the order of the outputs that answer for them.

        Raises `BadInput` unless the faces have as many classes as the model has outputs, and `GateFailed` where the
        answers are no better than chance.
        """
        names = self.faces.names
        answers = self._answers(names, "--labels auto")
        unseen = [name for position, name in enumerate(names) if not (answers.labels == position).any()]
        if unseen:
            raise BadInput(
                f"--labels auto: {self.data} has no face of {', '.join(unseen)}, so nothing tells which output that "
                "is; name the outputs with --labels"
            )
        self.progress.step("asking the labelled faces for the labels")
        contract = Contract("", spec)
        count = min(ROUNDS[-1], len(answers.faces))
        self._refuse_chance(answers.recall(contract, count), "--labels auto: in no order of the labels")
        outputs = best_outputs(answers.confusion(contract, count))
        labels = tuple(names[position] for position in np.argsort(outputs))
        self.progress.tell(
            f"--labels auto: took --labels {','.join(labels)} (mean recall {answers.recall(contract, count):.1%} on "
            f"{count} faces)"
        )
        return labels

    def _answers(self, labels: tuple[str, ...], option: str) -> Answers:
        if len(labels) != self.model.classes:
            raise BadInput(
                f"{option}: the model has {self.model.classes} outputs, but there are {len(labels)} labels "
                f"({', '.join(labels)}); name the outputs with --labels"
            )
        known, positions = known_faces(self.faces, labels)
        if not len(known):
            raise BadInput(f"{option} needs labelled faces of the model's classes, and {self.data} has none")
        return Answers(self.model, known, positions)

    def _refuse_chance(self, recall: float, where: str) -> None:
        chance = 1 / self.model.classes
        if recall < TIMES_CHANCE * chance:
            raise GateFailed(
                f"{where} does the model know the faces of {self.data} (mean recall at best {recall:.1%}, chance is "
                f"{chance:.1%}); look up how it was trained"
            )


def _choice(best: Scored, tried: list[Scored]) -> str:
    """Return what was taken, and what came next."""
    others = sorted((other for other in tried if other is not best), key=lambda other: -other.recall)
    following = others[0]
    return (
        f"took {best.contract.options} (mean recall {best.recall:.1%} on {best.gain.faces} faces; next is "
        f"{following.contract.options} with {following.recall:.1%})"
    )
