"""Which accuracy the models of a run are compared by: one figure for all, on one set of faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer.evaluation.metrics import bracketed, interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edge_fer_bench.results import Measurement


@dataclass(frozen=True)
class Merit:
    """The accuracy of one measurement's target."""

    share: float
    images: int
    where: str
    """By whose word and on which faces, for instance ``by FER+ on FER2013 PublicTest, as its manifest says``."""

    def interval(self) -> tuple[float, float]:
        """Return its 95 % interval, two shares of 1."""
        return interval(self.share, self.images)

    def text(self) -> str:
        """Return the share with its 95 % interval, per cent."""
        return f"{self.share:.2%} {bracketed(self.share, self.images)}"


def merits(measurements: Sequence[Measurement]) -> dict[str, Merit]:
    """Return what the *measurements* are compared by: name → accuracy; without those of which it is not known.

    Measured figures go before stated ones, and the votes of many people before one label. Figures of different sets are
    no comparison, so those of the manifests count only where all are on one set.
    """
    for way in WAYS:
        found: dict[str, Merit] = {}
        for measurement in measurements:
            merit = way(measurement)
            if merit is not None:
                found[measurement.name] = merit
        if found and len({(merit.where, merit.images) for merit in found.values()}) == 1:
            return found
    return {}


def whose(known: Mapping[str, Merit]) -> str:
    """Return in a line whose word the accuracies are, and of which faces; empty where none is known."""
    for merit in known.values():
        return f"accuracy {merit.where}, {merit.images} faces"
    return ""


def _measured_by_votes(measurement: Measurement) -> Merit | None:
    measured = measurement.accuracy
    if measured is None or measured.by_votes is None or not measured.by_votes.images:
        return None
    votes = measured.by_votes
    return Merit(votes.accuracy_8_classes, votes.images, f"by FER+ on {measured.data}")


def _measured(measurement: Measurement) -> Merit | None:
    measured = measurement.accuracy
    return Merit(measured.accuracy, measured.images, f"on {measured.data}") if measured and measured.images else None


def _stated_by_votes(measurement: Measurement) -> Merit | None:
    stated = measurement.stated
    if stated is None or stated.votes_accuracy is None or not stated.votes_images:
        return None
    return Merit(stated.votes_accuracy, stated.votes_images, f"by FER+ on {stated.data}, as its manifest says")


def _stated(measurement: Measurement) -> Merit | None:
    stated = measurement.stated
    if stated is None or stated.accuracy is None or not stated.images:
        return None
    return Merit(stated.accuracy, stated.images, f"on {stated.data}, as its manifest says")


WAYS: Final[tuple[Callable[[Measurement], Merit | None], ...]] = (
    _measured_by_votes,
    _measured,
    _stated_by_votes,
    _stated,
)
"""From the best to the weakest word about a target."""
