"""``edge-fer bench`` and what is done with its runs; nothing heavy is imported before one is."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edge_fer.dependencies import require
from edge_fer.errors import BadInput, Regression, SinkError
from edge_fer.options import DEFAULT_MODEL, model_options

if TYPE_CHECKING:
    from edge_fer.bundle import Bundle
    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer_bench.recommendation import Recommendation
    from edge_fer_bench.results import Run
    from edge_fer_bench.suites import Suite

MEASURED: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


class _RunsByDefault(click.Group):
    """``edge-fer bench --suite full`` is ``edge-fer bench run --suite full``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = args[:1] in (["-h"], ["--help"])
        if not asks_for_help and (not args or args[0].startswith("-")):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_RunsByDefault,
    epilog="""\b
Examples:
  edge-fer bench                                    # a minute: what to use on this board
  edge-fer bench --suite full --data test.zip --json run.json
  edge-fer bench --suite sustained --minutes 10 --target litert-int8
  edge-fer bench compare before.json after.json
  edge-fer bench run --help""",
)
def bench() -> None:
    """Measure what this machine does with a bundle; without a command, run the quick suite."""


@bench.command(
    epilog="""\b
Examples:
  edge-fer bench
  edge-fer bench --suite full --data fer2013-public-test.zip --json run.json
  edge-fer bench --suite sustained --target litert-int8 --threads 2 --json heat.json
  edge-fer bench --write-profile"""
)
@model_options
@click.option("--suite", "suite_name", default="quick", show_default=True, help="quick, full or sustained.")
@click.option("--minutes", type=click.FloatRange(0.1, 24 * 60), help="Of the sustained suite; 10 by default.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Labelled faces: folder, .zip, .csv, .npz.")
@click.option("--fps", default=30.0, show_default=True, type=click.FloatRange(1, 240), help="Rate of the paced frames.")
@click.option("--faces", default=1, show_default=True, type=click.IntRange(1, 8), help="Faces in each frame.")
@click.option("--seed", default=0, show_default=True, help="Of the order in which blocks take turns.")
@click.option("--power", help="A command that prints the power drawn now, in watts.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Keep the raw values here.")
@click.option("--write-profile", is_flag=True, help="Let edge-fer run begin from what was best.")
def run(
    model: str | None, target: str | None, backend: str | None, threads: int | None, suite_name: str,
    minutes: float | None, data: Path | None, fps: float, faces: int, seed: int, power: str | None,
    json_path: Path | None, write_profile: bool,
) -> None:  # fmt: skip
    """Measure every target and number of threads: stages, frames a second, start, memory, golden answers.

    Runs on drawn frames, so it needs no camera and no data. Progress goes to stderr, the table to stdout; its last
    lines say what to use here.
    """
    from edge_fer import bundle as bundles
    from edge_fer.progress import ProgressDisplay
    from edge_fer_bench import candidates, table
    from edge_fer_bench.harness import Harness
    from edge_fer_bench.host_monitor import HostMonitor
    from edge_fer_bench.recommendation import recommend
    from edge_fer_bench.scene import Scene

    suite = _suite(suite_name, minutes)
    _refuse_unwritable(json_path)
    model = model or DEFAULT_MODEL
    opened = bundles.load(model)
    counts = [threads] if threads else _thread_counts(suite.name)
    chosen = candidates.of_bundle(model, opened, counts, target, backend)
    if suite.name == "sustained":
        chosen = chosen[:1]
    judged = _labelled(data, opened) if data else None
    with tempfile.TemporaryDirectory(prefix="edge-fer-bench-") as folder, ProgressDisplay() as progress:
        scene, monitor = Scene(frames=suite.film_frames, faces=faces, fps=fps), HostMonitor(power)
        harness = Harness(suite, Path(folder), progress, scene, seed, fps, judged, monitor)
        measured = harness.run(chosen, shlex.join(["edge-fer", *sys.argv[1:]]))
    click.echo(table.render(measured))
    if json_path is not None:
        _keep(measured, json_path)
    best = recommend(measured)
    if write_profile and best is not None:
        _write_profile(model, best, measured)
    if not any(measurement.free for measurement in measured.measurements):
        raise BadInput("nothing could be measured; see above")


def _labelled(data: Path, opened: Bundle) -> tuple[Path, LabelledFaces]:
    from edge_fer.evaluation.labelled import load_faces

    faces = load_faces(data, opened.manifest.labels)
    if not faces.labelled:
        raise BadInput(f"{data} has no labels; put its images into a folder a class: {', '.join(faces.names)}")
    return data, faces


def _suite(name: str, minutes: float | None) -> Suite:
    from edge_fer_bench.suites import SUITES

    if name not in SUITES:
        raise BadInput(f"no suite {name!r}; pass one of: {', '.join(SUITES)}")
    if minutes is not None and name != "sustained":
        raise BadInput(f"--minutes is for the sustained suite; {name} lasts as long as it must")
    return SUITES[name].lasting(minutes) if minutes is not None else SUITES[name]


def _refuse_unwritable(path: Path | None) -> None:
    """Say so before anything is measured."""
    if path is None:
        return
    folder = path.resolve().parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        raise BadInput(f"{path} cannot be written: no permission in {folder}; pass another place")


def _keep(measured: Run, path: Path) -> None:
    """Write *measured* to *path*, or where there is room: what took minutes is not lost to a full disk."""
    from edge_fer_bench import results

    try:
        results.save(measured, path)
    except SinkError as exc:
        elsewhere = Path(tempfile.gettempdir()) / path.name
        results.save(measured, elsewhere)
        raise SinkError(f"{exc}; the run was kept in {elsewhere}") from exc


def _thread_counts(suite: str) -> list[int]:
    """Return how many threads are tried: one and all; in the full suite what lies between as well."""
    cores = len(os.sched_getaffinity(0))
    counts = {1, cores}
    if suite == "full":
        counts |= {count for count in (2, 4, 8, 16) if count < cores}
    return [1] if suite == "sustained" else sorted(counts)


def _write_profile(model: str, best: Recommendation, measured: Run) -> None:
    from edge_fer import profile

    where = profile.default_path()
    named = str(Path(model).resolve()) if Path(model).exists() else model
    before = profile.of_this_machine()
    words = f"{measured.started:%Y-%m-%d}, suite {measured.suite}: p90 {best.p90_ms:.2f} ms a frame"
    profile.Profile(
        model=named,
        target=best.measurement.target,
        threads=best.measurement.threads,
        measured=words,
        check=before.check if before else profile.Thresholds(),
    ).save(where)
    click.echo(f"written to {where}: edge-fer run begins from it", err=True)


@bench.command(epilog="\b\nExamples:\n  edge-fer bench show run.json")
@click.argument("path", type=MEASURED)
@click.option("--json", "as_json", is_flag=True, help="Print the derived figures as JSON.")
def show(path: Path, as_json: bool) -> None:
    """Show a run again; figures are derived from its raw values."""
    from edge_fer_bench import results, table

    measured = results.load(path)
    click.echo(json.dumps(table.figures(measured)) if as_json else table.render(measured))


@bench.command("table", epilog="\b\nExamples:\n  edge-fer bench table run.json >> README.md")
@click.argument("path", type=MEASURED)
def table_(path: Path) -> None:
    """Print a run as a Markdown table."""
    from edge_fer_bench import results, table

    click.echo(table.markdown(results.load(path)))


@bench.command(epilog="\b\nExamples:\n  edge-fer bench compare before.json after.json")
@click.argument("before", type=MEASURED)
@click.argument("after", type=MEASURED)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(before: Path, after: Path, as_json: bool) -> None:
    """Say what became slower or faster, in which stage, and whether that is more than chance."""
    from edge_fer_bench import results, table
    from edge_fer_bench.compare import compare_runs

    found = compare_runs(results.load(before), results.load(after))
    click.echo(json.dumps(found.as_dict()) if as_json else table.comparison(found))


@bench.command(
    epilog="""\b
Examples:
  edge-fer bench check run.json --baseline baseline.json
  edge-fer bench check run.json --baseline baseline.json --max-slowdown 0.2

Exit code 10 when it is worse."""
)
@click.argument("path", type=MEASURED)
@click.option("--baseline", required=True, type=MEASURED, help="A run of the same board to hold it against.")
@click.option("--profile", "profile_path", type=MEASURED, help="Of the board, with its [check]; by default this one's.")
@click.option("--max-slowdown", type=click.FloatRange(0), help="Of a frame's p90, as a share; 0.1 by default.")
@click.option("--max-memory-mb", type=click.FloatRange(0), help="More peak memory; 10 by default.")
@click.option("--max-drop", type=click.FloatRange(0), help="Less accuracy, in points; 0.5 by default.")
def check(path: Path, baseline: Path, profile_path: Path | None, **asked: float | None) -> None:
    """Fail when a run is worse than its baseline: slower beyond chance, larger, or less accurate.

    What is allowed is what is asked for here, else what the board's profile says in its table [check].
    """
    from edge_fer import profile
    from edge_fer_bench import results
    from edge_fer_bench.check import failures

    board = profile.Profile.load(profile_path) if profile_path else profile.of_this_machine()
    usual = board.check if board else profile.Thresholds()
    allowed = usual.model_copy(update={name: value for name, value in asked.items() if value is not None})
    worse = failures(results.load(baseline), results.load(path), allowed)
    for words in worse:
        click.echo(words)
    if worse:
        raise Regression(f"{path} is worse than {baseline} in {len(worse)} way(s); see above")
    click.echo(f"{path} is not worse than {baseline}")


@bench.command(
    epilog="""\b
Examples:
  edge-fer bench report run.json
  edge-fer bench report results/*.json --out fleet.html"""
)
@click.argument("paths", nargs=-1, required=True, type=MEASURED)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="By default beside the run, as .html.")
def report(paths: tuple[Path, ...], out: Path | None) -> None:
    """Write a run as one page: latencies, stages, accuracy against time, states, heat.

    Runs of several boards become one page that compares them.
    """
    require(("matplotlib", "jinja2"), "bench", "a page or plot")
    from edge_fer_bench import report as reports
    from edge_fer_bench import results

    runs = {path.name.removesuffix(".gz").removesuffix(".json"): results.load(path) for path in paths}
    page = reports.run_page(results.load(paths[0])) if len(paths) == 1 else reports.fleet_page(runs)
    _write(out or paths[0].with_name(f"{next(iter(runs)) if len(paths) == 1 else 'fleet'}.html"), page.encode())


@bench.command(
    epilog="""\b
Examples:
  edge-fer bench plot run.json latencies --out latencies.svg
  edge-fer bench plot run.json stages --cell 'cnn-1 litert-int8 x1' --out stages.svg"""
)
@click.argument("path", type=MEASURED)
@click.argument("name", type=click.Choice(["latencies", "stages", "accuracy", "states", "machine"]))
@click.option("--cell", "measurements", multiple=True, help="Only these; may be given again.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="An .svg.")
def plot(path: Path, name: str, measurements: tuple[str, ...], out: Path) -> None:
    """Write one plot of a run's page as an SVG, for a README."""
    require(("matplotlib", "jinja2"), "bench", "a page or plot")
    from edge_fer.evaluation import html
    from edge_fer_bench import report as reports
    from edge_fer_bench import results

    _write(out, html.svg(reports.picture(results.load(path), name, measurements)))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as exc:
        raise SinkError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    click.echo(path)


@bench.command(epilog="\b\nExamples:\n  edge-fer bench schema > run.schema.json")
def schema() -> None:
    """Print the JSON schema of a run."""
    from edge_fer_bench.results import Run

    click.echo(json.dumps(Run.model_json_schema(), indent=2))
