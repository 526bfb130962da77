"""What a conversion tells people: a table for the terminal, a self-contained page, and the same as JSON."""

from __future__ import annotations

from dataclasses import asdict
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import __version__
from edge_fer_convert import targets
from edge_fer_convert.fallbacks import short

if TYPE_CHECKING:
    from rich.table import Table

    from edge_fer_convert.fallbacks import Attempt
    from edge_fer_convert.gate import Loss, QuantizationComparison
    from edge_fer_convert.result import Conversion, TargetResult

WORST: Final = 10
FORMAT_VERSION: Final = 1


def as_dict(conversion: Conversion) -> dict[str, Any]:
    """Return everything that was found out, for JSON: rates as shares, drops in percentage points, times in ms."""
    job = conversion.job
    return {
        "format_version": FORMAT_VERSION,
        "edge_fer": __version__,
        "name": job.name,
        "labels": list(job.labels),
        "preprocess": job.preprocess.model_dump(mode="json"),
        "gate": asdict(job.gate),
        "weaker_check": job.evaluated is None,
        "evaluated_on": {
            "data": (job.evaluated or job.pool).name,
            "split": (job.evaluated or job.pool).split,
            "images": conversion.images,
        },
        "calibrated_with": {
            "data": job.pool.name,
            "images": len(conversion.calibration.faces),
            "seed": job.seed,
            "sha256": conversion.calibration.sha256,
        },
        "tools": conversion.tools,
        "seconds": conversion.seconds,
        "warnings": conversion.warnings,
        "targets": [_target(conversion, result) for result in conversion.results],
    }


def _target(conversion: Conversion, result: TargetResult) -> dict[str, Any]:
    judged = result.chosen.comparison
    deduplicated = conversion.evaluation(result)
    return {
        "asked": result.asked,
        "target": result.target,
        "recipe": result.chosen.variant.words,
        "computes": result.computes,
        "layers_that_join_branches": result.fusion_layers,
        "size_bytes": len(result.chosen.files),
        "size_ratio": len(result.chosen.files) / _float_bytes(conversion, result),
        "fresh_images": deduplicated.fresh_images,
        "fresh_accuracy": deduplicated.fresh_accuracy,
        **_judged(judged),
        "recall_deltas_points": judged.recall_deltas() if judged.before else None,
        "confusion_before": judged.before,
        "confusion_after": judged.after,
        "worst_tensors": [asdict(tensor) for tensor in result.worst[:WORST]],
        "latency_ms": list(result.latency_ms),
        "attempts": [_attempt(attempt) for attempt in result.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "recipe": attempt.variant.words,
        "precision": attempt.variant.precision,
        "comparison": attempt.variant.shown_only,
        "size_bytes": len(attempt.files),
        "refused": attempt.refused,
        **_judged(attempt.comparison),
    }


def _judged(judged: QuantizationComparison) -> dict[str, Any]:
    return {
        "accuracy": judged.accuracy,
        "macro_f1": judged.macro_f1,
        "drop_points": asdict(judged.drop) if judged.drop else None,
        "f1_drop_points": asdict(judged.f1_drop) if judged.f1_drop else None,
        "agreement": judged.agreement,
    }


def _float_bytes(conversion: Conversion, result: TargetResult) -> int:
    """Return the size of the same runtime's float32, which every target may fall back to."""
    return conversion.float_bytes[targets.runtime_of(result.target)]


def table(conversion: Conversion) -> Table:
    """Return the summary as a table for the terminal."""
    from rich.table import Table

    judged_on = conversion.job.evaluated or conversion.job.pool
    made = Table(
        title=f"{conversion.job.name} on {judged_on.name} {judged_on.split}, {conversion.images} images",
        title_justify="left",
    )
    for heading in (
        "target",
        "MB",
        "accuracy",
        "drop [95 %]",
        "macro-F1",
        "drop [95 %]",
        "agreement",
        "p50 ms",
        "p90 ms",
    ):
        made.add_column(heading, justify="left" if heading == "target" else "right")
    for result in conversion.results:
        judged = result.chosen.comparison
        renamed = "" if result.target == result.asked else f" (asked: {result.asked})"
        p50, p90 = np.percentile(result.latency_ms, (50, 90))
        made.add_row(
            result.target + renamed,
            f"{len(result.chosen.files) / 1e6:.2f}",
            _percent(judged.accuracy),
            _interval(judged.drop),
            _percent(judged.macro_f1),
            _interval(judged.f1_drop),
            _percent(judged.agreement),
            f"{p50:.2f}",
            f"{p90:.2f}",
        )
    return made


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def _interval(loss: Loss | None) -> str:
    return "–" if loss is None else f"{loss.points:+.2f} [{loss.low:+.2f}, {loss.high:+.2f}]"


def html(conversion: Conversion) -> str:
    """Return the report as one page that needs nothing else."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": _percent, "short": short, "points": lambda value: f"{value:+.2f}"}
    template = resources.files("edge_fer_convert").joinpath("report.html.j2").read_text(encoding="utf-8")
    data = as_dict(conversion)
    for target in data["targets"]:
        target["p50"], target["p90"] = (float(value) for value in np.percentile(target["latency_ms"], (50, 90)))
    return environment.from_string(template).render(report=data, axis=_axis(data))


def _axis(data: dict[str, Any]) -> dict[str, float]:
    """Return the ends of the axis on which all drops are drawn."""
    losses = [t[kind] for t in data["targets"] for kind in ("drop_points", "f1_drop_points") if t[kind]]
    low = min([-0.5, *(loss["low"] for loss in losses)])
    high = max([data["gate"]["max_drop"] * 1.5, *(loss["high"] for loss in losses)])
    return {"low": low, "high": high, "span": high - low}
