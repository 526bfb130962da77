"""The model card of a bundle: its purpose and limits, how it was made, and how accurate it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer.evaluation.classification import evaluate
from edge_fer.evaluation.html import render_text
from edge_fer.text import percent

if TYPE_CHECKING:
    from edge_fer_convert.result import Conversion, TargetResult


def render(conversion: Conversion, machine: str) -> str:
    """Return the model card of *conversion* as Markdown; *machine* says in words where its latencies were measured."""
    job = conversion.job
    results = conversion.distinct_results
    # Class by class for the recommended target only, which is the one that most devices run.
    classification = None
    if conversion.labels is not None:
        classification = evaluate(results[0].chosen.scores, conversion.labels, job.metadata.labels)
    text = render_text(
        "model_card.md.j2",
        "edge_fer_convert",
        job=job,
        metadata=job.metadata,
        conversion=conversion,
        rows=[_row(conversion, result) for result in results],
        classification=classification,
        voted_recall=None if job.votes is None else job.votes.figures(results[0].chosen.scores)["recall"],
        machine=machine,
    )
    return f"{text}\n"  # Jinja drops the newline at the end of a template


def _row(conversion: Conversion, result: TargetResult) -> dict[str, Any]:
    """Return the cells of one target in the table."""
    comparison = result.chosen.comparison
    evaluation = conversion.evaluation(result)
    p50, p90 = np.percentile(result.latency_ms, (50, 90))
    return {
        "target": result.target,
        "votes": evaluation.votes,
        "megabytes": f"{len(result.chosen.files) / 1e6:.2f}",
        "accuracy": percent(comparison.accuracy),
        "macro_f1": percent(comparison.macro_f1),
        "deduplicated": percent(evaluation.fresh_accuracy),
        "drop": f"{comparison.drop.points:+.2f}" if comparison.drop else "–",
        "agreement": percent(comparison.agreement),
        "latency": f"{p50:.2f} / {p90:.2f} ms",
    }
