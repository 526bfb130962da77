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
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.preprocess import Preprocess
    from edge_fer.progress import ProgressListener
    from edge_fer_convert.contract.search import Scored
    from edge_fer_convert.float_model import FloatModel

ASKED: Final = ROUNDS[1]
"""Number of faces, at most, that are asked."""
ABOVE_CHANCE: Final = 1 / 6
"""Share of the way from chance to perfect answers that the mean recall must have come for a contract to be taken from
them: twice as good as chance, where there are seven classes."""
LEAST_FACES: Final = 70
"""Number of faces without which nothing is taken: of fewer, answers at random fit one of the many contracts."""
LEAST_OF_CLASS: Final = 5
"""Number of faces of a class without which its output is not found."""


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
        if len(np.unique(answers.labels)) == 1:
            raise BadInput(
                f"--range auto: {self.data} has faces of one class only, and a model that answers that class whatever "
                "it sees would be right under every range; pass faces of several classes, or --range"
            )
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
        seen = np.bincount(answers.labels, minlength=len(names))
        unseen = [name for name, faces in zip(names, seen, strict=True) if faces < LEAST_OF_CLASS]
        if unseen:
            raise BadInput(
                f"--labels auto: {self.data} has fewer than {LEAST_OF_CLASS} faces of {', '.join(unseen)}, so nothing "
                "tells which output that is; name the outputs with --labels"
            )
        self.progress.step("asking the labelled faces for the labels")
        contract = Contract("", spec)
        count = min(ROUNDS[-1], len(answers.faces))
        self._refuse_chance(answers.recall(contract, count), "--labels auto: in no order of the labels")
        counts = answers.confusion(contract, count)
        outputs = best_outputs(counts)
        self._refuse_doubt(counts, outputs)
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
        if len(known) < LEAST_FACES:
            raise BadInput(
                f"{option} needs {LEAST_FACES} labelled faces, and {self.data} has {len(known)} of the model's "
                f"classes; pass more with --evaluate, or {option.removesuffix(' auto')}"
            )
        return Answers(self.model, known, positions)

    def _refuse_doubt(self, counts: NDArray[np.int64], outputs: NDArray[np.intp]) -> None:
        """Raise `GateFailed` where *outputs*, that of each class by the confusion *counts*, are not the only order.

        One output that does not answer for its class most often is the one that is left; two could be swapped.
        """
        recalls = counts / counts.sum(axis=1, keepdims=True)
        own = recalls[np.arange(len(outputs)), outputs]
        doubtful = np.flatnonzero((own == 0) | (own < recalls[:, outputs].max(axis=0)))
        if len(doubtful) > 1:
            names = ", ".join(self.faces.names[position] for position in doubtful)
            raise GateFailed(
                f"--labels auto: the model does not know {names} of {self.data} well enough to tell which outputs "
                "these are; name the outputs with --labels"
            )

    def _refuse_chance(self, recall: float, where: str) -> None:
        chance = 1 / self.model.classes
        if recall - chance < ABOVE_CHANCE * (1 - chance):
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
