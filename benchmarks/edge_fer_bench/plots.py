"""Figures of a run: latencies, stages, accuracy against time, states over time, the machine; and one of many boards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from edge_fer.emotions import UNKNOWN
from edge_fer.errors import BadInput
from edge_fer.evaluation.html import COLOURS, GRID, LINE, beside, colours, hint, new_figure
from edge_fer_bench.behaviour import behaviours, spans
from edge_fer_bench.merit import merits
from edge_fer_bench.table import fastest_first

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from edge_fer_bench.results import Measurement, Run

WIDTH_IN: Final = 10.0
"""With the legend, which stands beside the values."""
UNKNOWN_COLOUR: Final = "#d0d5dd"
CURVE_POINTS: Final = 1001
"""Points of a latency curve: a page would otherwise be made of many thousand frames."""


@dataclass(frozen=True)
class Plot:
    """One figure of a run's page."""

    title: str
    draw: Callable[[Run], Figure | None]
    """Returns None if the run lacks what the figure shows."""


def picture(run: Run, name: str, measurements: Sequence[str] = ()) -> Figure:
    """Return the plot *name*, one of `PLOTS`, of all *measurements* of *run* or of those named.

    Raises `BadInput` for a measurement that the run does not have, and if the run lacks what the plot shows.
    """
    if measurements:
        run = _with_measurements(run, measurements)
    figure = PLOTS[name].draw(run)
    if figure is None:
        raise BadInput(
            f"the run has no values for the plot {name}; draw another plot, or measure with --suite full --data"
        )
    return figure


def latencies(run: Run) -> Figure | None:
    """Draw which share of the frames takes at most how long, one line per measurement; the tail is not cut off."""
    measurements = fastest_first(run)
    if not measurements:
        return None
    figure = new_figure(WIDTH_IN, 4.2)
    axes = figure.add_subplot()
    # Quantiles at even steps: the tail keeps its shape, and the page stays small.
    shares = np.linspace(0, 1, CURVE_POINTS)
    for number, (colour, measurement) in enumerate(zip(colours(len(measurements)), measurements, strict=True)):
        frames_ms = measurement.frames_ms()
        p90_ms = measurement.p90_ms()
        # Peers are dashed here and square below, so that they differ without colours as well.
        own = "-" if number < len(COLOURS) else ":"  # where colours come a second time
        style = own if measurement.kind == "edge-fer" else "--"
        label = f"{measurement.name}: {p90_ms:.2f} ms"
        (line,) = axes.plot(np.quantile(frames_ms, shares), shares, color=colour, label=label, linestyle=style)
        hint(line, label)
        axes.plot([p90_ms], [0.9], marker="o", markersize=5, color=colour)
    # Where the line crosses a curve is the p90, the headline figure.
    axes.axhline(0.9, color=LINE, linewidth=0.8)
    axes.set(xlabel="milliseconds per frame", ylabel="share of frames", ylim=(0, 1.01))
    _logarithmic(axes)
    axes.grid(color=GRID, which="both")
    beside(figure, title="90th percentile")
    return figure


def stages(run: Run) -> Figure | None:
    """Draw the mean time of each stage, one bar per measurement."""
    bars: dict[str, dict[str, float]] = {}
    for measurement in fastest_first(run):
        means_ms = _mean_stages_ms(measurement)
        if means_ms:  # a peer does not time its stages
            bars[measurement.name] = means_ms
    if not bars:
        return None
    names = list(next(iter(bars.values())))
    figure = new_figure(WIDTH_IN, max(1.6, 0.9 + 0.38 * len(bars)))
    axes = figure.add_subplot()
    lefts = np.zeros(len(bars))
    for colour, stage in zip(colours(len(names)), names, strict=True):
        lengths = np.array([means_ms[stage] for means_ms in bars.values()])
        drawn = axes.barh([*bars], lengths, left=lefts, color=colour, label=stage)
        for bar, length in zip(drawn, lengths, strict=True):
            hint(bar, f"{stage}: {length:.3f} ms")
        lefts += lengths  # the next stage begins where this one ends
    axes.invert_yaxis()  # the fastest on top, as in the table
    axes.set(xlabel="milliseconds per frame, mean")
    beside(figure)
    return figure


def accuracy(run: Run) -> Figure | None:
    """Draw accuracy, with its 95 % interval, against the p90.

    A line joins the measurements that none beats in both: the Pareto front.
    """
    measurements = fastest_first(run)
    known = merits(measurements)
    points: dict[str, tuple[float, float]] = {}
    markers: dict[str, str] = {}
    for measurement in measurements:
        if measurement.name in known:
            points[measurement.name] = (measurement.p90_ms(), 100 * known[measurement.name].share)
            own = "o" if len(markers) < len(COLOURS) else "D"
            markers[measurement.name] = own if measurement.kind == "edge-fer" else "s"
    if len(points) < 2:  # the table shows a single point as well
        return None
    figure = new_figure(WIDTH_IN, 4.2)
    axes = figure.add_subplot()
    front = np.array(pareto_front([*points.values()]))
    # Steps, since between two measurements there is nothing to choose.
    axes.plot(front[:, 0], front[:, 1], color=LINE, linewidth=1, drawstyle="steps-post", zorder=0)
    for colour, (name, (p90_ms, percent)) in zip(colours(len(points)), points.items(), strict=True):
        point = axes.scatter([p90_ms], [percent], color=colour, marker=markers[name], label=name)
        hint(point, f"{name}: {p90_ms:.2f} ms, {known[name].text()}")
        low, high = known[name].interval()
        axes.vlines([p90_ms], 100 * low, 100 * high, color=colour, linewidth=1)
    axes.set(xlabel="milliseconds per frame, 90th percentile", ylabel="accuracy, %")
    _logarithmic(axes)
    axes.grid(color=GRID)
    beside(figure)
    return figure


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return those *points* ``(time, accuracy)`` for which none is faster and at least as accurate, fastest first."""
    front: list[tuple[float, float]] = []
    # Of equally fast points the most accurate comes first, and the others then fall behind it.
    for point in sorted(points, key=_time_then_falling_accuracy):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front


def states(run: Run) -> Figure | None:
    """Draw the label shown and the state of each target over time, one row each."""
    recorded = behaviours(fastest_first(run))
    if not recorded:
        return None
    # All targets were shown the same sequence, so the first one's truth is that of all.
    first = next(iter(recorded.values()))
    rows = [_Row("shown", first.truth)]
    rows += [_Row(name, behaviour.states) for name, behaviour in recorded.items()]
    label_colours = _label_colours(rows)
    figure = new_figure(WIDTH_IN, max(2.2, 1.0 + 0.45 * len(rows)))
    axes = figure.add_subplot()
    for height, row in enumerate(rows):
        _draw_spans(axes, height, row.changes, first.seconds, label_colours)
    axes.set(yticks=range(len(rows)), xlabel="seconds", xlim=(0, first.seconds))
    axes.set_yticklabels([row.name for row in rows])
    axes.invert_yaxis()
    handles = [_patch(colour, label) for label, colour in label_colours.items()]
    beside(figure, handles=handles)
    return figure


def machine(run: Run) -> Figure | None:
    """Draw the readings of the machine over time: heat, clock, power, other programs."""
    fields = {
        "degrees C": "temperature_c",
        "MHz": "frequency_mhz",
        "watts": "power_w",
        "others' cores": "others_cores",
    }
    curves: dict[str, list[float]] = {}
    for unit, field in fields.items():
        values = np.array([getattr(reading, field) for reading in run.readings], np.float64)  # None becomes NaN
        if not np.isnan(values).all():
            curves[unit] = values.tolist()
    if not curves:
        return None
    figure = new_figure(WIDTH_IN, 1.6 * len(curves))
    times_s = [reading.at_s for reading in run.readings]
    # One below the other, since their units have nothing in common.
    for number, (colour, unit) in enumerate(zip(colours(len(curves)), curves, strict=True), start=1):
        axes = figure.add_subplot(len(curves), 1, number)
        axes.plot(times_s, curves[unit], color=colour)
        # The curves share their time axis, so the lowest one names it for all.
        axes.set(ylabel=unit, xlabel="seconds" if number == len(curves) else "")
        axes.grid(color=GRID)
    return figure


PLOTS: Final = {
    "latencies": Plot("Milliseconds per frame: all values, the 90th percentile marked", latencies),
    "stages": Plot("Where the time of a frame goes", stages),
    "accuracy": Plot("Accuracy against time", accuracy),
    "states": Plot("States over time on a sequence whose labels are known", states),
    "machine": Plot("The machine during the run", machine),
}


def boards(runs: Mapping[str, Run]) -> Figure | None:
    """Draw the p90 of every target on every board: one row per board, one colour per target of a model."""
    points: dict[str, list[tuple[float, int]]] = {}
    names: list[str] = []
    for name, run in runs.items():
        measurements = fastest_first(run)
        if not measurements:
            continue
        for measurement in measurements:
            if measurement.target:  # a peer has none
                series = points.setdefault(f"{measurement.bundle} {measurement.target}", [])
                series.append((measurement.p90_ms(), len(names)))
        names.append(name)
    if not names:
        return None
    figure = new_figure(WIDTH_IN, 1.4 + 0.4 * len(names))
    axes = figure.add_subplot()
    for colour, (target, series) in zip(colours(len(points)), points.items(), strict=True):
        p90s_ms, rows = zip(*series, strict=True)
        axes.scatter(p90s_ms, rows, color=colour, label=target)
    _logarithmic(axes)
    axes.set(xlabel="milliseconds per frame, 90th percentile", yticks=range(len(names)))
    axes.set_yticklabels(names)
    axes.invert_yaxis()
    axes.grid(color=GRID, which="both")
    beside(figure)
    return figure


def _mean_stages_ms(measurement: Measurement) -> dict[str, float]:
    """Return the mean time of each stage of *measurement*; an empty dict if it has no stages."""
    means_ms: dict[str, float] = {}
    for stage in measurement.free[0].stages_ms:
        # Capturing is not part of the frame: without it, a bar is as long as the frame.
        if stage != "capture":
            means_ms[stage] = float(np.mean(np.concatenate(measurement.stage(stage))))
    return means_ms


class _Row(NamedTuple):
    """One row of the plot of states."""

    name: str
    changes: Sequence[tuple[float, str]]


def _with_measurements(run: Run, names: Sequence[str]) -> Run:
    """Return *run* with those measurements only that are in *names*. Raises `BadInput` for a name it does not have."""
    known = {measurement.name: measurement for measurement in fastest_first(run)}
    for name in names:
        if name not in known:
            raise BadInput(f"no measurement {name!r}; pass some of: {', '.join(known)}")
    # Of `known`, not of `names`, so that the order does not depend on that of the options.
    chosen = tuple(measurement for name, measurement in known.items() if name in names)
    return run.model_copy(update={"measurements": chosen})


def _time_then_falling_accuracy(point: tuple[float, float]) -> tuple[float, float]:
    return point[0], -point[1]


def _label_colours(rows: Sequence[_Row]) -> dict[str, str]:
    """Return a colour for each label in *rows*, in the order of appearance, and grey for `UNKNOWN` as the last one."""
    labels: dict[str, None] = {}  # a set that keeps its order
    for row in rows:
        for _, label in row.changes:
            if label not in ("", UNKNOWN):
                labels[label] = None
    label_colours = dict(zip(labels, colours(len(labels)), strict=True))
    return {**label_colours, UNKNOWN: UNKNOWN_COLOUR}


def _draw_spans(
    axes: Axes, height: int, changes: Sequence[tuple[float, str]], end_s: float, label_colours: Mapping[str, str]
) -> None:
    """Draw a bar from each of *changes* to the next one; nothing where no face was."""
    for span in spans(changes, end_s):
        if span.label:
            colour = label_colours[span.label]
            (bar,) = axes.barh(height, span.end_s - span.start_s, left=span.start_s, color=colour, height=0.7)
            hint(bar, f"{span.label}, {span.start_s:.1f} to {span.end_s:.1f} s")


def _logarithmic(axes: Axes) -> None:
    """Make the x axis logarithmic, with plain numbers at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import LogLocator, NullFormatter

    # Times differ by large factors; on a linear axis the fast ones would lie on each other.
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _patch(colour: str, label: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, label=label)
