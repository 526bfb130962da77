"""A run as one HTML page, and runs of several boards as one page that compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer import host
from edge_fer.evaluation import html
from edge_fer_bench import plots, stability, table
from edge_fer_bench.recommendation import judge, recommend_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer_bench.results import Run


def run_page(run: Run, *, anyway: bool = False) -> str:
    """Return *run* as a page that needs no other file; with *anyway*, a run in doubt recommends, too."""
    measurements = table.fastest_first(run)
    pictures: list[tuple[str, str]] = []
    for plot in plots.PLOTS.values():
        figure = plot.draw(run)
        if figure is not None:
            pictures.append((plot.title, html.embedded(figure)))
    return html.render(
        "run.html.j2",
        "edge_fer_bench",
        run=run,
        machine=host.machine_name(run.host, run.host["machine"]),
        scene=table.scene_line(run),
        rows=[table.COLUMNS, *map(table.row, measurements)],
        accuracies=table.accuracy_table(run),
        best=judge(run).sentences(anyway=anyway),
        invalid=stability.invalid(run),
        unstable=table.doubts(run, measurements),
        plots=pictures,
    )


def fleet_page(runs: Mapping[str, Run], *, anyway: bool = False) -> str:
    """Return *runs* of several boards, by name, as one page; with *anyway*, runs in doubt recommend, too."""
    rows = [_board_row(name, run, anyway) for name, run in runs.items()]
    figure = plots.boards(runs)
    return html.render("fleet.html.j2", "edge_fer_bench", rows=rows, plot=html.embedded(figure) if figure else None)


def _board_row(name: str, run: Run, anyway: bool) -> dict[str, object]:
    """Return what the table of boards shows of *run*: the machine, what is best on it, and what to beware of."""
    temperatures = [reading.temperature_c for reading in run.readings if reading.temperature_c is not None]
    remarks = [f"invalid: {reason}" for reason in stability.invalid(run)]
    if run.partial:
        remarks.append("interrupted")
    values: dict[str, object] = {
        "name": name,
        "machine": host.machine_name(run.host, run.host["machine"]),
        "cores": run.host["cores"],
        "hottest": f"{max(temperatures):.0f}" if temperatures else "unknown",
        "remarks": [*remarks, *stability.unstable(run)],
        # A board without a sound measurement has a row as well, with these values.
        "use": "nothing",
        "p90_ms": table.NO_VALUE,
        "frames_a_second": table.NO_VALUE,
        "int8": table.NO_VALUE,
        "accuracy": None,
    }
    best = recommend_target(run, anyway=anyway)
    if best is not None:
        measurement = best.measurement
        values["use"] = f"{measurement.target} x{measurement.threads}"
        values["p90_ms"] = f"{best.p90_ms:.2f}"
        values["frames_a_second"] = f"{1000 / measurement.frames_ms().mean():.0f}"
        values["accuracy"] = measurement.accuracy.accuracy if measurement.accuracy else None
        if best.gain is not None:
            values["int8"] = f"{best.gain.value:.2f}x"
    return values
