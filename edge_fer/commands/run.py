"""The command ``edge-fer run``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from edge_fer.commands.board import BOARD
from edge_fer.dependencies import spare_memory
from edge_fer.errors import BadInput
from edge_fer.options import DEFAULT_MODEL, FiniteRange, detector_options, key_option, model_options
from edge_fer.source_options import DRAWN, SOURCE, SOURCE_HELP, opening_options
from edge_fer.stopping import Signals
from edge_fer.text import counted, printable

if TYPE_CHECKING:
    from edge_fer.classifier import Classifier
    from edge_fer.commands.playing import Outputs
    from edge_fer.pipeline import Pipeline
    from edge_fer.profile import Choice
    from edge_fer.smoothing import Smoothing
    from edge_fer.sources.options import SourceOptions

DRAWN_FRAMES: Final = 300
"""How many frames are drawn where nobody names a source."""
DRAWN_FPS: Final = 30
HYSTERESIS: Final = 0.1
"""By how much a state's score may fall below what it took to become the state."""


@click.command(
    epilog="""\b
Examples:
  edge-fer run photo.jpg
  edge-fer run faces/ --recursive --csv > faces.csv
  edge-fer run drive.mp4 --save out/
  edge-fer run 0 --show
  edge-fer run '*.jpg' '*.mp4' --json > all.jsonl
  curl -s https://example.org/photo.jpg | edge-fer run -
  edge-fer run camera --device raspberry-pi-4"""
)
@click.argument("sources", nargs=-1, type=SOURCE)
@click.option("--source", "named", type=SOURCE, multiple=True, help=f"The same as SOURCES. {SOURCE_HELP}")
@click.option("--recursive", is_flag=True, help="Also read the folders that are in a folder.")
@opening_options
@model_options
@click.option(
    "--device",
    "board",
    type=BOARD,
    metavar="BOARD",
    help="Begin from what is assumed of this board (edge-fer devices lists them; auto: the one that this is), where "
    "nothing was measured here.",
)
@key_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each frame.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line of CSV for each face of each frame.")
@click.option("-q", "--quiet", is_flag=True, help="Print no sentences and no summary: only warnings, --json and --csv.")
@click.option(
    "--save", type=click.Path(path_type=Path), help="Write annotated pictures of the people seen to this folder."
)
@click.option("--show", is_flag=True, help="Show a preview window. A picture waits for a key; q and Esc end the run.")
@click.option("--frames", type=click.IntRange(1), help="Stop after this number of frames.")
@click.option(
    "--unknown-below",
    "--conf",
    "unknown_below",
    type=FiniteRange(0, 1),
    metavar="SHARE",
    help="Least score, from 0 to 1, at which a label becomes a face's state; by default 0.5.",
)
@click.option(
    "--classify-fps",
    type=FiniteRange(0, min_open=True),
    help="How often a second each face is classified, at most; by default 10.",
)
@detector_options
@click.option(
    "--faces",
    type=click.Choice(["find", "whole"]),
    default="find",
    show_default=True,
    help="Find the faces, or take each picture, as it is, for one cropped face.",
)
@click.pass_context
def run(
    ctx: click.Context, /, sources: tuple[str, ...], named: tuple[str, ...], recursive: bool, frames: int | None,
    source_options: SourceOptions, **options: Any,
) -> None:  # fmt: skip
    """Find the faces in SOURCES and classify their expressions.

    SOURCES are pictures, folders, films, patterns (quoted, or where a shell does not expand them), or one camera;
    without any, a drawn camera is played. Prints a line when a face comes, goes or changes its state; for still images,
    a line for each face. At the end, a summary goes to stderr. Stores no picture of anybody unless --save is given.

    Uses the model, target, threads and detector that edge-fer bench --write-profile found best on this machine, unless
    --model, --target or --detector name others; where nothing was measured, what edge-fer devices use or --device
    assumes of the board. Ctrl-C, SIGTERM and SIGHUP finish the film and print the summary.
    """
    outputs = _outputs(options)
    if options["faces"] == "whole" and options["detector"] is not None:
        raise click.UsageError("--faces whole searches for no face; leave out --detector, or --faces.")
    groups = _groups([*named, *sources], recursive=recursive)
    spare_memory()
    from edge_fer import profile
    from edge_fer.commands.playing import Player, Searching
    from edge_fer.commands.summary import Summary, executed_by

    chosen = profile.choose(
        options["model"], options["target"], options["threads"], DEFAULT_MODEL, options["detector"], options["board"]
    )
    if chosen.frame_px is not None:
        source_options = replace(source_options, usual_size_px=chosen.frame_px)
    if not groups:
        groups = [(DRAWN,)]
        frames = frames or DRAWN_FRAMES
        if not options["quiet"]:
            click.echo(_drawn(frames, source_options.fps or DRAWN_FPS), err=True)
    searching = Searching(chosen.detector, options["min_face"], whole=options["faces"] == "whole")
    with contextlib.ExitStack() as stack:
        loaded: list[Classifier] = []

        def pipeline() -> Pipeline:
            loaded.append(stack.enter_context(_classifier(chosen, options)))
            return _pipeline(loaded[0], searching.whole, chosen, options)

        player = Player(pipeline, searching, outputs, Summary(), ctx.ensure_object(Signals), frames)
        stopped = player.play(groups, source_options, recursive=recursive)
        executed = [
            executed_by(classifier.bundle.path.stem, classifier.target.name, classifier.backend.info, chosen.origin)
            for classifier in loaded
        ]
    if not options["quiet"]:
        # On stderr, so that stdout holds nothing but results.
        for line in player.summary.lines("".join(executed)):
            click.echo(printable(line), err=True)
    if stopped is not None:
        raise stopped


def _outputs(options: dict[str, Any]) -> Outputs:
    from edge_fer.commands.playing import Outputs

    if options["as_json"] and options["as_csv"]:
        raise click.UsageError("pass --json or --csv, not both.")
    form = "none" if options["quiet"] else "text"
    if options["as_json"]:
        form = "json"
    elif options["as_csv"]:
        form = "csv"
    return Outputs(form, options["save"], options["show"])


def _groups(names: list[str], *, recursive: bool) -> list[tuple[str, ...]]:
    """Return the sources *names* in groups that are played one after the other. Raises `SourceError`."""
    from edge_fer.sources import several

    found = several.expanded(names)
    if recursive and not any(Path(name).is_dir() for name in found):
        raise click.UsageError("--recursive is for folders; pass one, or leave it out.")
    try:
        return several.grouped(found)
    except BadInput as exc:
        raise click.UsageError(f"{exc}.") from exc


def _drawn(frames: int, fps: float) -> str:
    seconds = f"{frames / fps:.0f} s of a drawn camera ({counted(frames, 'frame')})"
    return f"no source is given, so this plays {seconds}; pass a picture, a film or a camera: edge-fer run photo.jpg"


def _classifier(chosen: Choice, options: dict[str, Any]) -> Classifier:
    import cv2

    from edge_fer import bundle as bundles
    from edge_fer import profile
    from edge_fer.classifier import Classifier

    # OpenCV would otherwise take all cores for the search, whatever --threads says.
    cv2.setNumThreads(chosen.threads)
    # A name that the user did not write means no file that happens to lie here.
    bundle = profile.open_bundle(options["model"] or bundles.installed(chosen.model), options["key"])
    return Classifier(bundle, chosen.target, backend=options["backend"], threads=chosen.threads)


def _pipeline(classifier: Classifier, whole: bool, chosen: Choice, options: dict[str, Any]) -> Pipeline:
    from edge_fer.detectors import open_detector
    from edge_fer.pipeline import CLASSIFY_FPS, Pipeline
    from edge_fer.tracking import FaceTracker, WholePictures

    smoothing = _smoothing(options["unknown_below"])
    if whole:
        return Pipeline(classifier, WholePictures(), smoothing=smoothing)
    tracker = FaceTracker(open_detector(chosen.detector, options["min_face"]), chosen.schedule.tracking())
    classify_fps = options["classify_fps"] or chosen.schedule.classify_fps or CLASSIFY_FPS
    return Pipeline(classifier, tracker, smoothing=smoothing, classify_fps=classify_fps)


def _smoothing(unknown_below: float | None) -> Smoothing:
    """Return how scores become a state, where a label needs a score of *unknown_below*, or None for the default."""
    from edge_fer.smoothing import Smoothing

    if unknown_below is None:
        return Smoothing()
    return Smoothing(enter=unknown_below, leave=max(0.0, unknown_below - HYSTERESIS))
