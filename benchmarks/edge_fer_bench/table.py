"""A run as text for people, as Markdown for a README, and as figures for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import host
from edge_fer.evaluation.glossary import MEANINGS
from edge_fer.evaluation.metrics import bracketed
from edge_fer.text import counted, percent
from edge_fer_bench import coverage, detection, models, stability
from edge_fer_bench.accuracy import accuracy_rows, worst_class
from edge_fer_bench.behaviour import behaviours, summarize_states
from edge_fer_bench.merit import merits, whose
from edge_fer_bench.recommendation import judge
from edge_fer_bench.results import Measurement
from edge_fer_bench.statistics import p90, percentiles
from edge_fer_bench.wording import aligned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from edge_fer_bench.accuracy import AccuracyRow
    from edge_fer_bench.compare import Change, RunComparison
    from edge_fer_bench.recommendation import Recommendation
    from edge_fer_bench.results import Accuracy, Behaviour, Block, Golden, Run

COLUMNS: Final = ("", "p50 ms", "p90", "p99", "max", "frames/s", "start s", "MB", "accuracy", "golden")
STAGE_COLUMNS: Final = ("stage", "p50 ms", "p90", "p99", "share")
ACCURACY_COLUMNS: Final = ("accuracy", "macro-F1", "drop", "F1 drop", "same label", "worst class")
CHANGE_COLUMNS: Final = ("", "", "after / before", "95 % interval", "p", "ms a frame", "")
#: A dash where a value is unknown: an empty cell looks like a mistake, and a zero like a value.
NO_VALUE: Final = "–"
WORDS: Final = ("x1", "p90", "MB", "golden")
"""The words of the table that nobody can guess; the text explains them, and the page all."""


def render(run: Run, *, anyway: bool = False) -> str:
    """Return *run* as lines of text; the last ones say what to use on this machine, or why they do not.

    With *anyway*, a run in doubt says it, too.
    """
    measurements = fastest_first(run)
    verdict = judge(run)  # thousands of permutations, so it is computed once and passed on
    over_time = [*_growth(run, measurements), *_paced(run, measurements), *_behaviours(measurements)]
    sections: list[Sequence[str]] = [
        _head(run),
        _table(measurements),
        [f"{word}: {MEANINGS[word]}" for word in WORDS],
        _models(run),
        _stages(verdict.best),
        aligned(detection.rows(measurements)),
        aligned(coverage.rows(measurements)),
        _accuracies(run),
        over_time,
        list(_remarks(run, measurements)),
        verdict.sentences(anyway=anyway),
    ]
    texts = ["\n".join(lines) for lines in sections if lines]
    return "\n\n".join(texts)


def markdown(run: Run) -> str:
    """Return the measurements of *run* as a Markdown table."""
    headings, *measured = rows(fastest_first(run))
    lines = [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(COLUMNS), *measured)]
    return "\n".join(lines)


def figures(run: Run, *, anyway: bool = False) -> dict[str, Any]:
    """Return what can be derived from *run*, ready for JSON; with *anyway*, a run in doubt recommends, too."""
    verdict = judge(run)
    best = verdict.recommended(anyway=anyway)
    return {
        "command": run.command,
        "suite": run.suite,
        "seconds": run.seconds,
        "partial": run.partial,
        "invalid": stability.invalid(run),
        "unstable": stability.unstable(run),
        # The name that measurements have in files.
        "cells": [_measurement_figures(measurement) for measurement in fastest_first(run)],
        "answers": [asdict(row) for row in accuracy_rows(run)],
        "models": [asdict(compared) for compared in models.compare_models(run)],
        "doubts": list(verdict.doubts),
        "recommended": best.measurement.name if best else None,
        "sentences": verdict.sentences(anyway=anyway),
    }


def comparison(compared: RunComparison) -> str:
    """Return two runs beside each other as lines of text."""
    significant = compared.significant()
    # First, since a slower machine explains all changes below it.
    lines = [f"the machine itself: {compared.machine:.2f}x the time of the reference workload", ""]
    lines += aligned([CHANGE_COLUMNS, *map(_change_row, compared.changes)])
    lines.append("")
    lines += [f"differs: {warning}" for warning in compared.warnings]
    lines += [f"missing from the second run: {name}" for name in compared.lost]
    lines += _conclusions(compared, significant)
    if not significant:
        lines.append("nothing differs beyond chance")
    return "\n".join(lines)


def fastest_first(run: Run) -> list[Measurement]:
    """Return the measurements of *run* that have frames, ordered by their p90."""
    # One that failed during its start has no frames to derive anything from.
    timed = [measurement for measurement in run.measurements if measurement.free]
    return sorted(timed, key=Measurement.p90_ms)


def rows(measurements: Sequence[Measurement], *, intervals: bool = False) -> list[Sequence[str]]:
    """Return the cells of *measurements* under `COLUMNS`, which come first; with *intervals* those of the accuracies.

    An accuracy that was not measured is that of the bundle's manifest; see `edge_fer_bench.merit.whose`.
    """
    known = merits(measurements)
    cells: list[Sequence[str]] = [COLUMNS]
    for measurement in measurements:
        merit = known.get(measurement.name)
        accuracy = NO_VALUE
        if merit is not None:
            accuracy = merit.text() if intervals else percent(merit.share)
        cells.append(_row(measurement, accuracy))
    return cells


def _table(measurements: Sequence[Measurement]) -> list[str]:
    accuracy = whose(merits(measurements))
    return [*aligned(rows(measurements)), *([accuracy] if accuracy else [])]


def _row(measurement: Measurement, accuracy: str) -> list[str]:
    frames_ms = measurement.frames_ms()
    times = [f"{value:.2f}" for value in (*percentiles(frames_ms), frames_ms.max())]
    return [
        measurement.name,
        *times,
        f"{1000 / frames_ms.mean():.0f}",
        # The median start, as the first one also reads the model from the disk; but the largest memory.
        f"{np.median(measurement.cold_start_s):.2f}" if measurement.cold_start_s else NO_VALUE,
        f"{max(measurement.peak_memory_mb):.0f}" if measurement.peak_memory_mb else NO_VALUE,
        accuracy,
        _golden_word(measurement.golden),
    ]


def accuracy_table(run: Run, *, intervals: bool = False) -> list[tuple[str, ...]]:
    """Return the accuracies of *run* as rows of cells, a row of headings first; an empty list if there are none.

    With *intervals*, each accuracy has its 95 % interval.
    """
    return _accuracy_table(run, accuracy_rows(run), intervals=intervals)


def scene_line(run: Run) -> str:
    """Return what the frames of *run* show, and from where to where a frame is timed."""
    scene = run.scene
    # Runs from before there were several scenes show the easy one.
    kind = scene.get("kind", "easy")
    shown = f"{counted(scene['faces'], 'face')} in each frame" if kind == "easy" else f"scene {kind}"
    return f"{scene['width_px']}x{scene['height_px']} px, {shown}; a frame is timed from detect to sinks"


def doubts(run: Run, measurements: Iterable[Measurement]) -> list[str]:
    """Return what makes the figures of *run*, and of its *measurements*, doubtful."""
    reasons = list(stability.unstable(run))
    for measurement in measurements:
        unsteady = stability.unsteady(measurement)
        if unsteady:
            reasons.append(f"{measurement.name}: {'; '.join(unsteady)}")
    return reasons


def _golden_word(golden: Golden | None) -> str:
    if golden is None:
        return NO_VALUE
    # Capitals, so that a wrong answer is not overlooked in a row of good times.
    return "match" if golden.passed else "DIFFER"


def _measurement_figures(measurement: Measurement) -> dict[str, Any]:
    frames_ms = measurement.frames_ms()
    p50_ms, p90_ms, p99_ms = percentiles(frames_ms)
    memory_mb, open_files = stability.growth(measurement)
    behaviour = measurement.behaviour
    return {
        "name": measurement.name,
        "p50_ms": p50_ms,
        "p90_ms": p90_ms,
        "p99_ms": p99_ms,
        "max_ms": float(frames_ms.max()),
        "frames_a_second": 1000 / float(frames_ms.mean()),
        "unsteady": stability.unsteady(measurement),
        "growth": {"memory_mb": memory_mb, "open_files": open_files},
        "blocks": [_block_figures(block) for block in measurement.free],
        "accuracy": measurement.accuracy.accuracy if measurement.accuracy else None,
        "behaviour": asdict(summarize_states(behaviour)) if behaviour else None,
        "detector": measurement.detector,
        "faces_found": measurement.detection.share if measurement.detection else None,
        "following": coverage.figures(measurement),
    }


def _block_figures(block: Block) -> dict[str, Any]:
    return {
        "at_s": block.at_s,
        "p90_ms": p90(block.frame_ms),
        "memory_mb": block.memory_mb,
        "open_files": block.open_files,
    }


def _change_row(change: Change) -> tuple[str, ...]:
    verdict = ""
    if change.found:
        verdict = "slower" if change.ratio.value > 1 else "faster"
    return (
        change.measurement,
        change.what,
        f"{change.ratio.value:.3f}",
        f"{change.ratio.low:.2f} to {change.ratio.high:.2f}",
        f"{change.p:.4f}",
        f"{change.milliseconds:+.3f}",
        verdict,
    )


def _conclusions(compared: RunComparison, significant: Sequence[Change]) -> Iterator[str]:
    """Yield one line for each measurement that changed, with the stage that changed most."""
    concluded: set[str] = set()
    for change in significant:
        if change.what != "frame":
            continue
        concluded.add(change.measurement)
        stage = compared.most_changed_stage(change.measurement)
        # A stage can explain more than 100 %: another one may have become faster at the same time.
        where = f"; {stage.what} explains {stage.milliseconds / change.milliseconds:.0%} of it" if stage else ""
        yield f"{change.measurement}: p90 of a frame {change.ratio.value:.2f}x{where}"
    # Then those of which the headline does not change although a stage does.
    for change in significant:
        if change.measurement in concluded:
            continue
        concluded.add(change.measurement)
        stage = compared.most_changed_stage(change.measurement)
        if stage:
            ratio = f"{stage.ratio.value:.2f}x"
            yield f"{change.measurement}: {stage.what} {ratio}, which the p90 of a frame does not show"


def _head(run: Run) -> list[str]:
    facts = run.host
    machine = host.machine_name(facts, "unknown machine")
    cores = counted(facts["cores"], "core")
    interrupted = ", interrupted" if run.partial else ""
    features = " ".join(facts["cpu_features"]) or "unknown"
    return [
        f"edge-fer {run.edge_fer} bench, suite {run.suite}, {run.seconds:.0f} s{interrupted}",
        f"{machine} ({facts['machine']}), {cores}, {facts['memory_mb']} MB, {facts['system']}",
        f"CPU features: {features}; governor {facts['governor'] or 'unknown'}",
        scene_line(run),
    ]


def _models(run: Run) -> list[str]:
    compared = models.compare_models(run)
    if not compared:
        return []
    return ["what each model costs and wins, beside the fastest of them", *aligned(models.table(compared))]


def _stages(best: Recommendation | None) -> list[str]:
    """Return where the time of a frame goes in the best measurement: for all of them it would be too long."""
    if best is None or not best.measurement.free[0].stages_ms:
        return []
    mean_ms = float(best.measurement.frames_ms().mean())
    rows: list[Sequence[str]] = [STAGE_COLUMNS]
    for stage in best.measurement.free[0].stages_ms:
        stage_ms = np.concatenate(best.measurement.stage(stage))
        times = [f"{value:.3f}" for value in percentiles(stage_ms)]
        # Capturing happens before the frame is in hand, so it is no share of it.
        share = "not in the frame" if stage == "capture" else f"{stage_ms.mean() / mean_ms:.0%}"
        rows.append([stage, *times, share])
    return [best.measurement.name, *aligned(rows)]


def _accuracies(run: Run) -> list[str]:
    rows = accuracy_rows(run)
    lines = aligned(_accuracy_table(run, rows, intervals=False))
    references = {row.against for row in rows} - {""}
    if references:
        names = ", ".join(sorted(references))
        lines.append(f"drops are points against {names}, measured in the same run; a negative drop is a gain")
    return lines


def _accuracy_table(run: Run, rows: Sequence[AccuracyRow], *, intervals: bool) -> list[tuple[str, ...]]:
    for measurement in run.measurements:
        # The harness measures all accuracies of a run on one set, so the first one names it.
        if measurement.accuracy is not None:
            data = measurement.accuracy
            cells = [_accuracy_cells(row, data, intervals=intervals) for row in rows]
            return [_accuracy_heading(data), *cells]
    return []


def _accuracy_heading(data: Accuracy) -> tuple[str, ...]:
    title = f"{data.data}, {counted(data.images, 'face')}"
    by_votes = () if data.by_votes is None else (f"FER+ ({data.by_votes.images})",)
    return (title, *by_votes, *ACCURACY_COLUMNS)


def _accuracy_cells(row: AccuracyRow, data: Accuracy, *, intervals: bool) -> tuple[str, ...]:
    drop = f1_drop = agreement = NO_VALUE
    if row.drop is not None:
        drop = f"{row.drop:+.2f}"
        f1_drop = f"{row.f1_drop:+.2f}"
        agreement = f"{row.agreement:.1%}"
    accuracies = [(row.accuracy, data.images)]
    if data.by_votes is not None:
        accuracies.insert(0, (row.votes_accuracy or 0.0, data.by_votes.images))
    shares = [percent(share) for share, _ in accuracies]
    if intervals:
        shares = [f"{percent(share)} {bracketed(share, images)}" for share, images in accuracies]
    worst = worst_class(row, data.names)
    return (row.name, *shares, f"{row.macro_f1:.3f}", drop, f1_drop, agreement, worst)


def _growth(run: Run, measurements: Iterable[Measurement]) -> Iterator[str]:
    if run.suite != "sustained":  # the others are too short to show a leak
        return
    for measurement in measurements:
        memory_mb, open_files = stability.growth(measurement)
        if memory_mb is not None:
            files = f"{open_files or 0:+d} open files"
            yield f"{measurement.name} after the first minute: {memory_mb:+.1f} MB, {files}"


def _paced(run: Run, measurements: Iterable[Measurement]) -> Iterator[str]:
    """Yield which measurements did not keep up with a camera, and how many did."""
    kept_up = 0
    for measurement in measurements:
        if not measurement.paced:
            continue
        processed = dropped = late = 0
        for block in measurement.paced:
            processed += len(block.frame_ms)
            dropped += block.dropped
            late += block.late
        if dropped or late:
            counts = f"{processed} processed, {dropped} dropped, {late} late"
            yield f"{measurement.name} at {run.paced_fps:g} frames a second: {counts}"
        else:
            kept_up += 1
    if kept_up:
        yield f"{counted(kept_up, 'measurement')} kept up with {run.paced_fps:g} frames a second: none dropped or late"


def _behaviours(measurements: Iterable[Measurement]) -> Iterator[str]:
    for name, behaviour in behaviours(measurements).items():
        yield f"{name} on {behaviour.data or 'drawn faces'}: {_behaviour_line(behaviour)}"


def _behaviour_line(behaviour: Behaviour) -> str:
    summary = summarize_states(behaviour)
    changes = f"{summary.changes_a_minute:.1f} changes of state a minute"
    shown = f"{summary.shown_a_minute:.1f} shown"
    false = f"{summary.false_a_minute:.1f} false"
    # The median delay: a single label that is detected late would dominate a mean.
    detected = "no label detected"
    if summary.detected_s:
        detected = f"a label detected after {np.median(summary.detected_s):.2f} s"
    return f"{changes} ({shown}), {false}, {detected} ({summary.missed} missed), {summary.unknown:.0%} unknown"


def _remarks(run: Run, measurements: Iterable[Measurement]) -> Iterator[str]:
    """Yield what a reader must know before using the figures."""
    reasons = stability.invalid(run)
    if reasons:
        yield f"INVALID: {', '.join(reasons)} during the run; improve the power supply or the cooling, and run it again"
    for doubt in doubts(run, measurements):
        yield f"unstable: {doubt}"
    for measurement in run.measurements:
        if measurement.failed:
            yield f"failed: {measurement.name}: {measurement.failed}"
    for skipped in run.skipped:
        yield f"not measured: {skipped.name}: {skipped.why}"
