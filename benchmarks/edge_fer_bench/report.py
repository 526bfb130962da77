"""A run as one HTML page, and runs of several boards as one page that compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer import host
from edge_fer.evaluation import html
from edge_fer.evaluation.origin import Origin
from edge_fer.text import counted
from edge_fer_bench import models, plots, stability, table
from edge_fer_bench.merit import merits, whose
from edge_fer_bench.recommendation import judge, recommend_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer_bench.results import Run


def run_page(run: Run, *, anyway: bool = False) -> str:
    """Return *run* as a page that needs no other file; with *anyway*, a run in doubt recommends, too."""
    measurements = table.fastest_first(run)
    drawn: dict[str, str] = {}
    for plot in plots.PLOTS.values():
        figure = plot.draw(run)
        if figure is not None:
            drawn[plot.title] = html.inline(figure, plot.title)
    compared = models.compare_models(run)
    known, unknown = _facts(run)
    machine = _machine(run)
    return html.render(
        "run.html.j2",
        "edge_fer_bench",
        run=run,
        # Of peers, the name of the program.
        names=list(dict.fromkeys(measurement.bundle or measurement.name for measurement in run.measurements)),
        origin=Origin(run.command, run.started, f"{machine}, {counted(run.host['cores'], 'core')}", run.edge_fer),
        machine=machine,
        scene=table.scene_line(run),
        models=models.table(compared),
        whose=whose(merits(measurements)),
        rows=table.rows(measurements, intervals=True),
        accuracies=table.accuracy_table(run, intervals=True),
        best=judge(run).sentences(anyway=anyway),
        invalid=stability.invalid(run),
        unstable=table.doubts(run, measurements),
        plots=drawn,
        known=known,
        unknown=unknown,
        packages=[("package", "version"), *sorted((run.host.get("packages") or {}).items())],
    )


def fleet_page(runs: Mapping[str, Run], *, anyway: bool = False) -> str:
    """Return *runs* of several boards, by name, as one page; with *anyway*, runs in doubt recommend, too."""
    rows = [_board_row(name, run, anyway) for name, run in runs.items()]
    figure = plots.boards(runs)
    drawn = html.inline(figure, "milliseconds of a frame, a row for each board") if figure else None
    return html.render("fleet.html.j2", "edge_fer_bench", rows=rows, plot=drawn, origin=Origin.now())


def _machine(run: Run) -> str:
    return host.machine_name(run.host, run.host["machine"])


def _facts(run: Run) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what the machine of *run* told of itself as rows, headings first, and the names of what it did not."""
    known = [("fact", "value")]
    unknown: list[str] = []
    for name, value in run.host.items():
        if name == "packages":
            continue
        if value in (None, "", []):
            unknown.append(name)
        elif isinstance(value, dict):
            known.append((name, " ".join(map(str, value))))
        else:
            known.append((name, " ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return known, unknown


def _board_row(name: str, run: Run, anyway: bool) -> dict[str, object]:
    """Return what the table of boards shows of *run*: the machine, what is best on it, and what to beware of."""
    temperatures = [reading.temperature_c for reading in run.readings if reading.temperature_c is not None]
    remarks = [f"invalid: {reason}" for reason in stability.invalid(run)]
    if run.partial:
        remarks.append("interrupted")
    values: dict[str, object] = {
        "name": name,
        "machine": _machine(run),
        "measured": f"{run.started:%Y-%m-%d}",
        "cores": run.host["cores"],
        "hottest": f"{max(temperatures):.0f}" if temperatures else "unknown",
        "remarks": [*remarks, *stability.unstable(run)],
        # A board without a sound measurement has a row as well, with these values.
        "use": "nothing",
        "p90_ms": table.NO_VALUE,
        "frames_a_second": table.NO_VALUE,
        "int8": table.NO_VALUE,
        "accuracy": table.NO_VALUE,
    }
    best = recommend_target(run, anyway=anyway)
    if best is not None:
        measurement = best.measurement
        values["use"] = measurement.name
        values["p90_ms"] = f"{best.p90_ms:.2f}"
        values["frames_a_second"] = f"{1000 / measurement.frames_ms().mean():.0f}"
        if best.merit is not None:
            values["accuracy"] = f"{best.merit.text()} {best.merit.where}"
        if best.gain is not None:
            values["int8"] = f"{best.gain.value:.2f}x [{best.gain.low:.2f}, {best.gain.high:.2f}]"
    return values
