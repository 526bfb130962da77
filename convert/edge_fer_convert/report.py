"""Reports of a conversion: a table for the terminal, a self-contained HTML page, and the same figures as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import __version__
from edge_fer.evaluation.html import render
from edge_fer.evaluation.origin import Origin
from edge_fer.text import percent
from edge_fer_convert import targets
from edge_fer_convert.graph import short_name

if TYPE_CHECKING:
    from rich.table import Table

    from edge_fer_convert.contract.check import ContractCheck
    from edge_fer_convert.fallbacks import Attempt
    from edge_fer_convert.gate import Drop, QuantizationComparison
    from edge_fer_convert.result import Conversion, TargetResult

WORST: Final = 10
"""Number of tensors that the report lists for each target."""
FORMAT_VERSION: Final = 1
SMALLEST_AXIS: Final = 0.5
"""Points below zero that the axis of the drops shows at least."""


def as_dict(conversion: Conversion) -> dict[str, Any]:
    """Return all figures, ready for JSON: rates as shares of 1, drops in percentage points, times in ms."""
    job = conversion.job
    measured_on = job.measured_on
    return {
        "format_version": FORMAT_VERSION,
        "edge_fer": __version__,
        "name": job.metadata.name,
        "labels": list(job.metadata.labels),
        "preprocess": job.metadata.preprocess.model_dump(mode="json"),
        "gate": asdict(job.gate),
        "weaker_check": job.evaluated is None,
        "evaluated_on": {"data": measured_on.name, "split": measured_on.split, "images": conversion.images},
        "calibrated_with": {
            "data": job.pool.name,
            "images": len(conversion.calibration.faces),
            "seed": job.seed,
            "sha256": conversion.calibration.sha256,
        },
        "contract": _contract(conversion.contract),
        "tools": conversion.tools,
        "seconds": conversion.seconds,
        "failed": {target: failure.reason for target, failure in conversion.failed.items()},
        "tools_said": _tools_said(conversion),
        "warnings": list(conversion.warnings),
        "targets": [_target(conversion, result) for result in conversion.results],
    }


def _contract(contract: ContractCheck | None) -> dict[str, Any] | None:
    if contract is None:
        return None
    found = contract.search
    return {
        "data": contract.faces,
        "mean_recall": found.given.recall,
        "images": found.given.gain.faces,
        "others": [
            {
                "options": other.contract.options,
                "mean_recall": other.recall,
                "images": other.gain.faces,
                "gain_points": 100 * other.gain.gain,
                "error_points": 100 * other.gain.error,
            }
            for other in found.others
        ],
    }


def _tools_said(conversion: Conversion) -> list[dict[str, str]]:
    """Return the whole message of each tool that failed, each message once."""
    failures = list(conversion.failed.items())
    for result in conversion.results:
        failures += [(f"{result.asked}: {failure.what}", failure) for failure in result.failures]
    said: dict[str, list[str]] = {}
    for what, failure in failures:
        said.setdefault(failure.text, []).append(what)
    return [{"what": "; ".join(whats), "text": text} for text, whats in said.items()]


def _target(conversion: Conversion, result: TargetResult) -> dict[str, Any]:
    comparison = result.chosen.comparison
    evaluation = conversion.evaluation(result)
    size_bytes = len(result.chosen.files)
    # Every target may have fallen back to float32, so the size of float32 is known for each runtime.
    float_bytes = conversion.float_bytes[targets.runtime_of(result.target)]
    return {
        "asked": result.asked,
        "target": result.target,
        "recipe": result.chosen.variant.description,
        "computes": result.computes,
        "layers_that_join_branches": result.fusion_layers,
        "size_bytes": size_bytes,
        "size_ratio": size_bytes / float_bytes,
        # "fresh" means: without a near-copy in the pool.
        "fresh_images": evaluation.fresh_images,
        "fresh_accuracy": evaluation.fresh_accuracy,
        **_figures(comparison),
        "votes": evaluation.votes.model_dump() if evaluation.votes else None,
        "recall_deltas_points": comparison.recall_deltas() if comparison.before else None,
        "confusion_before": comparison.before,
        "confusion_after": comparison.after,
        "worst_tensors": [asdict(tensor) for tensor in result.worst[:WORST]],
        "latency_ms": list(result.latency_ms),
        "attempts": [_attempt(attempt) for attempt in result.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "recipe": attempt.variant.description,
        "precision": attempt.variant.precision,
        "comparison": attempt.variant.shown_only,
        "size_bytes": len(attempt.files),
        "refused": attempt.refused,
        **_figures(attempt.comparison),
    }


def _figures(comparison: QuantizationComparison) -> dict[str, Any]:
    return {
        "accuracy": comparison.accuracy,
        "macro_f1": comparison.macro_f1,
        "drop_points": asdict(comparison.drop) if comparison.drop else None,
        "f1_drop_points": asdict(comparison.f1_drop) if comparison.f1_drop else None,
        "agreement": comparison.agreement,
    }


def table(conversion: Conversion) -> Table:
    """Return the summary as a table for the terminal."""
    from rich.table import Table

    measured_on = conversion.job.measured_on
    name = conversion.job.metadata.name
    summary = Table(
        title=f"{name} on {measured_on.name} {measured_on.split}, {conversion.images} images",
        title_justify="left",
    )
    summary.add_column("target")
    headings = ["MB", "accuracy", "drop [95 %]", "macro-F1", "drop [95 %]", "agreement", "p50 ms", "p90 ms"]
    if conversion.job.votes is not None:
        headings[1:1] = ["FER+ majority", "drop"]
    for heading in headings:
        summary.add_column(heading, justify="right")
    for result in conversion.results:
        summary.add_row(*_cells(conversion, result))
    return summary


def _cells(conversion: Conversion, result: TargetResult) -> list[str]:
    """Return the row of one target."""
    comparison = result.chosen.comparison
    asked = "" if result.target == result.asked else f" (asked: {result.asked})"
    p50, p90 = np.percentile(result.latency_ms, (50, 90))
    cells = [
        f"{result.target}{asked}",
        f"{len(result.chosen.files) / 1e6:.2f}",
        percent(comparison.accuracy),
        _interval(comparison.drop),
        percent(comparison.macro_f1),
        _interval(comparison.f1_drop),
        percent(comparison.agreement),
        f"{p50:.2f}",
        f"{p90:.2f}",
    ]
    by_votes = conversion.evaluation(result).votes
    if by_votes is not None:
        cells[2:2] = [percent(by_votes.accuracy_8_classes), _points(by_votes.drop_points)]
    return cells


def _points(value: float) -> str:
    return f"{value:+.2f}"


def _interval(drop: Drop | None) -> str:
    if drop is None:
        return "–"
    return f"{_points(drop.points)} [{_points(drop.low)}, {_points(drop.high)}]"


def html_report(conversion: Conversion) -> str:
    """Return the report as one HTML page that loads nothing else."""
    return html_page(as_dict(conversion), Origin.now())


def html_page(figures: dict[str, Any], origin: Origin) -> str:
    """Return what `as_dict` returns as one HTML page that loads nothing else."""
    shown = []
    for target in figures["targets"]:
        p50, p90 = np.percentile(target["latency_ms"], (50, 90))
        shown.append({**target, "p50": float(p50), "p90": float(p90)})
    return render(
        "report.html.j2",
        "edge_fer_convert",
        filters={"short": short_name, "points": _points},
        report={**figures, "targets": shown},
        origin=origin,
        axis=_axis(figures),
    )


def _axis(figures: dict[str, Any]) -> dict[str, float]:
    """Return the ends of the axis that all drops are drawn on, in percentage points."""
    # The limit of the gate is drawn too, with some room to its right.
    low = -SMALLEST_AXIS
    high = figures["gate"]["max_drop"] * 1.5
    for target in figures["targets"]:
        for drop in (target["drop_points"], target["f1_drop_points"]):
            if drop:
                low = min(low, drop["low"])
                high = max(high, drop["high"])
    return {"low": low, "high": high, "span": high - low}
