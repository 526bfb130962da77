"""The command ``edge-fer drive``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from edge_fer.dependencies import spare_memory
from edge_fer.errors import BadInput
from edge_fer.options import DEFAULT_MODEL, FiniteRange, detector_options, model_options
from edge_fer.source_options import source_options
from edge_fer.stopping import Signals
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from edge_fer.driving.alerts import Alert
    from edge_fer.driving.monitor import Step
    from edge_fer.driving.observer import Observer
    from edge_fer.pipeline import Pipeline
    from edge_fer.profile import Choice
    from edge_fer.sources import Source
    from edge_fer.sources.options import SourceOptions

DRAWN: Final = "synthetic"
DRAWN_SCENE: Final = "synthetic:drive"
"""What is drawn where somebody only says `DRAWN`: a driver, instead of people."""
NOT_WITH_PAGE: Final = (
    "backend", "fps", "rotate", "flip", "roi", "read_timeout", "wait", "size", "seconds", "as_json", "min_face",
)  # fmt: skip
"""Parameters of the command that the page takes from ``--config``, or not at all."""
DRAWN_FPS: Final = 30.0
EXISTING_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  edge-fer drive --source synthetic              # a drawn drive: alerts are raised and cleared
  edge-fer drive --source clip.mp4 --json > drive.jsonl
  edge-fer drive replay drive.jsonl              # the same alerts, without pictures
  edge-fer drive --source camera --landmarks face_landmark.tflite --eyes iris_landmark.tflite
  edge-fer drive --source camera --page          # with a page, events, and what --config tells of

docs/driving.md says what it can and cannot see, and where the two files come from.""",
)
@source_options
@model_options
@click.option(
    "--landmarks", type=EXISTING_FILE, metavar="FILE",
    help="Level 2: the model face_landmark.tflite, for the head's pose.",
)  # fmt: skip
@click.option(
    "--eyes", type=EXISTING_FILE, metavar="FILE", help="Also the model iris_landmark.tflite, for closed eyes."
)
@click.option(
    "--speed-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="A file that somebody keeps writing the vehicle's speed into, in km/h.",
)  # fmt: skip
@click.option("--page", is_flag=True, help="Run as the appliance does: a page, events, and what --config tells of.")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
    help="Settings of the appliance, for --page; the options here go before them.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page on this machine; 0 takes a free one.")
@click.option("--seconds", type=FiniteRange(0, min_open=True), help="Stop after so much of the drive.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each frame; replay reads them.")
@detector_options
@click.pass_context
def drive(
    context: click.Context, source: str, source_options: SourceOptions, model: str | None, target: str | None,
    backend: str | None, threads: int | None, landmarks: Path | None, eyes: Path | None, speed_file: Path | None,
    page: bool, config_path: Path | None, port: int | None, seconds: float | None, as_json: bool,
    detector: str | None, min_face: int,
) -> None:  # fmt: skip
    """Watch one driver, and say when he is to be alerted.

    Prints a line when an alert is raised or cleared. Keeps no picture. Without --landmarks it tells only whether the
    face points at the road. It is no type-approved safety device: the driver stays responsible.
    """
    if context.invoked_subcommand is not None:
        return
    if eyes is not None and landmarks is None:
        raise click.UsageError("--eyes needs --landmarks: the eyes are looked for where the face's points are.")
    if page:
        _check_page(context)
        chosen_here = {"model": model, "target": target, "threads": threads, "detector": detector}
        files = {"landmarks": landmarks, "eyes": eyes, "speed_file": speed_file}
        _serve(context, source, chosen_here, files, config_path, port)
        return
    if config_path is not None or port is not None:
        raise click.UsageError("--config and --port are for the page; add --page.")
    spare_memory()
    from edge_fer import profile
    from edge_fer.driving import observer as observers
    from edge_fer.driving import words
    from edge_fer.sources import open_source

    if source == DRAWN:
        source = DRAWN_SCENE
        seconds = seconds or _drawn_s()
    chosen = profile.choose(model, target, threads, DEFAULT_MODEL, detector, None)
    if chosen.frame_px is not None:
        source_options = replace(source_options, usual_size_px=chosen.frame_px)
    with contextlib.ExitStack() as stack:
        observer = observers.opened(landmarks, eyes, chosen.threads, chosen.schedule.classify_fps)
        opened = stack.enter_context(open_source(source, source_options))
        if opened.stills:
            from edge_fer.sources.addresses import redact

            raise BadInput(f"{redact(source)} is a picture, and a drive takes time; pass a film or a camera")
        pipeline = _pipeline(stack, model, chosen, backend, min_face)
        steps = stack.enter_context(contextlib.closing(_steps(opened, pipeline, observer, speed_file)))
        click.echo(f"{words.level(observer.level, with_eyes=eyes is not None)}. {words.NOTICE}", err=True)
        _print(_until(steps, seconds), as_json=as_json)


def _check_page(context: click.Context) -> None:
    """Raise `click.UsageError` for options that the page has no use for."""
    for name in NOT_WITH_PAGE:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = "json" if name == "as_json" else name.replace("_", "-")
            raise click.UsageError(f"--{option} is not for the page; leave it out, or --page.")


def _serve(
    context: click.Context, source: str, chosen: dict[str, Any], files: dict[str, Path | None],
    config_path: Path | None, port: int | None,
) -> None:  # fmt: skip
    """Run the appliance as a driver monitor."""
    from edge_fer.appliance.service.running import check_installed

    check_installed()
    from edge_fer.appliance.commands import serving
    from edge_fer.driving import words

    is_named = context.get_parameter_source("source") is click.core.ParameterSource.COMMANDLINE
    named = source if is_named or config_path is None else None
    if named is not None:
        serving.check_there(named)
    changes = chosen | {
        "source": DRAWN_SCENE if named == DRAWN else named,
        # The drawn drive has so many: with fewer it would play slowly.
        "max_fps": DRAWN_FPS if config_path is None else None,
        "driving": {name: path.absolute() for name, path in files.items() if path is not None},
    }
    serving.serve_changed(config_path, changes, port=port, notice=words.NOTICE)


def _pipeline(
    stack: contextlib.ExitStack, model: str | None, chosen: Choice, backend: str | None, min_face_px: int
) -> Pipeline:  # fmt: skip
    import cv2

    from edge_fer import bundle as bundles
    from edge_fer import profile
    from edge_fer.classifier import Classifier
    from edge_fer.detectors import open_detector
    from edge_fer.pipeline import CLASSIFY_FPS, Pipeline
    from edge_fer.tracking import FaceTracker

    # OpenCV would otherwise take all cores for the search.
    cv2.setNumThreads(chosen.threads)
    bundle = profile.open_bundle(model or bundles.installed(chosen.model), None)
    classifier = stack.enter_context(Classifier(bundle, chosen.target, backend=backend, threads=chosen.threads))
    tracker = FaceTracker(open_detector(chosen.detector, min_face_px), chosen.schedule.tracking())
    return Pipeline(classifier, tracker, classify_fps=chosen.schedule.classify_fps or CLASSIFY_FPS)


def _steps(
    source: Source, pipeline: Pipeline, observer: Observer, speed_file: Path | None
) -> Generator[Step]:  # fmt: skip
    from edge_fer.clock import SystemClock
    from edge_fer.driving import watching
    from edge_fer.driving.monitor import Monitor
    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.speed import SpeedFile

    clock = SystemClock()
    monitor = Monitor(Parameters())
    speed = watching.unknown_speed if speed_file is None else SpeedFile(speed_file, clock).read
    if source.live:
        return watching.live(pipeline.run(source), observer, monitor, clock, speed)
    return watching.in_step(pipeline.run(source), observer, monitor, speed)


def _until(steps: Iterable[Step], end_s: float | None) -> Iterator[Step]:
    """Yield *steps* up to *end_s* of the drive."""
    for step in steps:
        if end_s is not None and step.observation.time_s > end_s:
            return
        yield step


def _print(steps: Iterable[Step], *, as_json: bool) -> None:
    """Print *steps*, and at the end on stderr how many alerts there were. Ctrl-C ends it."""
    from edge_fer.driving import recording

    signals = click.get_current_context().ensure_object(Signals)
    count = 0
    raised: Counter[str] = Counter()
    stopped = None
    try:
        for step in steps:
            count += 1
            raised.update(alert.kind.value for alert in step.alerts if alert.level is not None)
            for line in [recording.as_line(step)] if as_json else map(_line, step.alerts):
                click.echo(line)
            signals.check()
    except KeyboardInterrupt as exc:
        stopped = exc
    told = ", ".join(f"{kind} {number}" for kind, number in sorted(raised.items())) or "none"
    click.echo(f"{counted(count, 'observation')}; alerts: {told}", err=True)
    if stopped is not None:
        raise stopped


def _line(alert: Alert) -> str:
    """Return *alert* as a line for people; red only from a warning on."""
    from edge_fer.driving.alerts import Level
    from edge_fer.driving.words import sentence

    name = "cleared" if alert.level is None else alert.level.name.lower()
    line = f"{alert.time_s:8.1f} s  {name:8}  {sentence(alert)}"
    return click.style(line, fg="red") if alert.level is not None and alert.level >= Level.WARNING else line


def _drawn_s() -> float:
    """Return how long the drawn drive takes until it begins again."""
    from edge_fer.sources.drawn.drive import LOOP_S

    return LOOP_S


@drive.command(
    epilog="""\b
Examples:
  edge-fer drive replay drive.jsonl
  edge-fer drive replay drive.jsonl --json | cmp - drive.jsonl"""
)
@click.argument("observations", type=EXISTING_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the observations again, with the alerts.")
def replay(observations: Path, as_json: bool) -> None:
    """Decide again about the OBSERVATIONS that edge-fer drive --json wrote: the same alerts, bit by bit."""
    from edge_fer.driving import recording
    from edge_fer.driving.monitor import Monitor
    from edge_fer.driving.parameters import Parameters

    monitor = Monitor(Parameters())
    _print(map(monitor.saw, recording.read(observations)), as_json=as_json)
