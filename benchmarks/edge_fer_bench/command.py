"""The command ``edge-fer bench`` and its subcommands. Each imports what it needs when it runs, so that help is fast."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from edge_fer import files, telemetry
from edge_fer.commands.board import BOARD
from edge_fer.dependencies import require
from edge_fer.errors import BadBundle, BadInput, EdgeFerError, Regression, SinkError
from edge_fer.options import DEFAULT_MODEL, DETECTOR, SEED, FiniteRange, model_options_with
from edge_fer.sources.options import SCENES
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer.bundle import Bundle
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.votes import FerPlusVotes
    from edge_fer.profile import Profile, Thresholds
    from edge_fer_bench.candidates import Candidate
    from edge_fer_bench.recommendation import Recommendation
    from edge_fer_bench.results import Run, Skipped
    from edge_fer_bench.suites import Suite

EXISTING_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE: Final = click.Path(dir_okay=False, path_type=Path)
ANYWAY: Final = click.option("--anyway", is_flag=True, help="Recommend although something disturbed the run.")
FORCE: Final = click.option("--force", is_flag=True, help="Replace files that exist.")
SUITE_NAMES: Final = ("quick", "full", "sustained")
"""The keys of `suites.SUITES`, which is imported when one is measured."""
PLOT_NAMES: Final = ("latencies", "stages", "accuracy", "states", "machine")
"""The keys of `plots.PLOTS`. Repeated here, since importing `plots` imports NumPy, which would slow down the help."""


class _RunsByDefault(click.Group):
    """``edge-fer bench --suite full`` is ``edge-fer bench run --suite full``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Anything that begins with a dash belongs to `run`, except a request for the help of the whole group.
        asks_for_help = args[:1] in (["-h"], ["--help"])
        if not asks_for_help and (not args or args[0].startswith("-")):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the group's own options and commands, and before them what `run` takes: most want nothing else."""
        measuring = self.commands["run"]
        with click.Context(measuring, ctx, "run") as inner:
            rows = [row for option in measuring.get_params(inner) if (row := option.get_help_record(inner))]
        with formatter.section("Options of a measurement"):
            formatter.write_dl(rows[:-1])  # without its own --help
        super().format_options(ctx, formatter)


@click.group(
    cls=_RunsByDefault,
    epilog="""\b
Examples:
  edge-fer bench                                    # a minute or two: which model to use on this board
  edge-fer bench --suite full --data test.zip --json run.json
  edge-fer bench --suite sustained --minutes 10 --target litert-int8
  edge-fer bench compare before.json after.json
  edge-fer bench run --help""",
)
def bench() -> None:
    """Measure a bundle on this machine. Without a command, run the quick suite."""


@bench.command(
    epilog="""\b
Examples:
  edge-fer bench
  edge-fer bench --suite full --data fer2013-public-test.zip --json run.json
  edge-fer bench --suite full --data fer2013-public-test.zip --votes ferplus.csv
  edge-fer bench --suite sustained --target litert-int8 --threads 2 --json heat.json
  edge-fer bench --write-profile"""
)
@model_options_with(
    model_help="A bundle: folder, .zip, or shipped name; by default all that are shipped, beside each other.",
    target_help="Measure only this target of the bundle, for example litert-int8; by default all.",
    threads_help="Measure only with this many threads of the model; by default with 1 and with all cores.",
)
@click.option(
    "--detector", "detectors", multiple=True, type=DETECTOR,
    help="Measure with this detector: haar, yunet:FILE or blazeface:FILE; may be repeated.",
)  # fmt: skip
@click.option(
    "--suite", "suite_name", type=click.Choice(SUITE_NAMES), default="quick", show_default=True,
    help="quick: what to use here; full: a result to keep; sustained: heat.",
)  # fmt: skip
@click.option("--minutes", type=FiniteRange(0.1, 24 * 60), help="Length of the sustained suite; 10 by default.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Labelled faces: folder, .zip, .csv, .npz.")
@click.option(
    "--votes",
    "votes_csv",
    type=click.Path(path_type=Path),
    help="Votes of FER+ on the faces of --data: accuracy by their majority, too.",
)
@click.option("--fps", default=30.0, show_default=True, type=FiniteRange(1, 240), help="Rate of the paced frames.")
@click.option("--faces", default=1, show_default=True, type=click.IntRange(1, 8), help="Faces in each frame.")
@click.option(
    "--scene",
    "kind",
    type=click.Choice(SCENES),
    default="easy",
    show_default=True,
    help="easy: faces that look at the camera; hard: people who turn, tilt, hide and leave; drive: a driver.",
)
@click.option(
    "--seed", default=0, show_default=True, type=SEED, help="Seed of the order in which candidates take turns."
)
@click.option("--power", help="A command that prints the present power in watts.")
@click.option("--json", "json_path", type=NEW_FILE, help="Write the raw values to this file; .gz compresses.")
@click.option(
    "--device",
    "board",
    type=BOARD,
    metavar="BOARD",
    help="Say whether the budget of this board is kept (edge-fer devices lists them); by default that of this machine.",
)
@click.option("--write-profile", is_flag=True, help="Make the best target and threads the default of edge-fer run.")
@ANYWAY
@FORCE
def run(
    model: str | None, target: str | None, backend: str | None, threads: int | None, detectors: tuple[str, ...],
    suite_name: str, minutes: float | None, data: Path | None, votes_csv: Path | None, fps: float, faces: int,
    kind: str, seed: int, power: str | None, json_path: Path | None, board: str | None, write_profile: bool,
    anyway: bool, force: bool,
) -> None:  # fmt: skip
    """Measure each target with each number of threads: frame times, stages, start, memory, golden answers.

    Without --model, the shipped models are compared with each other: what each costs, and what it wins. Without
    --target, all targets are measured; without --threads, one thread and all cores. The frames are drawn, so no camera
    and no data are needed; without --data, accuracies are those of the bundles' manifests. Progress goes to stderr and
    the table to stdout. The last lines of the table say what to use on this machine, and whether that keeps its budget,
    unless something disturbed the run; then the exit code of --write-profile is 1.

    Ctrl-C prints what was measured until then, recommends nothing, and leaves no profile; with --json FILE.json, the
    values are in FILE.partial.json.
    """
    from edge_fer import profile
    from edge_fer.evaluation.origin import typed_command
    from edge_fer.progress import ProgressDisplay
    from edge_fer_bench import table
    from edge_fer_bench.candidates import candidates_of_bundle, fit_candidates
    from edge_fer_bench.harness import Harness
    from edge_fer_bench.host_monitor import HostMonitor
    from edge_fer_bench.scene import Scene

    # Every error in the options is raised here: nobody should learn of it after minutes of measuring.
    try:
        suite = _suite(suite_name, minutes)
        scene = Scene.of(kind, frames=suite.film_frames, faces=faces, fps=fps)
    except BadInput as exc:
        raise click.UsageError(f"{exc}.") from exc
    judged_by = _judged_by(board)
    if json_path is not None:
        _refuse_output(json_path, "--json", force=force)
        _refuse_output(_partial_path(json_path), "--json", force=force)
    if write_profile:  # it is there to be replaced
        profile.check_replaceable()
        files.refuse_unwritable(profile.path_to_write(), "set XDG_CONFIG_HOME to another folder")
    detectors = _detectors(detectors)
    bundles = _bundles(model, suite, target)
    thread_counts = [threads] if threads else _thread_counts(suite.name)
    candidates: list[Candidate] = []
    refused: list[Skipped] = []
    for name, bundle in bundles.items():
        of_bundle = candidates_of_bundle(name, bundle, thread_counts, target, backend, detectors)
        if suite.name == "sustained":
            of_bundle = of_bundle[:1]  # two programs in turn would each rest half of the time, and heat less
        fit, unfit = fit_candidates(bundle, of_bundle, backend)
        candidates += fit
        refused += unfit
    # The shipped models have the same labels.
    labelled = _labelled(data, next(iter(bundles.values()))) if data else None
    votes = _votes(votes_csv, labelled) if votes_csv else None
    command = typed_command()
    with tempfile.TemporaryDirectory(prefix="edge-fer-bench-") as folder, ProgressDisplay() as progress:
        harness = Harness(suite, Path(folder), progress, scene, seed, fps, labelled, votes, HostMonitor(power), refused)
        measured = harness.run(candidates, command)
    # Shown before it is written, so that an error in writing does not hide the figures.
    click.echo(printable(table.render(measured, anyway=anyway), keep="\n"))
    _print_budget(measured, judged_by, anyway=anyway)
    if harness.interrupted_by is not None:
        _save_partial(measured, json_path)
        raise harness.interrupted_by
    if json_path is not None:
        _save(measured, json_path)
    # A run without a single frame is still written: it says what failed.
    if not any(measurement.free for measurement in measured.measurements):
        raise BadInput("nothing could be measured; see the reasons above")
    if write_profile:  # off by default: a benchmark should not change what edge-fer run does
        models = {bundle.manifest.name: name for name, bundle in bundles.items()}
        _write_profile(models, measured, detectors, anyway=anyway)


def _bundles(model: str | None, suite: Suite, target: str | None) -> dict[str, Bundle]:
    """Return the bundles to measure by path or shipped name: *model*, else those shipped ones that have *target*.

    Raises `BadBundle`, also where none has the target.
    """
    from edge_fer import profile
    from edge_fer.bundle import shipped

    # Not the model of the profile, which this command itself may have written after an earlier run.
    names = [model] if model else shipped()
    if model is None and suite.name == "sustained":  # one program heats a board, so there is no second one
        names = [DEFAULT_MODEL]
    bundles = {name: profile.open_bundle(name) for name in names}
    having = {name: bundle for name, bundle in bundles.items() if target is None or target in _targets(bundle)}
    if not having:
        among = ", ".join(sorted({one for bundle in bundles.values() for one in _targets(bundle)}))
        raise BadBundle(f"{' and '.join(names)}: no target {target!r}; pass one of: {among}")
    return having


def _targets(bundle: Bundle) -> list[str]:
    return [target.name for target in bundle.manifest.targets]


def _judged_by(board: str | None) -> Profile | None:
    """Return the profile whose budget counts: of *board*, else of this machine. Raises `BadInput` for no board."""
    from edge_fer import profile

    if board is not None:
        return profile.of_board(board)
    try:
        return profile.of_this_machine()
    except BadInput:  # whoever writes one, or opens a bundle that must be signed, is told
        return None


def _print_budget(measured: Run, judged_by: Profile | None, *, anyway: bool) -> None:
    from edge_fer_bench import budget
    from edge_fer_bench.recommendation import recommend_target

    best = recommend_target(measured, anyway=anyway)
    sentence = budget.sentence(best, judged_by) if best is not None and judged_by is not None else None
    if sentence is not None:
        click.echo(printable(sentence))


def _labelled(data: Path, bundle: Bundle) -> tuple[Path, LabelledFaces]:
    """Return *data* and its labelled faces. Raises `BadInput` for faces without labels."""
    from edge_fer.evaluation.labelled import load_faces

    faces = load_faces(data, bundle.manifest.labels)
    if not faces.labelled:
        labels = ", ".join(faces.names)
        raise BadInput(f"{data} has no labels; put the images into one folder per class: {labels}")
    return data, faces


def _votes(path: Path, labelled: tuple[Path, LabelledFaces] | None) -> tuple[Path, FerPlusVotes]:
    """Return *path* and its votes on the *labelled* faces. Raises `click.UsageError` where there are none."""
    from edge_fer.evaluation.votes import FerPlusVotes, load_votes

    if labelled is None:
        raise click.UsageError(f"the votes of {path} are about faces; pass those with --data.")
    _, faces = labelled
    return path, FerPlusVotes.of(faces, load_votes(path))


def _suite(name: str, minutes: float | None) -> Suite:
    """Return the suite called *name*, as long as *minutes*. Raises `click.UsageError` if it has a length of its own."""
    from edge_fer_bench.suites import SUITES

    if minutes is None:
        return SUITES[name]
    if name != "sustained":
        raise click.UsageError(f"--minutes is for the sustained suite, and this is {name}; add --suite sustained.")
    return SUITES[name].lasting(minutes)


def _detectors(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return *names* with absolute paths of their files. Raises `BadInput` unless each can be opened, and is another.

    A file is tried here (see `edge_fer.trial`), and once more by each worker: nobody knows what it is by then.
    """
    from edge_fer.detectors import open_detector

    complete: dict[str, str] = {}
    for name in names:
        kind, _, file = name.partition(":")
        if kind in complete:
            raise BadInput(f"{kind} is named twice; name each detector once")
        open_detector(name)
        # edge-fer run may be called in another folder.
        complete[kind] = f"{kind}:{Path(file).expanduser().resolve()}" if file else kind
    return tuple(complete.values())


def _partial_path(path: Path) -> Path:
    """Return where the values of an interrupted run are kept: ``run.partial.json`` for ``run.json``."""
    suffixes = ".json.gz" if path.name.endswith(".json.gz") else path.suffix
    return path.with_name(f"{path.name.removesuffix(suffixes)}.partial{suffixes}")


def _refuse_output(path: Path, option: str, *, force: bool) -> None:
    """Raise `BadInput` if *path*, the value of *option*, cannot be written, or exists without *force*."""
    if not force:
        files.refuse_existing(path, f"pass another {option}")
    files.refuse_unwritable(path, f"pass another {option}")


def _save_partial(measured: Run, path: Path | None) -> None:
    """Write what an interrupted run has *measured* beside *path*, if there is one."""
    if path is not None:
        partial = _partial_path(path)
        _save(measured, partial)
        click.echo(printable(f"what was measured until then is in {partial}"), err=True)


def _save(measured: Run, path: Path) -> None:
    """Write *measured* to *path*, or to a temporary folder if that fails: it took minutes to measure."""
    from edge_fer_bench import results

    try:
        results.save_run(measured, path)
    except SinkError as exc:
        elsewhere = Path(tempfile.mkdtemp(prefix="edge-fer-bench-")) / path.name
        results.save_run(measured, elsewhere)
        raise SinkError(f"{exc}; the run was written to {elsewhere} instead") from exc


def _thread_counts(suite: str) -> list[int]:
    """Return which numbers of threads are tried: 1 and all cores; in the full suite also some between them."""
    from edge_fer import host

    if suite == "sustained":
        return [1]
    cores = host.usable_cores()
    counts = {1, cores}  # a set, as a board may have one core
    if suite == "full":
        counts.update(count for count in (2, 4, 8, 16) if count < cores)
    return sorted(counts)


def _write_profile(models: dict[str, str], measured: Run, detectors: tuple[str, ...], *, anyway: bool) -> None:
    """Write what *measured* recommends into this machine's profile. Raises `EdgeFerError` where it recommends nothing.

    *models* are the bundles that were measured: name → path or shipped name. With *anyway*, a run in doubt recommends,
    too.
    """
    from edge_fer import profile
    from edge_fer_bench.recommendation import recommend_target

    best = recommend_target(measured, anyway=anyway)
    if best is None:
        raise EdgeFerError("the profile was not written: the run recommends nothing, see its last line")
    model = models[best.measurement.bundle]
    path, moved = profile.replace_of_this_machine(
        # edge-fer run may be called in another folder.
        model=str(Path(model).resolve()) if Path(model).exists() else model,
        target=best.measurement.target,
        threads=best.measurement.threads,
        measured=_how_measured(measured, best),
        detector=_worth_writing(best, detectors),
    )
    if moved is not None:
        click.echo(f"the profile before it could not be used and is now {printable(str(moved))}", err=True)
    click.echo(f"{printable(str(path))} written: edge-fer run uses it by default", err=True)


def _worth_writing(best: Recommendation, detectors: tuple[str, ...]) -> str | None:
    """Return which of *detectors* is recommended; None for the default one, which needs no mention."""
    from edge_fer.detectors import DEFAULT_DETECTOR

    for name in detectors:
        kind = name.partition(":")[0]
        if kind == best.measurement.detector != DEFAULT_DETECTOR:
            return name
    return None


def _how_measured(measured: Run, best: Recommendation) -> str:
    return f"{measured.started:%Y-%m-%d}, suite {measured.suite}: p90 {best.p90_ms:.2f} ms a frame"


@bench.command(epilog="\b\nExamples:\n  edge-fer bench show run.json")
@click.argument("path", type=EXISTING_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the derived figures as JSON.")
@ANYWAY
def show(path: Path, as_json: bool, anyway: bool) -> None:
    """Show a run again, with figures derived from its raw values."""
    from edge_fer_bench import results, table

    measured = results.load_run(path)
    figures = json.dumps(table.figures(measured, anyway=anyway)) if as_json else table.render(measured, anyway=anyway)
    click.echo(printable(figures, keep="\n"))


@bench.command("table", epilog="\b\nExamples:\n  edge-fer bench table run.json >> README.md")
@click.argument("path", type=EXISTING_FILE)
def table_(path: Path) -> None:
    """Print a run as a Markdown table."""
    from edge_fer_bench import results, table

    click.echo(printable(table.markdown(results.load_run(path)), keep="\n"))


@bench.command(epilog="\b\nExamples:\n  edge-fer bench compare before.json after.json")
@click.argument("before", type=EXISTING_FILE)
@click.argument("after", type=EXISTING_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(before: Path, after: Path, as_json: bool) -> None:
    """Show what became slower or faster, in which stage, and whether it is more than chance."""
    from edge_fer_bench import results, table
    from edge_fer_bench.compare import compare_runs

    compared = compare_runs(results.load_run(before), results.load_run(after))
    if not compared.changes:
        named = ", ".join(compared.lost) or "nothing"
        raise BadInput(
            f"{before} and {after} have no measurement in common: {after} lacks {named}; measure the same --model, "
            "--target and --threads in both"
        )
    text = json.dumps(compared.as_dict()) if as_json else table.comparison(compared)
    click.echo(printable(text, keep="\n"))


@bench.command(
    epilog="""\b
Examples:
  edge-fer bench check run.json --baseline baseline.json
  edge-fer bench check run.json --baseline baseline.json --max-slowdown 0.2

The exit code is 10 if the run is worse."""
)
@click.argument("path", type=EXISTING_FILE)
@click.option("--baseline", required=True, type=EXISTING_FILE, help="An earlier run of the same board.")
@click.option(
    "--profile",
    "profile_path",
    type=EXISTING_FILE,
    help="The profile.toml of the machine that was measured; by default that of this one.",
)
@click.option("--max-slowdown", type=FiniteRange(0), help="Allowed increase of the p90, as a share; default 0.1.")
@click.option("--max-memory-mb", type=FiniteRange(0), help="Allowed increase of the peak memory; default 10.")
@click.option("--max-drop", type=FiniteRange(0), help="Allowed loss of accuracy, in points; default 0.5.")
def check(path: Path, baseline: Path, profile_path: Path | None, **limits: float | None) -> None:
    """Fail if a run is worse than its baseline: slower beyond chance, larger, or less accurate.

    The table [check] of that machine's profile may allow more or less than the defaults. The options override it.
    """
    from edge_fer_bench import results
    from edge_fer_bench.check import find_regressions

    before = results.load_run(baseline)
    after = results.load_run(path)
    regressions = find_regressions(before, after, _thresholds(profile_path, limits))
    # The regressions are the result and go to stdout; the error below goes to stderr.
    for regression in regressions:
        click.echo(printable(str(regression)))
    if regressions:
        ways = "one way" if len(regressions) == 1 else f"{len(regressions)} ways"
        raise Regression(f"{path} is worse than {baseline} in {ways}; see above")
    click.echo(printable(f"{path} is not worse than {baseline}"))


def _thresholds(profile_path: Path | None, limits: dict[str, float | None]) -> Thresholds:
    """Return those of the profile, with the *limits* that were given in their place."""
    from edge_fer import profile

    board = profile.Profile.load(profile_path) if profile_path else profile.of_this_machine()
    usual = board.check if board else profile.Thresholds()
    # An option that is left out is None, which must not replace the threshold of the profile.
    given = {name: value for name, value in limits.items() if value is not None}
    return usual.model_copy(update=given)


@bench.command(
    epilog="""\b
Examples:
  edge-fer bench report run.json
  edge-fer bench report results/*.json --out fleet.html"""
)
@click.argument("paths", nargs=-1, required=True, type=EXISTING_FILE)
@click.option("--out", type=NEW_FILE, help="The page; by default an .html beside the first run.")
@ANYWAY
@FORCE
def report(paths: tuple[Path, ...], out: Path | None, anyway: bool, force: bool) -> None:
    """Write a run as one HTML page: latencies, stages, accuracy against time, states, heat.

    The runs of several boards become one page that compares them.
    """
    _require_plots()  # before the imports below, which would fail with a traceback
    from edge_fer_bench import report as reports
    from edge_fer_bench import results

    # The name of its file is the only name that a board has here.
    names = _run_names(paths)
    out = out or paths[0].with_name(f"{names[0] if len(paths) == 1 else 'fleet'}.html")
    _refuse_output(out, "--out", force=force)
    runs = [results.load_run(path) for path in paths]
    if len(runs) == 1:
        page = reports.run_page(runs[0], anyway=anyway)
    else:
        page = reports.fleet_page(dict(zip(names, runs, strict=True)), anyway=anyway)
    _write(out, page.encode())


@bench.command(
    epilog="""\b
Examples:
  edge-fer bench plot run.json latencies --out latencies.svg
  edge-fer bench plot run.json latencies --out latencies.png
  edge-fer bench plot run.json stages --cell 'cnn-1 litert-int8 x1' --out stages.svg"""
)
@click.argument("path", type=EXISTING_FILE)
@click.argument("name", type=click.Choice(PLOT_NAMES))
@click.option("--cell", "measurements", multiple=True, help="Show only this measurement; may be repeated.")
@click.option("--out", required=True, type=NEW_FILE, help="The .svg or .png to write.")
@FORCE
def plot(path: Path, name: str, measurements: tuple[str, ...], out: Path, force: bool) -> None:
    """Write one plot of a run's page as an SVG or a PNG, for a README."""
    _require_plots()
    from edge_fer.evaluation import html
    from edge_fer_bench import plots, results

    written = html.PICTURES.get(out.suffix.lower() or ".svg")
    if written is None:
        raise BadInput(f"{out} would be no picture; let its name end in {' or '.join(html.PICTURES)}")
    _refuse_output(out, "--out", force=force)
    _write(out, written(plots.picture(results.load_run(path), name, measurements)))


@bench.command(epilog="\b\nExamples:\n  edge-fer bench schema > run.schema.json")
def schema() -> None:
    """Print the JSON schema of a run."""
    from edge_fer_bench.results import Run

    json_schema: dict[str, Any] = Run.model_json_schema()
    click.echo(json.dumps(json_schema, indent=2))


def _require_plots() -> None:
    require(("matplotlib", "jinja2"), "bench", "a page or plot")
    telemetry.keep_home_clean()


def _run_name(path: Path) -> str:
    """Return the name of a run's file without its suffixes; other dots are part of the name."""
    return path.name.removesuffix(".gz").removesuffix(".json")


def _run_names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each run; the folder tells those apart whose files have one name. Raises `BadInput`."""
    names = [_run_name(path) for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.resolve().parent.name}/{name}" for path, name in zip(paths, names, strict=True)]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two of the runs are called {name}, so one board would hide the other; rename a file")
    return names


def _write(path: Path, content: bytes) -> None:
    """Write *content* to *path*, completely or not at all, and print the path. Raises `SinkError`."""
    try:
        files.write(path, content)
    except OSError as exc:
        raise SinkError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    click.echo(printable(str(path)))
