"""The command ``edge-fer run``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_fer.dependencies import spare_memory
from edge_fer.errors import BadInput
from edge_fer.options import DEFAULT_MODEL, FiniteRange, key_option, model_options
from edge_fer.sinks import SinkClosed
from edge_fer.source_options import source_options
from edge_fer.stopping import Signals

if TYPE_CHECKING:
    from edge_fer.classifier import Classifier
    from edge_fer.detectors import Detector
    from edge_fer.pipeline import Pipeline
    from edge_fer.profile import Choice, Schedule
    from edge_fer.records import Record
    from edge_fer.sinks import Sink
    from edge_fer.sources import Frame, Source
    from edge_fer.sources.options import SourceOptions


@click.command(
    epilog="""\b
Examples:
  edge-fer run --source photo.jpg
  edge-fer run --source faces/ --json > faces.jsonl
  edge-fer run --source drive.mp4 --save out/
  edge-fer run --source /dev/video0 --show
  edge-fer run --source 0 --device raspberry-pi-4
  edge-fer run --source picamera --json"""
)
@source_options
@model_options
@click.option(
    "--device",
    "board",
    metavar="BOARD",
    help="Begin from what is assumed of this board (edge-fer devices lists them; auto: the one that this is), where "
    "nothing was measured here.",
)
@key_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each frame.")
@click.option(
    "--save", type=click.Path(path_type=Path), help="Write annotated pictures of the people seen to this folder."
)
@click.option("--show", is_flag=True, help="Show a preview window; closing it ends the run.")
@click.option("--frames", type=click.IntRange(1), help="Stop after this number of frames.")
@click.option(
    "--classify-fps",
    type=FiniteRange(0, min_open=True),
    help="How often a second each face is classified, at most; by default 10.",
)
@click.option("--detector", help="What finds faces: haar (default), yunet:FILE or blazeface:FILE.")
@click.option(
    "--faces",
    type=click.Choice(["find", "whole"]),
    default="find",
    show_default=True,
    help="Find the faces, or take each picture, as it is, for one cropped face.",
)
@click.option("--min-face", default=48, show_default=True, help="Side of the smallest face to search for, in pixels.")
def run(
    source: str, source_options: SourceOptions, model: str | None, target: str | None, backend: str | None,
    threads: int | None, board: str | None, key: Path | None, as_json: bool, save: Path | None, show: bool,
    frames: int | None, detector: str | None, classify_fps: float | None, min_face: int, faces: str,
) -> None:  # fmt: skip
    """Find the faces in a source and classify their expressions.

    Prints a line when a face comes, goes or changes its state; for still images, a line for each face. Stores no
    picture of anybody unless --save is given. Uses the model, target, threads and detector that edge-fer bench
    --write-profile found best on this machine, unless --model, --target or --detector name others; where nothing was
    measured, what edge-fer devices use or --device assumes of the board. Ctrl-C, SIGTERM and SIGHUP finish the film
    and print the summary.
    """
    spare_memory()
    from edge_fer import bundle as bundles
    from edge_fer import profile
    from edge_fer.sources import open_source

    chosen = profile.choose(model, target, threads, DEFAULT_MODEL, detector, board)
    if chosen.frame_px is not None:
        source_options = replace(source_options, usual_size_px=chosen.frame_px)
    schedule = chosen.schedule
    if classify_fps is not None:
        schedule = schedule.model_copy(update={"classify_fps": classify_fps})
    # A name that the user did not write means no file that happens to lie here.
    path = model or bundles.installed(chosen.model)

    signals = click.get_current_context().ensure_object(Signals)
    # Closed in the reverse order, also after an error: sinks first, the source last.
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(open_source(source, source_options))
        if faces == "whole":
            _check_whole(opened, source, detector)
        classifier = stack.enter_context(_classifier(path, chosen, backend, key))
        sinks = _sinks(opened, source, as_json, save, show, signals)
        if faces == "find":
            sinks.append(_advice(opened, chosen.detector, min_face, source_options))
        for sink in sinks:
            stack.callback(sink.close)
        count, stopped = _write_records(
            opened, _pipeline(classifier, faces, chosen.detector, min_face, schedule), sinks, frames, signals
        )
        info = classifier.backend.info
    frame_counts = f"{count} frames, {opened.skipped} skipped, {opened.dropped} dropped"
    executed_by = f"{info.runtime} {info.version}, computes {info.computes}, {info.threads} thread(s)"
    origin = f"; {chosen.origin}" if chosen.origin else ""
    # On stderr, so that stdout holds nothing but results.
    click.echo(f"{frame_counts}; {executed_by}{origin}", err=True)
    if stopped is not None:
        raise stopped


def _classifier(model: str, chosen: Choice, backend: str | None, key: Path | None) -> Classifier:
    import cv2

    from edge_fer import profile
    from edge_fer.classifier import Classifier

    # OpenCV would otherwise take all cores for the search, whatever --threads says.
    cv2.setNumThreads(chosen.threads)
    bundle = profile.open_bundle(model, key)
    return Classifier(bundle, chosen.target, backend=backend, threads=chosen.threads)


def _check_whole(source: Source, name: str, detector: str | None) -> None:
    """Raise `BadInput` unless *source*, which the user called *name*, can consist of cropped faces."""
    from edge_fer.sources.addresses import redact

    if not source.stills:
        raise BadInput(f"--faces whole is for pictures of cropped faces, and {redact(name)} is none; leave it out")
    if detector is not None:
        raise BadInput("--faces whole searches for no face; leave out --detector, or --faces")


def _pipeline(
    classifier: Classifier, faces: str, detector: str, min_face_px: int, schedule: Schedule
) -> Pipeline:  # fmt: skip
    from edge_fer.detectors import open_detector
    from edge_fer.pipeline import CLASSIFY_FPS, Pipeline
    from edge_fer.tracking import FaceTracker, WholePictures

    if faces == "whole":
        return Pipeline(classifier, WholePictures())
    tracker = FaceTracker(open_detector(detector, min_face_px), schedule.tracking())
    return Pipeline(classifier, tracker, classify_fps=schedule.classify_fps or CLASSIFY_FPS)


def _advice(source: Source, detector: str, min_face_px: int, options: SourceOptions) -> Sink:
    """Return the sink that says why *source* shows no face."""
    from edge_fer.advice import Adviser
    from edge_fer.detectors import open_detector
    from edge_fer.sinks import nobody

    def opening(smallest_px: int) -> Detector:
        return open_detector(detector, smallest_px)

    adviser = Adviser(opening, min_face_px, options.view, stills=source.stills)
    if source.stills:
        return nobody.FacelessPictures(adviser)
    return nobody.NobodyThere(adviser) if source.live else nobody.FacelessFilm(adviser)


class _Uninterrupted:
    """A sink that no signal interrupts, so that no file stays half-written."""

    def __init__(self, sink: Sink, signals: Signals) -> None:
        self._sink = sink
        self._signals = signals

    def write(self, frame: Frame, record: Record) -> None:
        with self._signals.held():
            self._sink.write(frame, record)

    def close(self) -> None:
        with self._signals.held():
            self._sink.close()


def _sinks(
    source: Source, name: str, as_json: bool, save: Path | None, show: bool, signals: Signals
) -> list[Sink]:  # fmt: skip
    """Return the sinks for *source*, which the user called *name*: text on stdout, then what was asked for besides."""
    from edge_fer.sinks import lines

    sinks: list[Sink] = []
    if as_json:
        sinks.append(lines.JsonLines(sys.stdout))
    else:
        sinks.append(lines.Text(sys.stdout, every_frame=source.stills))
    if save is None and not show:
        return sinks

    from edge_fer.sinks import film, pictures
    from edge_fer.sources.addresses import resolve, stem

    if save is not None:
        images = pictures.AnnotatedImages(save)  # creates the folder, for a film too
        film_path = save / f"{stem(resolve(name))}.mp4"
        saved = images if source.stills else film.AnnotatedVideo(film_path)
        sinks.append(_Uninterrupted(saved, signals))
    if show:
        sinks.append(pictures.Preview())
    return sinks


def _write_records(
    source: Source, pipeline: Pipeline, sinks: list[Sink], limit: int | None, signals: Signals
) -> tuple[int, KeyboardInterrupt | None]:
    """Write up to *limit* frames of *source* to all *sinks*, until the user closes one or stops the command.

    Return how many frames there were, and what stopped the command.
    """
    count = 0
    try:
        for frame, record in pipeline.run(source):
            count += 1
            for sink in sinks:
                sink.write(frame, record)
            signals.check()
            if count == limit:
                break
            del frame  # so that a large picture is freed before the next one is decoded
    except SinkClosed:
        pass
    except KeyboardInterrupt as exc:
        return count, exc
    return count, None
