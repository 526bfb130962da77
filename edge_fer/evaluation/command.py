"""``edge-fer eval``; nothing heavy is imported before it runs."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from edge_fer.dependencies import require

NEEDED = {"sklearn": "scikit-learn", "matplotlib": "matplotlib", "jinja2": "jinja2", "rich": "rich"}
SWEEPS = "resolution,blur,noise"


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
@click.option("--data", required=True, help="Labelled faces: folder or .zip of <class>/<image>, .csv, .npz.")
@click.option("--train", help="What the systems were trained on: faces with a near-copy there are judged apart, too.")
@click.option("--sweeps", default=SWEEPS, show_default=True, help="What is done to the faces besides, or none.")
@click.option("--limit", type=click.IntRange(1), help="So many faces only, drawn at random.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="Of each of our bundles.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for eval.json, answers.npz and report.html.")
@click.option("--export", type=click.Path(path_type=Path), help="Write the faces here, and a csv to be filled.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option("--markdown", is_flag=True, help="Print the table class by class as Markdown, published figures beside.")
def evaluate(
    systems: tuple[str, ...], data: str, train: str | None, sweeps: str, limit: int | None, threads: int,
    out: Path | None, export: Path | None, as_json: bool, markdown: bool,
) -> None:  # fmt: skip
    """Judge SYSTEMS side by side: precision, recall, mAP and F-score a class, calibration; fewer pixels, blur, noise.

    A system is a bundle (cnn-1), one of its targets (cnn-1@onnx-int8), a .csv of another program's answers (columns
    path and label, or path and a score a label), or module:function of yours (grey faces and label names in, scores
    out).
    """
    require(NEEDED, "eval", "edge-fer eval")
    if not systems and export is None:
        raise click.UsageError("pass at least one system, e.g. cnn-1, or --export")
    import json

    from edge_fer.evaluation import comparison, conditions, page
    from edge_fer.evaluation.labelled import load_faces, near_copies
    from edge_fer.evaluation.systems import open_all
    from edge_fer.progress import ProgressDisplay, print_table

    chosen = conditions.chosen([] if sweeps == "none" else [name.strip() for name in sweeps.split(",")])
    faces = load_faces(data)
    faces = faces.sample(limit, 0) if limit else faces
    if export is not None:
        click.echo(f"fill the column label of {comparison.export(faces, chosen, export)}, then pass it as a system")
        return
    with ExitStack() as stack, ProgressDisplay() as progress:
        opened = open_all(systems, threads, stack)
        deduplicated = None
        if train is not None:
            progress.step("looking for near-copies")
            deduplicated = ~near_copies(faces, load_faces(train))
        found = comparison.compare_systems(opened, faces, Path(data).name, chosen, deduplicated, progress)
    if out is not None:
        found.save(out)
        (out / "report.html").write_text(page.comparison_page(found), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(found.as_dict()))
    elif markdown:
        click.echo(page.raza_table(found))
    else:
        print_table(page.table(found))
    if out is not None:
        click.echo(f"report: {out / 'report.html'}", err=True)
