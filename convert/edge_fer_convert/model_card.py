"""The model card of a bundle: what it is for and not for, what it was made from, what it is worth."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.evaluation.classification import evaluate

if TYPE_CHECKING:
    from edge_fer_convert.result import Conversion, TargetResult


def render(conversion: Conversion, results: list[TargetResult], machine: str) -> str:
    """Return the card of *results*, the first of which the bundle recommends, as Markdown.

    *machine* says on what the latencies were measured.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (it is no HTML)
    template = resources.files("edge_fer_convert").joinpath("model_card.md.j2").read_text(encoding="utf-8")
    environment.filters["percent"] = _percent
    job, labels = conversion.job, conversion.labels
    return (
        environment.from_string(template).render(
            job=job,
            conversion=conversion,
            judged_on=job.evaluated,
            deduplicated=int(conversion.deduplicated.sum()) if conversion.deduplicated is not None else None,
            rows=[_row(conversion, result) for result in results],
            classification=None if labels is None else evaluate(results[0].chosen.scores, labels, job.labels),
            machine=machine,
        )
        + "\n"
    )


def _row(conversion: Conversion, result: TargetResult) -> dict[str, str]:
    judged = result.chosen.comparison
    p50, p90 = np.percentile(result.latency_ms, (50, 90))
    return {
        "target": result.target,
        "megabytes": f"{len(result.chosen.files) / 1e6:.2f}",
        "accuracy": _percent(judged.accuracy),
        "macro_f1": _percent(judged.macro_f1),
        "fresh": _percent(conversion.evaluation(result).fresh_accuracy),
        "drop": f"{judged.drop.points:+.2f}" if judged.drop else "–",
        "agreement": _percent(judged.agreement),
        "latency": f"{p50:.2f} / {p90:.2f} ms",
    }


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"
