"""A comparison as an HTML page, as a Markdown table, and as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_fer.evaluation import html, plots
from edge_fer.evaluation.conditions import ORIGINAL, SWEEPS
from edge_fer.evaluation.published import RAZA_2025
from edge_fer.text import counted, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from rich.table import Table

    from edge_fer.evaluation.comparison import SystemComparison
    from edge_fer.evaluation.conditions import Condition
    from edge_fer.evaluation.origin import Origin


def table(comparison: SystemComparison) -> Table:
    """Return the figures of the original faces, a row for each system."""
    from rich.table import Table

    rows = Table(title=f"{comparison.data}, {counted(len(comparison.faces), 'image')}", title_justify="left")
    rows.add_column("system")
    headings = ["accuracy", "without near-copies", "macro-F1", "weighted F1", "mAP", "calibration error"]
    has_votes = any(result.votes is not None for result in comparison.originals)
    if has_votes:
        headings.insert(0, "FER+ majority")
    for heading in headings:
        rows.add_column(heading, justify="right")
    for result in comparison.originals:
        report = result.report
        error = report.calibration_error
        cells = [
            result.system,
            percent(report.accuracy),
            percent(result.deduplicated.accuracy if result.deduplicated else None),
            percent(report.mean("f1")),
            percent(report.mean("f1", weighted=True)),
            percent(report.mean("average_precision")),
            "–" if error is None else f"{error:.3f}",
        ]
        if result.votes is not None:
            cells.insert(1, percent(result.votes["accuracy_8_classes"]))
        rows.add_row(*cells)
    return rows


def raza_table(comparison: SystemComparison) -> str:
    """Return the figures of each class as Markdown, those of `RAZA_2025` last.

    The columns are those of Raza et al., KJMR 2025, Table I, which calls average precision mAP; figures are per cent.
    """
    rows = ["| | expression | precision | recall | AP | F-score |", "| --- | --- | --- | --- | --- | --- |"]
    for name, report in comparison.reports().items():
        title = f"{name}, measured"
        for entry in report.classes:
            shares = (entry.precision, entry.recall, entry.average_precision, entry.f1)
            figures = [None if share is None else share * 100 for share in shares]
            rows.append(_markdown_row(title, entry.name, figures))
            title = ""  # a system's name stands in its first row only
    for name, classes in RAZA_2025.items():
        title = f"{name}, published"
        for label, published in classes.items():
            figures = [published.precision, published.recall, published.average_precision, published.f1]
            rows.append(_markdown_row(title, label, figures))
            title = ""
    return "\n".join(rows)


def comparison_page(comparison: SystemComparison, origin: Origin) -> str:
    """Return the whole comparison as one HTML page that needs no other file."""
    reports = comparison.reports()
    reliability = None
    if any(report.reliability for report in reports.values()):
        reliability = html.inline(plots.reliability(reports), "accuracy against confidence, a line for each system")
    sweeps = {}
    for kind, figure in _sweep_plots(comparison).items():
        sweeps[kind] = html.inline(figure, f"accuracy against {kind}, a line for each system")
    return html.render(
        "eval.html.j2",
        comparison=comparison,
        reports=reports,
        published=RAZA_2025,
        reliability=reliability,
        sweeps=sweeps,
        origin=origin,
    )


def _markdown_row(title: str, label: str, figures: Sequence[float | None]) -> str:
    texts = ["–" if figure is None else f"{figure:.2f}" for figure in figures]
    return f"| {' | '.join([title, label, *texts])} |"


def _sweep_plots(comparison: SystemComparison) -> dict[str, Figure]:
    """Return a plot for each sweep under which a system has answers, by the kind of the sweep."""
    figures = {}
    for kind, sweep in SWEEPS.items():
        # The original has no blur and no noise, but its resolution depends on the data; 48 px is in the sweep itself.
        conditions = sweep if kind == "resolution" else (ORIGINAL, *sweep)
        lines = _accuracies(comparison, conditions)
        if lines:
            amounts = [condition.amount for condition in conditions]
            figures[kind] = plots.sweep(kind, amounts, lines)
    return figures


def _accuracies(comparison: SystemComparison, conditions: Sequence[Condition]) -> dict[str, list[float]]:
    """Return the accuracy of each system under each of *conditions*, NaN where it has no answers.

    A system without answers beyond the first condition is left out: it makes no line.
    """
    lines = {}
    for name in comparison.systems:
        accuracies = []
        for condition in conditions:
            report = comparison.reports(condition).get(name)
            accuracies.append(np.nan if report is None else report.accuracy)
        if not np.isnan(accuracies[1:]).all():
            lines[name] = accuracies
    return lines
