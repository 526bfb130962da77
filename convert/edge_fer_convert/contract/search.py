"""Finds a contract under which a model answers better, with as few faces as that takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer_convert.contract.candidates import alternatives, tighter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer_convert.contract.answers import Answers, Gain
    from edge_fer_convert.contract.candidates import Contract

ROUNDS: Final = (70, 210, 700, 2000)
"""Numbers of faces that are asked one after the other; whatever cannot be better any more is not asked again."""
MUCH: Final = 0.05
"""How much mean recall another contract must add to be much better."""
LEAST: Final = 0.02
"""How much it must add before it is worth a word."""
ERRORS: Final = 3.0
"""By how many standard errors it must add that: about a dozen contracts are tried, and one looks best by chance."""
SURE: Final = 4.0
"""Standard errors after which a contract that is ahead is believed before all faces are asked."""
HOPE: Final = 2.0
"""A contract whose gain lies more than so many standard errors below `LEAST` is not asked again."""
TIE: Final = 1.0
"""Standard errors within which two contracts are equally good; the more usual one is named."""


@dataclass(frozen=True)
class Scored:
    """One contract beside the one that was given."""

    contract: Contract
    recall: float
    """Mean recall under it, as a share of 1, in the order of the labels that fits it best."""
    gain: Gain
    """What it adds to the given one."""


@dataclass(frozen=True)
class Search:
    """What became of all contracts that were tried."""

    given: Scored
    others: tuple[Scored, ...]
    """In the order in which they were tried."""
    better: Scored | None
    """The one to name instead of the given one, if any is better."""
    tighter: Scored | None
    """The given one with faces cut tighter, if that is much better."""

    @property
    def much_better(self) -> bool:
        """Whether `better` is so much better that the given one cannot be right."""
        return self.better is not None and self.better.gain.is_at_least(MUCH, ERRORS)


def search(answers: Answers, given: Contract) -> Search:
    """Try the usual contracts instead of *given*, and tighter faces."""
    tried, better = _race(answers, given, alternatives(given))
    if better is not None and better.contract.spec.equalize == given.spec.equalize:
        # Range and equalising may both be wrong; then neither alone is the whole of it.
        more = [other for other in alternatives(better.contract) if other.spec.equalize != given.spec.equalize]
        _, combined = _race(answers, better.contract, more)
        if combined is not None:
            better = scored(answers, combined.contract, given, combined.gain.faces)
            tried.append(better)
    closer = None
    if better is None:
        _, closer = _race(answers, given, tighter(given))
        if closer is not None and not closer.gain.is_at_least(MUCH, ERRORS):
            closer = None
    faces = max(each.gain.faces for each in tried)
    return Search(scored(answers, given, given, faces), tuple(tried), better, closer)


def scored(answers: Answers, contract: Contract, given: Contract, count: int) -> Scored:
    """Return how *contract* does beside *given* on the first *count* faces."""
    return Scored(contract, answers.recall(contract, count), answers.gain(contract, given, count))


def first_best(answers: Answers, found: Sequence[Scored]) -> Scored:
    """Return the best of *found*, or an earlier one that is as good."""
    best = max(found, key=lambda each: each.recall)
    for other in found:
        count = min(best.gain.faces, other.gain.faces)
        if not answers.gain(best.contract, other.contract, count).is_at_least(0, TIE):
            return other
    return best


def _race(answers: Answers, given: Contract, contracts: Sequence[Contract]) -> tuple[list[Scored], Scored | None]:
    """Ask under *contracts* until it is clear which of them, if any, is better than *given*.

    Return how all did on the faces that each was asked, and the winner.
    """
    running = list(contracts)
    result: dict[Contract, Scored] = {}
    for faces in ROUNDS:
        count = min(faces, len(answers.faces))
        for contract in running:
            result[contract] = scored(answers, contract, given, count)
        running = _still_possible(answers, [result[contract] for contract in running])
        alone = len(running) == 1 and result[running[0]].gain.is_at_least(MUCH, SURE)
        if not running or alone or count == len(answers.faces):
            break
    finalists = [result[contract] for contract in running]
    better = [each for each in finalists if each.gain.is_at_least(LEAST, ERRORS)]
    return list(result.values()), first_best(answers, better) if better else None


def _still_possible(answers: Answers, running: Sequence[Scored]) -> list[Contract]:
    """Return the contracts that may still be better than the given one, and may still be the best of all."""
    hopeful = [each for each in running if each.gain.may_be(LEAST, HOPE)]
    if not hopeful:
        return []
    leader = max(hopeful, key=lambda each: each.recall)
    count = leader.gain.faces
    return [
        each.contract
        for each in hopeful
        if not answers.gain(leader.contract, each.contract, count).is_at_least(0, SURE)
    ]
