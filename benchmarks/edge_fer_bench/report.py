"""A run as one page: how long frames take, where the time goes, accuracy against time, and what the machine did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation import html
from edge_fer.evaluation.html import colours, new_figure
from edge_fer_bench import stability, table
from edge_fer_bench.accuracy import one_a_target
from edge_fer_bench.recommendation import recommend
from edge_fer_bench.statistics import p90

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from edge_fer_bench.results import Measurement, Run

FIRST = "capture"


def run_page(run: Run) -> str:
    """Return *run* as a page that needs nothing else."""
    measurements = table.measured(run)
    best = recommend(run)
    drawn = [(plot.title, plot.draw(run, measurements)) for plot in PLOTS.values()]
    return html.render(
        "run.html.j2",
        "edge_fer_bench",
        run=run,
        rows=[table.COLUMNS, *map(table.row, measurements)],
        judged=table.judged_rows(run),
        best=best.sentences() if best else [],
        invalid=stability.invalid(run),
        unstable=[
            *stability.unstable(run),
            *(f"{c.name}: {words}" for c in measurements for words in stability.unsteady(c)),
        ],
        plots=[(title, html.embedded(figure)) for title, figure in drawn if figure is not None],
    )


def picture(run: Run, name: str, measurements: Sequence[str] = ()) -> Figure:
    """Return the plot *name*, one of `PLOTS`, of all measurements of *run* or of those named. Raises `BadInput`."""
    measured = table.measured(run)
    if strange := set(measurements) - {measurement.name for measurement in measured}:
        raise BadInput(
            f"no measurement {min(strange)!r}; pass some of: {', '.join(measurement.name for measurement in measured)}"
        )
    figure = PLOTS[name].draw(
        run, [measurement for measurement in measured if not measurements or measurement.name in measurements]
    )
    if figure is None:
        raise BadInput(f"the run tells nothing that the plot {name} could show")
    return figure


def latencies(measurements: Sequence[Measurement]) -> Figure | None:
    """Draw the share of frames that take at most so long, a line a measurement: the tail is not hidden."""
    if not measurements:
        return None
    figure = new_figure(8.0, 4.2)
    axes = figure.add_subplot()
    shares = np.linspace(0, 1, 1001)  # of many thousand frames: a page is not made of all of them
    for colour, measurement in zip(colours(len(measurements)), measurements, strict=True):
        spent = measurement.frames_ms()
        label = f"{measurement.name}: {p90(spent):.2f} ms"
        style = "-" if measurement.kind == "edge-fer" else "--"
        axes.plot(np.quantile(spent, shares), shares, color=colour, label=label, linestyle=style)
        axes.plot([p90(spent)], [0.9], marker="o", markersize=5, color=colour)
    axes.axhline(0.9, color="#98a2b3", linewidth=0.8)
    axes.set(xlabel="milliseconds of a frame", ylabel="share of frames", ylim=(0, 1.01))
    _logarithmic(axes)
    axes.grid(color="#e4e7ec", which="both")
    axes.legend(fontsize=8, loc="lower right")
    return figure


def waterfall(measurements: Sequence[Measurement]) -> Figure | None:
    """Draw the mean of each stage, one bar a measurement."""
    told = [measurement for measurement in measurements if measurement.free[0].stages_ms]
    if not told:
        return None
    stages = [stage for stage in told[0].free[0].stages_ms if stage != FIRST]
    figure = new_figure(8.0, 0.9 + 0.38 * len(told))
    axes = figure.add_subplot()
    lefts = np.zeros(len(told))
    for colour, stage in zip(colours(len(stages)), stages, strict=True):
        means = np.array([np.mean(np.concatenate(measurement.stage(stage))) for measurement in told])
        axes.barh([measurement.name for measurement in told], means, left=lefts, color=colour, label=stage)
        lefts += means
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds of a frame, mean")
    axes.legend(fontsize=8, ncols=len(stages), loc="upper center", bbox_to_anchor=(0.4, 1.0 + 0.6 / (1 + len(told))))
    return figure


def pareto(measurements: Sequence[Measurement]) -> Figure | None:
    """Draw accuracy against the 90th percentile; the line joins those that nothing beats in both."""
    judged = [measurement for measurement in measurements if measurement.accuracy]
    if len(judged) < 2:
        return None
    figure = new_figure(8.0, 4.2)
    axes = figure.add_subplot()
    points = [
        (p90(measurement.frames_ms()), 100 * measurement.accuracy.accuracy)
        for measurement in judged
        if measurement.accuracy
    ]
    front = pareto_front(points)
    axes.plot(*zip(*front, strict=True), color="#98a2b3", linewidth=1, drawstyle="steps-post", zorder=0)
    for colour, measurement, (spent, accuracy) in zip(colours(len(judged)), judged, points, strict=True):
        axes.scatter(
            [spent],
            [accuracy],
            color=colour,
            marker="o" if measurement.kind == "edge-fer" else "s",
            label=measurement.name,
        )
    axes.set(xlabel="milliseconds of a frame, 90th percentile", ylabel="accuracy, %")
    axes.grid(color="#e4e7ec")
    axes.legend(fontsize=8)
    return figure


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return those *points* of (time, accuracy) for which none is both faster and as accurate, the fastest first."""
    front: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front


def states(measurements: Sequence[Measurement]) -> Figure | None:
    """Draw what was shown and what each target said, over time."""
    watched = one_a_target(measurement for measurement in measurements if measurement.behaviour)
    if not watched or watched[0].behaviour is None:
        return None
    shown = watched[0].behaviour
    lines = [("shown", shown.truth), *((f"{c.bundle} {c.target}", c.behaviour.states) for c in watched if c.behaviour)]
    labels = list(dict.fromkeys(word for _, changes in lines for _, word in changes if word))
    figure = new_figure(8.0, 1.0 + 0.45 * len(lines))
    axes = figure.add_subplot()
    for at, (_, changes) in enumerate(lines):
        ends = [*(time for time, _ in changes[1:]), shown.seconds]
        for (begin, word), end in zip(changes, ends, strict=True):
            if word:
                colour = "#d0d5dd" if word == "unknown" else colours(len(labels))[labels.index(word)]
                axes.barh(at, end - begin, left=begin, color=colour, height=0.7)
    axes.set(yticks=range(len(lines)), xlabel="seconds", xlim=(0, shown.seconds))
    axes.set_yticklabels([name for name, _ in lines])
    axes.invert_yaxis()
    handles = [_patch(colours(len(labels))[at], word) for at, word in enumerate(labels) if word != "unknown"]
    axes.legend(handles=[*handles, _patch("#d0d5dd", "unknown")], fontsize=8, ncols=4, loc="upper center",
                bbox_to_anchor=(0.5, -0.35))  # fmt: skip
    return figure


def machine(run: Run) -> Figure | None:
    """Draw what the machine tells of itself over time: heat, clock, power, other programs."""
    told = {
        "degrees C": [reading.temperature_c for reading in run.readings],
        "MHz": [reading.frequency_mhz for reading in run.readings],
        "watts": [reading.power_w for reading in run.readings],
        "others' cores": [reading.others_cores for reading in run.readings],
    }
    known = {name: values for name, values in told.items() if any(value is not None for value in values)}
    if not known:
        return None
    figure = new_figure(8.0, 1.6 * len(known))
    times = [reading.at_s for reading in run.readings]
    for at, (colour, (name, values)) in enumerate(zip(colours(len(known)), known.items(), strict=True), start=1):
        axes = figure.add_subplot(len(known), 1, at)
        axes.plot(times, [np.nan if value is None else value for value in values], color=colour)
        axes.set(ylabel=name, xlabel="seconds" if at == len(known) else "")
        axes.grid(color="#e4e7ec")
    return figure


def _logarithmic(axes: Axes) -> None:
    """Scale the x axis so, with plain numbers at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


@dataclass(frozen=True)
class Plot:
    """One figure of a run's page."""

    title: str
    draw: Callable[[Run, Sequence[Measurement]], Figure | None]
    """None where the run does not tell what it takes."""


PLOTS: Final = {
    "latencies": Plot(
        "Milliseconds of a frame: every value, the 90th percentile marked",
        lambda _, measurements: latencies(measurements),
    ),
    "stages": Plot("Where a frame's time goes", lambda _, measurements: waterfall(measurements)),
    "accuracy": Plot("Accuracy against time", lambda _, measurements: pareto(measurements)),
    "states": Plot(
        "States over time on a sequence whose labels are known", lambda _, measurements: states(measurements)
    ),
    "machine": Plot("The machine meanwhile", lambda run, _: machine(run)),
}


def _patch(colour: str, label: str) -> object:
    from matplotlib.patches import Patch

    return Patch(color=colour, label=label)


def fleet_page(runs: Mapping[str, Run]) -> str:
    """Return *runs* of several boards, by name, as one page."""
    rows = [_board(name, run) for name, run in runs.items()]
    figure = boards({name: table.measured(run) for name, run in runs.items() if table.measured(run)})
    return html.render("fleet.html.j2", "edge_fer_bench", rows=rows, plot=html.embedded(figure) if figure else None)


def boards(measured: Mapping[str, Sequence[Measurement]]) -> Figure | None:
    """Draw the 90th percentile of every measurement, one row a board, a colour a target."""
    if not measured:
        return None
    targets = list(
        dict.fromkeys(
            measurement.target or measurement.name for measurements in measured.values() for measurement in measurements
        )
    )
    figure = new_figure(8.0, 1.4 + 0.4 * len(measured))
    axes = figure.add_subplot()
    for colour, target in zip(colours(len(targets)), targets, strict=True):
        found = [
            (p90(c.frames_ms()), at)
            for at, measurements in enumerate(measured.values())
            for c in measurements
            if c.target == target
        ]
        if found:
            axes.scatter(*zip(*found, strict=True), color=colour, label=target)
    _logarithmic(axes)
    axes.set(xlabel="milliseconds of a frame, 90th percentile", yticks=range(len(measured)))
    axes.set_yticklabels(list(measured))
    axes.invert_yaxis()
    axes.grid(color="#e4e7ec", which="both")
    axes.legend(fontsize=8)
    return figure


def _board(name: str, run: Run) -> dict[str, object]:
    best = recommend(run)
    heat = [reading.temperature_c for reading in run.readings if reading.temperature_c is not None]
    frames = best.measurement.frames_ms() if best else np.zeros(0)
    return {
        "name": name,
        "machine": run.host["model"] or run.host["cpu"] or run.host["machine"],
        "cores": run.host["cores"],
        "use": f"{best.measurement.target} x{best.measurement.threads}" if best else "nothing",
        "p90_ms": f"{best.p90_ms:.2f}" if best else "–",
        "frames_a_second": f"{1000 / frames.mean():.0f}" if best else "–",
        "int8": f"{best.gain.value:.2f}x" if best and best.gain else "–",
        "accuracy": best.measurement.accuracy.accuracy if best and best.measurement.accuracy else None,
        "hottest": f"{max(heat):.0f}" if heat else "unknown",
        "remarks": [*(f"invalid: {words}" for words in stability.invalid(run)), *stability.unstable(run)],
    }
