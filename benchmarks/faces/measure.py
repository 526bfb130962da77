"""How well faces are found and followed in films of people, with a stronger detector or annotated boxes as truth.

    python benchmarks/faces/measure.py FOLDER --reference face_detection_yunet_2023mar.onnx
    python benchmarks/faces/measure.py FOLDER --annotations faces.xml
    python benchmarks/faces/measure.py --scene easy --seconds 60

FOLDER holds films, or folders of numbered pictures. The reference is OpenCV's YuNet (--reference), or boxes in the XML
of dlib's imglab or the text of WIDER FACE (--annotations); drawn scenes know their truth. What is compared takes turns
frame by frame in one run, each in a process of its own: every --detector, and with --against the first of them in
another version of edge-fer, a commit of this clone or the folder of another one.

Printed for each film, for their average, and for all frames together: the share of visible faces that were reported,
in all and by pose; false faces in 100 frames; tracks that were false for more than a second; tracks of a person, and
changes of a track to another person; changes of the state in a minute of a followed face; the median and the longest
time from a person's appearance to the first report; persons never reported; CPU time of finding and following a frame.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import shlex
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import annotated
import cv2
import numpy as np
import reference
from films import Film, Scene, find_films

from edge_fer import __version__, files, host
from edge_fer.boxes import Box
from edge_fer.errors import BadInput, EdgeFerError, SinkError, SourceError
from edge_fer.progress import ProgressDisplay, ProgressListener
from edge_fer.sources.options import SCENES
from edge_fer.text import counted, printable
from edge_fer_bench import following, versions
from edge_fer_bench.candidates import Candidate, WorkerProcess
from edge_fer_bench.following import Counts, Figures, FollowedFrame, ReportedFace, Tally, TrueFace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE: Final = Path(__file__).parent
MIN_FACE_PX: Final = 48
SCENE_S: Final = 60.0
"""Length of a drawn scene by default."""
POOLED: Final = "all frames"
AVERAGE: Final = "average"


@dataclass
class Way:
    """What one way of following made of a film."""

    tally: Tally = field(default_factory=Tally)
    reported: list[list[list[Any]]] = field(default_factory=list)
    """The faces of each frame, as ``follower.py`` sends them."""

    def add(self, time_s: float, truth: Sequence[TrueFace], answer: dict[str, Any], *, stills: bool) -> None:
        """Count the *answer* to a frame."""
        faces = answer["faces"]
        self.reported.append(faces)
        self.tally.add(FollowedFrame(time_s, truth, _reported(faces, stills=stills), answer["cpu_ms"]))


@dataclass
class Measured:
    """A film, its truth, and what each way made of it."""

    name: str
    ways: dict[str, Way]
    truth: list[tuple[float, Sequence[TrueFace]]] = field(default_factory=list)
    """Time and true faces of each frame."""

    def as_dict(self) -> dict[str, Any]:
        """Return the raw values, ready for JSON."""
        frames: list[Any] = []
        for time_s, faces in self.truth:
            rows = [[*_rounded(face.box), face.person, face.pose, face.ignored] for face in faces]
            frames.append([round(time_s, 6), rows])
        ways = {}
        for name, way in self.ways.items():
            ways[name] = {"counts": way.tally.counts().as_dict(), "reported": way.reported}
        return {"name": self.name, "frames": frames, "ways": ways}


def _rounded(box: Box) -> list[float]:
    return [round(value, 1) for value in box]


def _reported(faces: Sequence[Sequence[Any]], *, stills: bool) -> list[ReportedFace]:
    reported: list[ReportedFace] = []
    for track, x, y, width, height, state, seen in faces:
        box = Box(x, y, width, height)
        # In unrelated pictures the same number is another face.
        reported.append(ReportedFace(box) if stills else ReportedFace(box, track, state, seen))
    return reported


def candidates(options: argparse.Namespace, temporary: Path) -> list[Candidate]:
    """Return what is compared, other versions first. Raises `BadInput` for a version that is not there."""
    detectors = options.detector or ["haar"]
    made: list[Candidate] = []
    for number, against in enumerate(options.against or ()):
        root = versions.folder_of(against, temporary / f"version-{number}")
        made.append(_candidate(f"{_short(detectors[0])} of {Path(against).name}", detectors[0], options, root))
    made += [_candidate(_short(detector), detector, options) for detector in detectors]
    names = [candidate.name for candidate in made]
    if len(set(names)) < len(names):
        raise BadInput(f"of {', '.join(names)}, two have the same name; name each detector and each version once")
    return made


def _candidate(name: str, detector: str, options: argparse.Namespace, root: Path | None = None) -> Candidate:
    """Return the follower of the version in *root*, by default of this one."""
    script = HERE / "follower.py"
    environment: dict[str, str] = {}
    if root is not None:
        environment = versions.environment(root)
        theirs = root / "benchmarks" / "faces" / "follower.py"
        # A version from before there were followers is driven by this one's, as long as it can.
        script = theirs if theirs.is_file() else script
    command = [sys.executable, str(script), "--detector", detector, "--min-face", str(options.min_face)]
    return Candidate(name, (*command, "--model", options.model), 1, environment=environment)


def _short(detector: str) -> str:
    return detector.partition(":")[0]


def footage(options: argparse.Namespace) -> Iterator[tuple[Film, Callable[[], list[list[TrueFace]]]]]:
    """Yield each film with a function that returns the true faces of its frames.

    Of a drawn scene it returns none, since the frames themselves tell them.
    """
    limits = {"stills": options.stills, "seconds": options.seconds}
    if options.scene:
        for seed in range(options.seeds):
            yield Scene(f"{options.scene} {seed}", options.scene, options.seconds or SCENE_S, seed), list
    elif options.annotations:
        for film, boxes in annotated.films(options.annotations, options.folder, options.fps, **limits):
            yield film, partial(annotated.truth, film, boxes, options.min_face)
    else:
        detector = reference.YuNet(options.reference)
        for found in find_films(options.folder, options.fps, **limits):
            yield found, partial(reference.truth_of, found, detector, options.min_face, options.cache)


def measure(
    film: Film, truth: Sequence[Sequence[TrueFace]], workers: Sequence[WorkerProcess], pixels: Path, min_face_px: int
) -> Measured:
    """Return how *workers* follow the faces of *film*, frame by frame in turn.

    *truth* has the true faces of each frame; without it, the frames tell them. The pixels of each frame go through the
    file *pixels*.
    """
    measured = Measured(film.name, {worker.name: Way() for worker in workers})
    for frame in film.frames():
        if frame.index == 0 or film.stills:
            for worker in workers:
                worker.ask("begin")
        true = truth[frame.index] if truth else [following.true_face(drawn, min_face_px) for drawn in frame.truth]
        measured.truth.append((frame.time_s, true))
        pixels.write_bytes(np.ascontiguousarray(frame.image).tobytes())
        request = {"shape": frame.image.shape, "time_s": frame.time_s, "index": frame.index, "reduced": frame.reduced}
        # Another one first each time, so that none always comes after the same one.
        first = frame.index % len(workers)
        for worker in (*workers[first:], *workers[:first]):
            answer = worker.ask("frame", **request)
            measured.ways[worker.name].add(frame.time_s, true, answer, stills=film.stills)
    return measured


def measure_all(options: argparse.Namespace, progress: ProgressListener) -> list[Measured]:
    """Return what was measured of each film. One that cannot be read is left out, with a warning.

    Raises `SourceError` if none can be.
    """
    cv2.setNumThreads(1)
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        compared = candidates(options, temporary)
        pixels = temporary / "frame"
        arguments = ["--frames", str(pixels)]
        workers = [stack.enter_context(WorkerProcess(candidate, arguments)) for candidate in compared]
        measured: list[Measured] = []
        for film, find_truth in footage(options):
            try:
                progress.step(f"{film.name}: truth")
                truth = find_truth()
                progress.step(f"{film.name}: following")
                measured.append(measure(film, truth, workers, pixels, options.min_face))
            except SourceError as exc:
                progress.warn(f"left out: {exc}")
    if not measured:
        raise SourceError("none of the films can be read; see the lines above")
    return measured


def report(measured: Sequence[Measured]) -> str:
    """Return the figures of each film, and of all together, as text."""
    by_way: dict[str, list[Counts]] = {}
    rows: list[tuple[str, Figures]] = []
    for film in measured:
        for name, way in film.ways.items():
            counts = way.tally.counts()
            by_way.setdefault(name, []).append(counts)
            rows.append((f"{printable(film.name)}: {name}", following.figures(counts)))
    pooled = {name: sum(films, Counts()) for name, films in by_way.items()}
    figures = {name: following.figures(counts) for name, counts in pooled.items()}
    if len(measured) > 1:
        for name, films in by_way.items():
            rows.append((f"{AVERAGE}: {name}", following.mean_figures([following.figures(film) for film in films])))
        rows += [(f"{POOLED}: {name}", row) for name, row in figures.items()]
    # The truth is the same for all ways.
    lines = [_shown(next(iter(pooled.values()))), "", following.table(rows), *_comparisons(figures)]
    return "\n".join(lines)


def _shown(counts: Counts) -> str:
    """Return what there was to find."""
    by_pose = ", ".join(f"{counts.visible[pose]} {pose}" for pose in following.POSES if counts.visible[pose])
    faces = f"{counted(counts.visible.total(), 'visible face')}{f' ({by_pose})' if by_pose else ''}"
    return f"{counted(counts.films, 'film')}, {counted(counts.frames, 'frame')}, {faces}"


def _comparisons(pooled: dict[str, Figures]) -> list[str]:
    """Return a line for each way after the first that says how it compares with the first."""
    (first, before), *others = pooled.items()
    lines = [""] if others else []
    for name, after in others:
        parts: list[str] = []
        if before.coverage is not None and after.coverage is not None:
            parts.append(f"{100 * (after.coverage - before.coverage):+.1f} points of coverage")
        if before.cpu_ms and after.cpu_ms:
            parts.append(f"{after.cpu_ms / before.cpu_ms:.2f}x the CPU time")
        lines.append(f"{name} against {first}: {', '.join(parts)}")
    return lines


def save(measured: Sequence[Measured], options: argparse.Namespace) -> None:
    """Write the raw values to the file that the user names, compressed if it ends in ``.gz``."""
    if options.json is None:
        return
    result = {
        "command": shlex.join(["python", "benchmarks/faces/measure.py", *sys.argv[1:]]),
        "edge_fer": __version__,
        "host": host.facts(),
        "truth": _source_of_truth(options),
        "min_face_px": options.min_face,
        "films": [film.as_dict() for film in measured],
    }
    content = (json.dumps(result) + "\n").encode()
    try:
        files.write(options.json, gzip.compress(content, mtime=0) if options.json.suffix == ".gz" else content)
    except OSError as exc:
        raise SinkError(f"{options.json} cannot be written: {exc.strerror or exc}") from exc


def _source_of_truth(options: argparse.Namespace) -> dict[str, str]:
    if options.scene:
        return {"scene": options.scene}
    path: Path = options.reference or options.annotations
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options. Raises `BadInput` for those that do not fit together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="the films")
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument("--reference", type=Path, help="the file of YuNet, whose faces are the truth")
    truth.add_argument("--annotations", type=Path, help="an XML of dlib's imglab or a text of WIDER FACE")
    truth.add_argument("--scene", choices=SCENES, help="a drawn scene instead of films")
    parser.add_argument("--detector", action="append", metavar="NAME[:FILE]", help="haar by default; may be repeated")
    parser.add_argument("--against", action="append", help="another version: a commit or a folder; may be repeated")
    parser.add_argument("--min-face", type=int, default=MIN_FACE_PX, help="the smallest face that counts, in pixels")
    parser.add_argument("--model", default="compact", help="the bundle that gives the states")
    parser.add_argument("--seconds", type=float, help="of each film its beginning only; of a scene its length")
    parser.add_argument("--seeds", type=int, default=1, help="how many scenes are drawn")
    parser.add_argument("--fps", type=float, default=25.0, help="pictures a second of a folder of pictures")
    parser.add_argument("--stills", action="store_true", help="pictures have nothing to do with each other")
    parser.add_argument("--cache", type=Path, help="a folder in which what the reference sees is kept")
    parser.add_argument("--json", type=Path, help="write the raw values to this file")
    options = parser.parse_args(arguments)
    if options.scene is None and options.folder is None:
        raise BadInput("no films; pass the folder that holds them, or --scene")
    if options.fps <= 0 or options.seeds < 1 or (options.seconds is not None and options.seconds <= 0):
        raise BadInput(
            f"--fps {options.fps}, --seeds {options.seeds}, --seconds {options.seconds}; pass values greater than 0"
        )
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the figures and save the raw values; print an error of edge-fer as one line."""
    try:
        options = parse(arguments)
        if options.json is not None:
            files.refuse_unwritable(options.json, "pass another file")
        with ProgressDisplay() as progress:
            measured = measure_all(options, progress)
        print(report(measured))
        # Last, so that a full disk takes the raw values only.
        save(measured, options)
    except EdgeFerError as exc:
        print(f"measure.py: {exc}", file=sys.stderr)
        sys.exit(exc.exit_code)


if __name__ == "__main__":
    main()
