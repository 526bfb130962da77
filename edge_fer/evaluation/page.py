"""A comparison as a page, and as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer.evaluation import html, plots
from edge_fer.evaluation.conditions import ORIGINAL, SWEEPS
from edge_fer.evaluation.published import RAZA_2025

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

    from edge_fer.evaluation.classification import ClassificationReport
    from edge_fer.evaluation.comparison import SystemComparison


def table(comparison: SystemComparison) -> Table:
    """Return what each system is worth, one row a system."""
    from rich.table import Table

    made = Table(title=f"{comparison.data}, {len(comparison.faces)} images", title_justify="left")
    headings = ("system", "accuracy", "fresh", "macro-F1", "weighted F1", "mAP", "calibration error")
    for heading in headings:
        made.add_column(heading, justify="left" if heading == "system" else "right")
    for entry in comparison.results:
        if entry.condition.kind == "original":
            report = entry.report
            error = report.calibration_error
            made.add_row(
                entry.system,
                html.percent(report.accuracy),
                html.percent(entry.deduplicated.accuracy if entry.deduplicated else None),
                html.percent(report.mean("f1")),
                html.percent(report.mean("f1", weighted=True)),
                html.percent(report.mean("average_precision")),
                "–" if error is None else f"{error:.3f}",
            )
    return made


def raza_table(comparison: SystemComparison) -> str:
    """Return a table in the form of Raza et al., KJMR 2025, Table I, as Markdown: measured, then published."""
    rows = ["| | expression | precision | recall | mAP | F-score |", "| --- | --- | --- | --- | --- | --- |"]
    for name, report in comparison.reports().items():
        for at, found in enumerate(report.classes):
            mean = "–" if found.average_precision is None else f"{found.average_precision * 100:.2f}"
            first = f"{name}, measured" if at == 0 else ""
            rows.append(
                f"| {first} | {found.name} | {found.precision * 100:.2f} | {found.recall * 100:.2f} | {mean} | "
                f"{found.f1 * 100:.2f} |"
            )
    for name, classes in RAZA_2025.items():
        for at, (label, told) in enumerate(classes.items()):
            first = f"{name}, published" if at == 0 else ""
            rows.append(
                f"| {first} | {label} | {told.precision:.2f} | {told.recall:.2f} | {told.average_precision:.2f} | "
                f"{told.f1:.2f} |"
            )
    return "\n".join(rows)


def comparison_page(comparison: SystemComparison) -> str:
    """Return the whole comparison as one page that needs nothing else."""
    reports = comparison.reports()
    return html.render(
        "eval.html.j2",
        comparison=comparison,
        originals=[entry for entry in comparison.results if entry.condition.kind == "original"],
        reports=reports,
        published=RAZA_2025,
        confusions={name: html.embedded(plots.confusion(report, name)) for name, report in reports.items()},
        reliability=html.embedded(plots.reliability(reports)) if any(w.reliability for w in reports.values()) else None,
        sweeps=[html.embedded(figure) for figure in _sweeps(comparison)],
    )


def _sweeps(comparison: SystemComparison) -> list[Figure]:
    figures = []
    for kind, sweep in SWEEPS.items():
        conditions = sweep if kind == "resolution" else (ORIGINAL, *sweep)
        found: dict[str, list[ClassificationReport | None]] = {
            name: [comparison.reports(condition).get(name) for condition in conditions] for name in comparison.systems
        }
        lines: dict[str, Any] = {
            name: [np.nan if report is None else report.accuracy for report in reports]
            for name, reports in found.items()
            if any(reports[1:])
        }
        if lines:
            figures.append(plots.sweep(kind, [condition.amount for condition in conditions], lines))
    return figures
