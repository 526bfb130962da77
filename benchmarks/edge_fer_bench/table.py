"""A run as text for people, and as Markdown for a README."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer_bench import stability
from edge_fer_bench.accuracy import accuracy_rows, one_a_target, worst_class
from edge_fer_bench.behaviour import conduct
from edge_fer_bench.recommendation import recommend
from edge_fer_bench.statistics import percentiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_fer_bench.accuracy import AccuracyRow
    from edge_fer_bench.compare import RunComparison
    from edge_fer_bench.results import Measurement, Run

COLUMNS = ("", "p50 ms", "p90", "p99", "max", "frames/s", "start s", "MB", "accuracy", "golden")


def render(run: Run) -> str:
    """Return everything as lines, the recommendation last."""
    rows = _aligned([COLUMNS, *map(row, measured(run))])
    parts = (_head(run), rows, _stages(run), _judged(run), _over_time(run), _remarks(run))
    texts = ["\n".join(part) for part in map(list, parts) if part]
    best = recommend(run)
    return "\n\n".join([*texts, "\n".join(best.sentences() if best else ["nothing to recommend: see above"])])


def markdown(run: Run) -> str:
    """Return the measurements as a Markdown table."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *map(row, measured(run))]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def figures(run: Run) -> dict[str, Any]:
    """Return what is derived from *run*, for programs."""
    best = recommend(run)
    return {
        "command": run.command,
        "suite": run.suite,
        "seconds": run.seconds,
        "invalid": stability.invalid(run),
        "unstable": stability.unstable(run),
        "cells": [
            {
                "name": measurement.name,
                **dict(zip(("p50_ms", "p90_ms", "p99_ms"), percentiles(measurement.frames_ms()), strict=True)),
                "max_ms": float(measurement.frames_ms().max()),
                "frames_a_second": 1000 / float(measurement.frames_ms().mean()),
                "unsteady": stability.unsteady(measurement),
                "growth": dict(zip(("memory_mb", "open_files"), stability.growth(measurement), strict=True)),
                "blocks": [
                    {
                        "at_s": block.at_s,
                        "p90_ms": percentiles(np.asarray(block.frame_ms))[1],
                        "memory_mb": block.memory_mb,
                        "open_files": block.open_files,
                    }
                    for block in measurement.free
                ],
                "accuracy": measurement.accuracy.accuracy if measurement.accuracy else None,
                "behaviour": asdict(conduct(measurement.behaviour)) if measurement.behaviour else None,
            }
            for measurement in measured(run)
        ],
        "answers": [asdict(row) for row in accuracy_rows(run)],
        "recommended": best.measurement.name if best else None,
        "sentences": best.sentences() if best else [],
    }


def comparison(found: RunComparison) -> str:
    """Return two runs beside each other as lines."""
    rows = [("", "", "after / before", "95 % of draws", "p", "ms a frame", "")]
    for change in found.changes:
        span = f"{change.ratio.low:.2f} to {change.ratio.high:.2f}"
        verdict = ("slower" if change.ratio.value > 1 else "faster") if change.found else ""
        rows.append(
            (change.measurement, change.what, f"{change.ratio.value:.3f}", span, f"{change.p:.4f}",
             f"{change.milliseconds:+.3f}", verdict)
        )  # fmt: skip
    lines = [f"the machine itself: {found.machine:.2f}x the time of the yardstick", "", *_aligned(rows), ""]
    lines += [f"differs: {words}" for words in found.warnings] + [f"not measured any more: {n}" for n in found.lost]
    for change in found.found():
        if change.what == "frame":
            blame = found.to_blame(change.measurement)
            where = f"; {blame.what} explains {blame.milliseconds / change.milliseconds:.0%} of it" if blame else ""
            lines.append(f"{change.measurement}: p90 of a frame {change.ratio.value:.2f}x{where}")
    told = {change.measurement for change in found.found() if change.what == "frame"}
    for measurement in dict.fromkeys(change.measurement for change in found.found() if change.measurement not in told):
        if blame := found.to_blame(measurement):
            lines.append(
                f"{measurement}: {blame.what} {blame.ratio.value:.2f}x, which the p90 of a frame does not show"
            )
    return "\n".join(lines if found.found() else [*lines, "nothing differs beyond chance"])


def measured(run: Run) -> list[Measurement]:
    """Return the measurements that have frames, the fastest first."""
    return sorted(
        (measurement for measurement in run.measurements if measurement.free),
        key=lambda measurement: percentiles(measurement.frames_ms())[1],
    )


def _head(run: Run) -> Iterator[str]:
    host, scene = run.host, run.scene
    where = host["model"] or host["cpu"] or "unknown machine"
    yield f"edge-fer {run.edge_fer} bench, suite {run.suite}, {run.seconds:.0f} s{', interrupted' * run.partial}"
    yield f"{where} ({host['machine']}), {host['cores']} cores, {host['memory_mb']} MB, {host['system']}"
    yield f"CPU features: {' '.join(host['cpu_features']) or 'unknown'}; governor {host['governor'] or 'unknown'}"
    yield f"{scene['width_px']}x{scene['height_px']}, {scene['faces']} face(s); a frame: detect to sinks"


def row(measurement: Measurement) -> list[str]:
    """Return the words of *measurement* under `COLUMNS`."""
    frames = measurement.frames_ms()
    worth, golden = measurement.accuracy, measurement.golden
    return [
        measurement.name,
        *(f"{value:.2f}" for value in (*percentiles(frames), frames.max())),
        f"{1000 / frames.mean():.0f}",
        f"{np.median(measurement.cold_start_s):.2f}" if measurement.cold_start_s else "–",
        f"{max(measurement.peak_memory_mb):.0f}" if measurement.peak_memory_mb else "–",
        f"{worth.accuracy:.2%}" if worth else "–",
        "–" if golden is None else "match" if golden.passed else "DIFFER",
    ]


def _stages(run: Run) -> Iterator[str]:
    best = recommend(run)
    if best is None or not best.measurement.free[0].stages_ms:
        return
    rows: list[tuple[str, ...]] = [("stage", "p50 ms", "p90", "p99", "share")]
    whole = float(best.measurement.frames_ms().mean())
    for stage in best.measurement.free[0].stages_ms:
        values = np.concatenate(best.measurement.stage(stage))
        share = "not in the frame" if stage == "capture" else f"{values.mean() / whole:.0%}"
        rows.append((stage, *(f"{value:.3f}" for value in percentiles(values)), share))
    yield best.measurement.name
    yield from _aligned(rows)


def judged_rows(run: Run) -> list[tuple[str, ...]]:
    """Return the words of what was judged, what they mean first; nothing where nothing was."""
    found = accuracy_rows(run)
    if not found:
        return []
    worth = next(measurement.accuracy for measurement in run.measurements if measurement.accuracy)
    head = (
        f"{worth.data}, {worth.images} faces",
        "accuracy",
        "macro-F1",
        "drop",
        "F1 drop",
        "same label",
        "worst class",
    )
    return [head, *(_answered(one, worth.names) for one in found)]


def _answered(one: AccuracyRow, names: tuple[str, ...]) -> tuple[str, ...]:
    lost = ("–", "–", "–")
    if one.drop is not None:
        lost = f"{one.drop:+.2f}", f"{one.f1_drop:+.2f}", f"{one.agreement:.1%}"
    return one.name, f"{one.accuracy:.2%}", f"{one.macro_f1:.3f}", *lost, worst_class(one, names)


def _judged(run: Run) -> Iterator[str]:
    rows = judged_rows(run)
    if rows:
        yield from _aligned(rows)
        against = sorted({one.against for one in accuracy_rows(run) if one.against})
        if against:
            yield f"drops are points against {', '.join(against)}, judged here, too; negative is a gain"


def _over_time(run: Run) -> Iterator[str]:
    for measurement in measured(run):
        memory, files = stability.growth(measurement)
        if memory is not None and run.suite == "sustained":
            yield f"{measurement.name} after the first minute: {memory:+.1f} MB, {files or 0:+d} open files"
    for measurement in measured(run):
        if measurement.paced:
            seen = sum(len(block.frame_ms) for block in measurement.paced)
            dropped, late = (sum(getattr(block, name) for block in measurement.paced) for name in ("dropped", "late"))
            counts = f"{seen} seen, {dropped} dropped, {late} late"
            yield f"{measurement.name} at {run.paced_fps:g} frames a second: {counts}"
    for measurement in one_a_target(measured(run)):
        if measurement.behaviour:
            found = conduct(measurement.behaviour)
            delay = f"{np.median(found.detected_s):.2f} s" if found.detected_s else "never"
            yield (
                f"{measurement.bundle} {measurement.target} on {measurement.behaviour.data or 'drawn faces'}: "
                f"{found.changes_a_minute:.1f} changes a minute ({found.shown_a_minute:.1f} shown), "
                f"{found.false_a_minute:.1f} false, {delay} to detect one ({found.missed} missed), "
                f"{found.unknown:.0%} unknown"
            )


def _remarks(run: Run) -> Iterator[str]:
    if wrong := stability.invalid(run):
        yield f"INVALID: {', '.join(wrong)} while it was measured; mend the supply or the cooling, and measure again"
    yield from (f"unstable: {words}" for words in stability.unstable(run))
    yield from (
        f"unstable: {measurement.name}: {words}"
        for measurement in measured(run)
        for words in stability.unsteady(measurement)
    )
    yield from (
        f"failed: {measurement.name}: {measurement.failed}" for measurement in run.measurements if measurement.failed
    )
    yield from (f"not measured: {skipped.name}: {skipped.why}" for skipped in run.skipped)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        f"{row[0]:<{widths[0]}}"
        + "".join(f"{word:>{width + 2}}" for word, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
