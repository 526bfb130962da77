"""The command ``edge-fer``. Heavy imports wait until a command runs, so that ``--help`` is instant.

Results go to stdout, progress and warnings to stderr.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from edge_fer import __version__
from edge_fer.backends import MAX_THREADS
from edge_fer.errors import BadInput, EdgeFerError, GoldenMismatch
from edge_fer.options import DEFAULT_MODEL, model_options
from edge_fer.sinks import SinkClosed
from edge_fer.text import percent

if TYPE_CHECKING:
    from edge_fer.bundle import Evaluation
    from edge_fer.classifier import Classifier
    from edge_fer.pipeline import Pipeline
    from edge_fer.sinks import Sink
    from edge_fer.sources import Source

COMMANDS: Final = "edge_fer.commands"
"""The entry-point group through which other packages add commands."""
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""


class _Commands(click.Group):
    """Finds further commands by entry point, imports each when it is called, and reports errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = set(super().list_commands(ctx))
        names.update(metadata.entry_points(group=COMMANDS).names)
        return sorted(names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            for entry in metadata.entry_points(group=COMMANDS, name=cmd_name):
                # Only now, so that a command works although the packages of another one are missing.
                command = entry.load()
        return command

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params.get("debug"):
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except EdgeFerError as exc:
            click.echo(f"edge-fer: {exc}", err=True)
            ctx.exit(exc.exit_code)
        except KeyboardInterrupt:
            click.echo("edge-fer: interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # The reader of our output is gone, as with `| head`. Python flushes stdout once more when it exits, which
            # would fail again: that last flush goes to /dev/null.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  edge-fer run --source synthetic --frames 90
  edge-fer run --source photo.jpg --json
  edge-fer run --source 0 --show
  edge-fer verify compact
  edge-fer convert model.keras --calibrate faces/
  edge-fer eval compact --data faces/
  edge-fer bench

Exit codes: 0 done, 1 error, 2 usage, 3 bad input, 4 bad bundle, 5 source, 6 sink, 7 backend, 8 not installed,
9 conversion lost too much, 10 worse than a baseline, 130 interrupted.""",
)
@click.version_option(__version__, prog_name="edge-fer")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Facial-emotion recognition on small computers."""
    del debug
    # edge-fer reports a bad source in a line of its own, which OpenCV's and FFmpeg's would only repeat.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="edge-fer: %(message)s")


@main.command(
    epilog="""\b
Examples:
  edge-fer run --source photo.jpg
  edge-fer run --source faces/ --json > faces.jsonl
  edge-fer run --source drive.mp4 --save out/
  edge-fer run --source /dev/video0 --show
  edge-fer run --source picamera --json"""
)
@click.option(
    "--source", default="synthetic", show_default=True,
    help="An image, a folder, a video, a camera (0, /dev/video0, rtsp://…), picamera, or synthetic.",
)  # fmt: skip
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each frame.")
@click.option(
    "--save", type=click.Path(path_type=Path), help="Write annotated pictures of the people seen to this folder."
)
@click.option("--show", is_flag=True, help="Show a preview window; closing it ends the run.")
@click.option("--frames", type=click.IntRange(1), help="Stop after this number of frames.")
@click.option("--min-face", default=64, show_default=True, help="Side of the smallest face to search for, in pixels.")
def run(
    source: str, model: str | None, target: str | None, backend: str | None, threads: int | None, as_json: bool,
    save: Path | None, show: bool, frames: int | None, min_face: int,
) -> None:  # fmt: skip
    """Find the faces in a source and classify their expressions.

    Prints a line when a face comes, goes or changes its state; for still images, a line for each face. Stores no
    picture of anybody unless --save is given. Uses the model, target and threads that edge-fer bench --write-profile
    found best on this machine, unless --model or --target name others.
    """
    from edge_fer import profile
    from edge_fer.sources import open_source

    chosen = profile.choose(model, target, threads, DEFAULT_MODEL)

    # Closed in the reverse order, also after an error: sinks first, the source last.
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(open_source(source))
        classifier = stack.enter_context(_classifier(chosen.model, chosen.target, backend, chosen.threads))
        sinks = _sinks(opened, source, as_json, save, show)
        for sink in sinks:
            stack.callback(sink.close)
        count = _write_records(opened, _pipeline(classifier, min_face), sinks, frames)
        info = classifier.backend.info
    frame_counts = f"{count} frames, {opened.skipped} skipped, {opened.dropped} dropped"
    executed_by = f"{info.runtime} {info.version}, computes {info.computes}, {info.threads} thread(s)"
    origin = "; chosen by this machine's profile" if chosen.from_profile else ""
    # On stderr, so that stdout holds nothing but results.
    click.echo(f"{frame_counts}; {executed_by}{origin}", err=True)


def _classifier(model: str, target: str | None, backend: str | None, threads: int) -> Classifier:
    import cv2

    from edge_fer.classifier import Classifier

    # OpenCV would otherwise take all cores for the search, whatever --threads says.
    cv2.setNumThreads(threads)
    return Classifier.load(model, target, backend=backend, threads=threads)


def _pipeline(classifier: Classifier, min_face_px: int) -> Pipeline:
    from edge_fer.faces import Detection, HaarDetector
    from edge_fer.pipeline import Pipeline
    from edge_fer.tracking import FaceTracker

    detector = HaarDetector(Detection(min_face_px=min_face_px))
    return Pipeline(classifier, FaceTracker(detector))


def _sinks(source: Source, name: str, as_json: bool, save: Path | None, show: bool) -> list[Sink]:
    """Return the sinks for *source*, which the user called *name*: text on stdout, then what was asked for besides."""
    from edge_fer.sinks import lines

    sinks: list[Sink] = []
    if as_json:
        sinks.append(lines.JsonLines(sys.stdout))
    else:
        sinks.append(lines.Text(sys.stdout, every_frame=source.stills))
    if save is None and not show:
        return sinks

    from edge_fer.sinks import pictures

    if save is not None:
        images = pictures.AnnotatedImages(save)  # creates the folder, for a video too
        video_path = save / f"{Path(name).stem or 'camera'}.mp4"
        sinks.append(images if source.stills else pictures.AnnotatedVideo(video_path))
    if show:
        sinks.append(pictures.Preview())
    return sinks


def _write_records(source: Source, pipeline: Pipeline, sinks: list[Sink], limit: int | None) -> int:
    """Write up to *limit* frames of *source* to all *sinks*, until one is closed; return how many frames there were."""
    count = 0
    for frame, record in pipeline.run(source):
        count += 1
        try:
            for sink in sinks:
                sink.write(frame, record)
        except SinkClosed:
            break
        if count == limit:
            break
    return count


@main.command(
    epilog="""\b
Examples:
  edge-fer verify compact
  edge-fer verify my-bundle.zip --json"""
)
@click.argument("bundle")
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1, MAX_THREADS), help="Threads of the model."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each target.")
def verify(bundle: str, threads: int, as_json: bool) -> None:
    """Check the files, checksums and golden answers of BUNDLE on this machine.

    Targets whose runtime is not installed are reported as not run. The exit code is 4 if anything does not match.
    """
    from edge_fer import bundle as bundles
    from edge_fer.verify import verify as verify_bundle

    results = verify_bundle(bundles.load(bundle), threads)
    for result in results:
        click.echo(json.dumps(result.as_dict()) if as_json else result.sentence())
    if any(result.failed for result in results):
        raise GoldenMismatch(f"{bundle} does not compute here what it computed on the workstation; see above")
    if not any(result.ran for result in results):
        raise BadInput(f"no target of {bundle} can be run here; see above")


@main.command(epilog="\b\nExamples:\n  edge-fer models\n  edge-fer models compact\n  edge-fer models --json")
@click.argument("bundle", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print manifests as JSON.")
def models(bundle: str | None, as_json: bool) -> None:
    """List the shipped bundles. With BUNDLE, print its model card: what it is for, how accurate it is, its limits."""
    from edge_fer import bundle as bundles

    if bundle is not None:
        opened = bundles.load(bundle)
        text = opened.manifest.model_dump_json(indent=2) if as_json else opened.model_card()
        click.echo(text or f"{opened.path} has no model card")
        return
    manifests = [bundles.load(name).manifest for name in bundles.shipped()]
    if as_json:
        click.echo(json.dumps([manifest.model_dump(mode="json") for manifest in manifests], indent=2))
        return
    for manifest in manifests:
        click.echo(f"{manifest.name}: {manifest.description}")
        for target in manifest.targets:
            click.echo(f"  {target.name:16} {target.total_bytes / 1e6:5.2f} MB  {_accuracy(target.evaluation)}")


def _accuracy(evaluation: Evaluation | None) -> str:
    if evaluation is None or evaluation.accuracy is None:
        return ""
    return f"{percent(evaluation.accuracy)} on {evaluation.data} {evaluation.split}, {evaluation.images} images"


if __name__ == "__main__":
    main()
