"""Draws the figures of classifiers with matplotlib; nothing is shown and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.evaluation.html import GRID, INK, LINE, beside, colours, hint, new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from edge_fer.evaluation.classification import ClassificationReport

AMOUNTS: Final = {
    "resolution": "side that is left, px",
    "blur": "standard deviation, px",
    "noise": "standard deviation, grey levels",
}
"""What the amount of each kind of condition is, for the axis."""


def confusion(report: ClassificationReport, title: str = "") -> Figure:
    """Draw the confusion matrix as shares of each true class."""
    names = [entry.name for entry in report.classes]
    counts = np.array(report.confusion)
    images = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(images, 1)  # a class without images stays at 0
    figure = new_figure(5.2, 4.6)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.5 else INK  # readable on the dark and on the light end of the colour map
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=colour)
    axes.set(xticks=range(len(names)), yticks=range(len(names)), xlabel="predicted", ylabel="true", title=title)
    axes.set_xticklabels(names, rotation=40, ha="right")
    axes.set_yticklabels(names)
    return figure


def reliability(reports: Mapping[str, ClassificationReport]) -> Figure:
    """Draw accuracy against confidence, a line for each system; on the diagonal, confidence equals accuracy."""
    figure = new_figure(7.6, 4.2)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=LINE, linestyle="--", linewidth=1)
    # A system without scores keeps its colour, so that colours are the same in every plot of a page.
    for colour, (name, report) in zip(colours(len(reports)), reports.items(), strict=True):
        if not report.reliability:
            continue
        confidences = [entry.confidence for entry in report.reliability]
        accuracies = [entry.accuracy for entry in report.reliability]
        label = f"{name} ({report.calibration_error:.3f})"
        (line,) = axes.plot(confidences, accuracies, marker="o", markersize=4, color=colour, label=label)
        hint(line, label)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", title="Reliability (calibration error)")
    beside(figure)
    return figure


def sweep(kind: str, amounts: Sequence[float], accuracies: Mapping[str, Sequence[float]]) -> Figure:
    """Draw accuracy against the *amounts* of one kind of condition, a line for each system."""
    figure = new_figure(7.6, 3.6)
    axes = figure.add_subplot()
    for colour, (name, shares) in zip(colours(len(accuracies)), accuracies.items(), strict=True):
        (line,) = axes.plot(amounts, np.array(shares) * 100, marker="o", markersize=4, color=colour, label=name)
        told = [f"{amount:g}: {share:.2%}" for amount, share in zip(amounts, shares, strict=True) if share == share]
        hint(line, f"{name}; {', '.join(told)}")
    if kind == "resolution":
        axes.invert_xaxis()  # so that faces become worse to the right in every plot
    axes.set(xlabel=AMOUNTS.get(kind, kind), ylabel="accuracy, %", title=f"Accuracy against {kind}")
    axes.grid(color=GRID)
    beside(figure)
    return figure


def curves(title: str, epochs: Sequence[int], lines: Mapping[str, Sequence[float | None]], label: str) -> Figure:
    """Draw *lines* over *epochs*; a None leaves a gap. *label* is that of the vertical axis."""
    figure = new_figure(7.6, 3.6)
    axes = figure.add_subplot()
    for colour, (name, values) in zip(colours(len(lines)), lines.items(), strict=True):
        heights = np.array(values, np.float64)  # None becomes NaN, which matplotlib does not draw
        axes.plot(epochs, heights, color=colour, label=name)
    axes.set(xlabel="epoch", ylabel=label, title=title)
    axes.grid(color=GRID)
    beside(figure)
    return figure
