"""Plots of figures as matplotlib figures; nothing is shown, nothing is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_fer.evaluation.html import colours, new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from edge_fer.evaluation.classification import ClassificationReport

UNITS = {
    "resolution": "side that is left, px",
    "blur": "standard deviation, px",
    "noise": "standard deviation, grey levels",
}


def confusion(report: ClassificationReport, title: str = "") -> Figure:
    """Draw the confusion matrix as shares of each true class."""
    names = [c.name for c in report.classes]
    counts = np.array(report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = new_figure(5.2, 4.6)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.5 else "#1b1f24")
    axes.set(xticks=range(len(names)), yticks=range(len(names)), xlabel="predicted", ylabel="true", title=title)
    axes.set_xticklabels(names, rotation=40, ha="right")
    axes.set_yticklabels(names)
    return figure


def reliability(reports: Mapping[str, ClassificationReport]) -> Figure:
    """Draw accuracy against confidence, a line a system; on the diagonal a score says how often it is right."""
    figure = new_figure(4.8, 4.4)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#98a2b3", linestyle="--", linewidth=1)
    for colour, (name, report) in zip(colours(len(reports)), reports.items(), strict=True):
        if report.reliability:
            points = [(b.confidence, b.accuracy) for b in report.reliability]
            error = report.calibration_error
            axes.plot(*zip(*points, strict=True), marker="o", markersize=4, color=colour, label=f"{name} ({error:.3f})")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", title="Reliability (calibration error)")
    axes.legend(fontsize=8)
    return figure


def sweep(kind: str, amounts: Sequence[float], accuracies: Mapping[str, Sequence[float]]) -> Figure:
    """Draw accuracy against the *amounts* of one kind of change, a line a system."""
    figure = new_figure(4.8, 3.6)
    axes = figure.add_subplot()
    for colour, (name, values) in zip(colours(len(accuracies)), accuracies.items(), strict=True):
        axes.plot(amounts, np.array(values) * 100, marker="o", markersize=4, color=colour, label=name)
    if kind == "resolution":
        axes.invert_xaxis()
    axes.set(xlabel=UNITS.get(kind, kind), ylabel="accuracy, %", title=f"Accuracy against {kind}")
    axes.grid(color="#e4e7ec")
    axes.legend(fontsize=8)
    return figure


def curves(title: str, epochs: Sequence[int], lines: Mapping[str, Sequence[float | None]], label: str) -> Figure:
    """Draw *lines* over *epochs*; None leaves a gap."""
    figure = new_figure(6.4, 3.6)
    axes = figure.add_subplot()
    for colour, (name, values) in zip(colours(len(lines)), lines.items(), strict=True):
        axes.plot(epochs, [np.nan if v is None else v for v in values], color=colour, label=name)
    axes.set(xlabel="epoch", ylabel=label, title=title)
    axes.grid(color="#e4e7ec")
    axes.legend(fontsize=8)
    return figure
