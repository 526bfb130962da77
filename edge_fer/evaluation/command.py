"""The command ``edge-fer eval``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edge_fer import telemetry
from edge_fer.backends import MAX_THREADS
from edge_fer.dependencies import require
from edge_fer.errors import BadInput, SinkError
from edge_fer.options import Parsed
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer.evaluation.comparison import SystemComparison
    from edge_fer.evaluation.conditions import Condition
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.origin import Origin
    from edge_fer.evaluation.votes import FerPlusVotes

NEEDED: Final = {"sklearn": "scikit-learn", "matplotlib": "matplotlib", "jinja2": "jinja2", "rich": "rich"}
SWEEPS: Final = "resolution,blur,noise"  # as text, since edge_fer.evaluation.conditions imports OpenCV
SAMPLE_SEED: Final = 0  # --limit chooses the same faces every time, so that two runs can be compared


def _sweeps(text: str) -> str:
    """Return *text*, names of sweeps separated by commas or ``none``, where there are such."""
    known = SWEEPS.split(",")
    for name in text.split(","):
        if text != "none" and name not in known:
            raise BadInput(f"there is no sweep {name!r}; choose from {', '.join(known)}, or pass none")
    return text


@click.command(
    "eval",
    epilog="""\b
Examples:
  edge-fer eval cnn-1 --data fer2013-public-test.zip
  edge-fer eval cnn-1@litert-int8 cnn-1@litert-float32 --data faces/ --sweeps none
  edge-fer eval cnn-1 service.csv mine:classify --data faces/ --train fer2013-train.zip --out eval/
  edge-fer eval --data faces/ --export to-ask/""",
)
@click.argument("systems", nargs=-1)
@click.option("--data", required=True, help="Labelled faces: folder or .zip of <class>/<image>, .csv, or .npz.")
@click.option("--train", help="Training set. Also report accuracy on the faces that have no near-copy in it.")
@click.option(
    "--votes",
    "votes_csv",
    type=click.Path(path_type=Path),
    help="Votes of FER+ on these faces. Also report accuracy by their majority.",
)
@click.option(
    "--sweeps",
    default=SWEEPS,
    type=Parsed("names", _sweeps),
    show_default=True,
    help="Also degrade the faces in these ways; none: do not.",
)
@click.option("--limit", type=click.IntRange(1), help="Evaluate at most this many faces, chosen at random.")
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1, MAX_THREADS), help="Threads of each bundle."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write eval.json, answers.npz and report.html to this folder."
)
@click.option(
    "--export",
    type=click.Path(path_type=Path),
    help="Evaluate nothing. Write the faces to this folder, and a csv for another program's answers.",
)
@click.option("--force", is_flag=True, help="Replace what is in the folder of --out or --export.")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
@click.option("--markdown", is_flag=True, help="Print the figures of each class, and published ones, as Markdown.")
def evaluate(
    systems: tuple[str, ...], data: str, train: str | None, votes_csv: Path | None, sweeps: str, limit: int | None,
    threads: int, out: Path | None, export: Path | None, force: bool, as_json: bool, markdown: bool,
) -> None:  # fmt: skip
    """Evaluate SYSTEMS on the same labelled faces, side by side.

    Reports accuracy, macro-F1, mAP and calibration error; precision, recall and F-score of each class; and accuracy
    with fewer pixels, blur and noise.

    A system is a bundle (cnn-1); one of its targets (cnn-1@onnx-int8); a .csv of another program's answers, with the
    columns path and label, or path and a score for each label; or module:function, a Python function that takes grey
    faces and label names and returns scores.
    """
    require(NEEDED, "eval", "edge-fer eval")
    telemetry.keep_home_clean()
    if not systems and export is None:
        raise click.UsageError("pass at least one system, e.g. cnn-1, or --export")

    from edge_fer.evaluation import comparison, conditions
    from edge_fer.evaluation.labelled import load_faces
    from edge_fer.evaluation.origin import Origin
    from edge_fer.evaluation.votes import FerPlusVotes, load_votes

    origin = Origin.now()
    names = [] if sweeps == "none" else [name.strip() for name in sweeps.split(",")]
    chosen = conditions.of_sweeps(names)
    if not force:
        _refuse_existing(out, export, chosen)
    for folder in filter(None, (out, export)):
        _refuse_unwritable(folder)
    counts = None if votes_csv is None else load_votes(votes_csv)
    faces = load_faces(data)
    if limit is not None:
        faces = faces.sample(limit, SAMPLE_SEED)
    if export is not None:
        table = comparison.export(faces, chosen, export, overwrite=force)
        click.echo(printable(f"fill in the column label of {table}, then pass the file as a system"))
        return
    if not faces.labelled:
        raise BadInput(f"{data} has faces without labels; put each into the folder of its class")
    votes = None if counts is None else FerPlusVotes.of(faces, counts)
    compared = _compare(systems, threads, faces, Path(data).name, chosen, train, votes)
    if out is not None:
        _save(compared, out, origin)
    _print(compared, as_json=as_json, markdown=markdown)
    if out is not None:
        click.echo(printable(f"report: {out / 'report.html'}"), err=True)


def _refuse_existing(out: Path | None, export: Path | None, conditions: Sequence[Condition]) -> None:
    """Raise `BadInput` for files that the command would replace; before the work, which may take minutes."""
    from edge_fer.evaluation import comparison

    if export is not None:
        comparison.refuse_exported(export, conditions)
    elif out is not None:
        comparison.refuse_existing(out, comparison.SAVED, "--out")


def _refuse_unwritable(folder: Path) -> None:
    """Raise `SinkError` where it can be told already that the command's files cannot be written to *folder*."""
    from edge_fer import files
    from edge_fer.evaluation.comparison import ANSWERS, SAVED

    for name in (*SAVED, ANSWERS):
        try:
            files.check(folder / name)
        except OSError as exc:
            raise SinkError(f"{exc.filename} cannot be written: {exc.strerror}; choose another folder") from exc


def _compare(
    systems: Sequence[str],
    threads: int,
    faces: LabelledFaces,
    data: str,
    conditions: Sequence[Condition],
    train: str | None,
    votes: FerPlusVotes | None,
) -> SystemComparison:
    from edge_fer.evaluation.comparison import compare_systems
    from edge_fer.evaluation.labelled import load_faces
    from edge_fer.evaluation.near_copies import near_copies
    from edge_fer.evaluation.systems import open_all
    from edge_fer.progress import ProgressDisplay

    with ExitStack() as stack, ProgressDisplay() as progress:
        opened = open_all(systems, threads, stack)
        for system in opened:
            system.check(faces, [condition.name for condition in conditions])
        deduplicated = None
        if train is not None:
            progress.step("searching the training set for near-copies")
            deduplicated = ~near_copies(faces, load_faces(train))
        return compare_systems(opened, faces, data, conditions, deduplicated, progress, votes)


def _save(compared: SystemComparison, folder: Path, origin: Origin) -> None:
    from edge_fer import files
    from edge_fer.evaluation.page import comparison_page

    compared.save(folder)
    page = comparison_page(compared, origin)
    try:
        files.write(folder / "report.html", page)
    except OSError as exc:
        raise SinkError(f"{folder} cannot be written: {exc.strerror}; choose another with --out") from exc


def _print(compared: SystemComparison, *, as_json: bool, markdown: bool) -> None:
    from edge_fer.evaluation import page
    from edge_fer.progress import print_table

    if as_json:
        click.echo(json.dumps(compared.as_dict()))
    elif markdown:
        click.echo(printable(page.raza_table(compared), keep="\n"))
    else:
        print_table(page.table(compared))
