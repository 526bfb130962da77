"""Accuracy of each target, and what it loses against its own float32, measured on the same machine in the same run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge_fer_bench.results import Accuracy, Run


@dataclass(frozen=True)
class AccuracyRow:
    """Accuracy of one target or one peer. Drops are in percentage points; a negative drop is a gain."""

    name: str
    """Bundle and target."""
    accuracy: float
    macro_f1: float
    against: str = ""
    """The float32 target it is compared with; empty if the run has none, or if this row is that target."""
    drop: float | None = None
    f1_drop: float | None = None
    agreement: float | None = None
    """Share of the images to which both targets give the same label."""
    recall_drops: tuple[float, ...] = ()
    """One value per class."""
    votes_accuracy: float | None = None
    """Accuracy by the majority of FER+ votes, eight classes; None if the run was made without votes."""


def accuracy_rows(run: Run) -> list[AccuracyRow]:
    """Return one row for each target whose accuracy *run* has, in the order of the run."""
    accuracies: dict[tuple[str, str], Accuracy] = {}
    for measurement in run.measurements:
        if measurement.accuracy is not None:
            # Threads change the speed of a target, not its predictions: its first measurement stands for the others.
            accuracies.setdefault((measurement.bundle, measurement.target), measurement.accuracy)
    rows: list[AccuracyRow] = []
    for (bundle, target), accuracy in accuracies.items():
        name = f"{bundle} {target}".strip()  # a peer has no target
        reference = _float32_target(accuracies, bundle, target)
        # A float32 target of its own has nothing to be compared with: its drop is unknown, not zero.
        if reference is None or reference == target:
            row = AccuracyRow(name, accuracy.accuracy, accuracy.macro_f1)
        else:
            row = _compared_row(name, accuracy, accuracies[bundle, reference], reference)
        if accuracy.by_votes is not None:
            row = replace(row, votes_accuracy=accuracy.by_votes.accuracy_8_classes)
        rows.append(row)
    return rows


def worst_class(row: AccuracyRow, names: Sequence[str]) -> str:
    """Return the class that loses most recall and how much it loses; a dash if no drop is known."""
    if not row.recall_drops:  # as of a float32 target, which loses nothing against itself
        return "–"
    worst = int(np.argmax(row.recall_drops))
    # Runs of an earlier edge-fer do not name the classes.
    name = names[worst] if names else f"class {worst}"
    return f"{name} {row.recall_drops[worst]:+.1f}"


def _float32_target(measured: Iterable[tuple[str, str]], bundle: str, target: str) -> str | None:
    """Return the float32 target of *bundle* to compare *target* with, of the same runtime if there is one.

    *measured* are the bundles and targets whose accuracy is known.
    """
    if not target:
        return None
    # Targets are named <runtime>-<precision>. Another runtime rounds in another order, which would count into the drop.
    runtime, _, _ = target.partition("-")
    of_another_runtime: str | None = None
    for other_bundle, other in measured:
        if other_bundle != bundle or not other.endswith("-float32"):
            continue
        if other.startswith(runtime):
            return other
        of_another_runtime = of_another_runtime or other
    return of_another_runtime


def _compared_row(name: str, accuracy: Accuracy, reference: Accuracy, against: str) -> AccuracyRow:
    # One value per class, since the mean hides a class that loses much more than the others.
    recall_drop = 100 * (np.array(reference.recall) - np.array(accuracy.recall))
    return AccuracyRow(
        name,
        accuracy.accuracy,
        accuracy.macro_f1,
        against,
        drop=100 * (reference.accuracy - accuracy.accuracy),
        f1_drop=100 * (reference.macro_f1 - accuracy.macro_f1),
        agreement=float(np.mean(np.equal(reference.predicted, accuracy.predicted))),
        recall_drops=tuple(recall_drop.tolist()),
    )
