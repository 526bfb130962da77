"""The command ``edge-fer``: thin, and free of heavy imports until a command runs.

Results go to stdout, progress and warnings to stderr. Exit codes: 0 done; 1 error; 2 wrong usage; 3 bad input; 4 bad
bundle, or golden answers that do not match; 5 source; 6 sink; 7 backend; 8 something is not installed; 9 a conversion
lost more than allowed; 10 slower or worse than a baseline; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_fer import __version__
from edge_fer.errors import BadInput, EdgeFerError, GoldenMismatch
from edge_fer.options import DEFAULT_MODEL, model_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.classifier import Classifier
    from edge_fer.pipeline import Pipeline
    from edge_fer.sinks import Sink
    from edge_fer.sources import Source

INTERRUPTED = 130


class _Commands(click.Group):
    """Finds further commands through the entry-point group ``edge_fer.commands`` and reports errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            {*super().list_commands(ctx), *(e.name for e in metadata.entry_points(group="edge_fer.commands"))}
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            for entry in metadata.entry_points(group="edge_fer.commands", name=cmd_name):
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
        except BrokenPipeError:  # the reader of our output has gone, as `| head` does
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
  edge-fer verify cnn-1
  edge-fer convert model.keras --calibrate faces/
  edge-fer eval cnn-1 --data faces/
  edge-fer bench

Exit codes: 0 done, 1 error, 2 usage, 3 bad input, 4 bad bundle, 5 source, 6 sink, 7 backend, 8 not installed,
9 conversion lost too much, 10 worse than a baseline, 130 interrupted.""",
)
@click.version_option(__version__, prog_name="edge-fer")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Facial-emotion recognition on small computers."""
    del debug
    # Our own line says what is wrong with a source; OpenCV's and FFmpeg's beside it would only repeat it.
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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a frame.")
@click.option(
    "--save", type=click.Path(path_type=Path), help="Write annotated pictures of the people seen to this folder."
)
@click.option("--show", is_flag=True, help="Show a preview window.")
@click.option("--frames", type=click.IntRange(1), help="Stop after so many frames.")
@click.option("--min-face", default=64, show_default=True, help="Side of the smallest face looked for, in pixels.")
def run(
    source: str, model: str | None, target: str | None, backend: str | None, threads: int | None, as_json: bool,
    save: Path | None, show: bool, frames: int | None, min_face: int,
) -> None:  # fmt: skip
    """Find faces in a source and say what they express.

    Prints a line when a face comes, goes or changes its state; for stills, a line a face. Keeps no picture of anybody
    unless --save is given. Where edge-fer bench --write-profile has found what is best on this machine, that is what
    runs, unless --model or --target say otherwise.
    """
    from edge_fer import profile
    from edge_fer.sources import open_source

    chosen = profile.choose(model, target, threads, DEFAULT_MODEL)

    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(open_source(source))
        classifier = stack.enter_context(_classifier(chosen.model, chosen.target, backend, chosen.threads))
        sinks = list(_sinks(opened, source, as_json, save, show))
        for sink in sinks:
            stack.callback(sink.close)
        seen = _drain(opened, _pipeline(classifier, min_face), sinks, frames)
        info = classifier.backend.info
    counts = f"{seen} frames, {opened.skipped} skipped, {opened.dropped} dropped"
    how = f"{info.runtime} {info.version}, computes {info.computes}, {info.threads} thread(s)"
    why = "; chosen by this machine's profile" if chosen.from_profile else ""
    click.echo(f"{counts}; {how}{why}", err=True)


def _classifier(model: str, target: str | None, backend: str | None, threads: int) -> Classifier:
    import cv2

    from edge_fer.classifier import Classifier

    cv2.setNumThreads(threads)
    return Classifier.load(model, target, backend=backend, threads=threads)


def _pipeline(classifier: Classifier, min_face_px: int) -> Pipeline:
    from edge_fer.faces import Detection, HaarDetector
    from edge_fer.pipeline import Pipeline
    from edge_fer.tracking import FaceTracker

    return Pipeline(classifier, FaceTracker(HaarDetector(Detection(min_face_px=min_face_px))))


def _sinks(source: Source, word: str, as_json: bool, save: Path | None, show: bool) -> Iterator[Sink]:
    from edge_fer.sinks import lines

    yield lines.JsonLines(sys.stdout) if as_json else lines.Text(sys.stdout, every_frame=source.stills)
    if save is not None:
        from edge_fer.sinks import pictures

        images = pictures.AnnotatedImages(save)
        yield images if source.stills else pictures.AnnotatedVideo(save / f"{Path(word).stem or 'camera'}.mp4")
    if show:
        from edge_fer.sinks import pictures

        yield pictures.Preview()


def _drain(source: Source, pipeline: Pipeline, sinks: list[Sink], most: int | None) -> int:
    seen = 0
    for frame, record in pipeline.run(source):
        for sink in sinks:
            sink.write(frame, record)
        seen += 1
        if seen == most:
            break
    return seen


@main.command(
    epilog="""\b
Examples:
  edge-fer verify cnn-1
  edge-fer verify my-bundle.zip --json"""
)
@click.argument("bundle")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="Threads of the model.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(bundle: str, threads: int, as_json: bool) -> None:
    """Check a bundle's files, checksums and golden answers on this machine.

    Targets whose runtime is not installed are reported as not run. Exit code 4 when anything does not match.
    """
    from edge_fer import bundle as bundles
    from edge_fer.verify import verify as check

    results = check(bundles.load(bundle), threads)
    for result in results:
        click.echo(json.dumps(result.as_dict()) if as_json else result.sentence())
    if any(result.failed for result in results):
        raise GoldenMismatch(f"{bundle} does not compute here what it computed on the workstation; see above")
    if not any(result.ran for result in results):
        raise BadInput(f"no target of {bundle} could be run here; see above")


@main.command(epilog="\b\nExamples:\n  edge-fer models\n  edge-fer models cnn-1\n  edge-fer models --json")
@click.argument("bundle", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(bundle: str | None, as_json: bool) -> None:
    """List the bundles that are in the box; of BUNDLE, show the model card: what it is worth, and not for."""
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
            size = f"  {target.name:16} {target.total_bytes / 1e6:5.2f} MB"
            worth = target.evaluation
            measured = ""
            if worth is not None and worth.accuracy is not None:
                measured = f"{worth.accuracy:.2%} on {worth.data} {worth.split}, {worth.images} images"
            click.echo(f"{size}  {measured}")


if __name__ == "__main__":
    main()
