"""``edge-fer convert``; nothing heavy is imported before it runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from edge_fer.dependencies import require
from edge_fer.errors import BadInput

NEEDED = (
    "tensorflow",
    "keras",
    "ai_edge_quantizer",
    "onnx",
    "tf2onnx",
    "onnxruntime",
    "openvino",
    "nncf",
    "jinja2",
    "rich",
)


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Read numbers with commas between them."""
    del ctx
    try:
        return None if value is None else tuple(float(part) for part in value.split(","))
    except ValueError as exc:
        raise click.BadParameter(f"{value!r} is no list of numbers with commas between them", param=param) from exc


@click.command(
    epilog="""\b
Examples:
  edge-fer convert model.keras --calibrate faces/
  edge-fer convert model.keras --calibrate train.zip --evaluate test.zip --out my-bundle
  edge-fer convert model.onnx --calibrate fer2013.csv#Training --evaluate fer2013.csv#PublicTest
  edge-fer convert model.onnx --calibrate faces/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  edge-fer convert --recipe cnn-1 --data fer2013/ --out cnn-1-again

Faces are cropped faces: a folder or .zip of <class>/<image>, a .csv in FER2013's form (emotion,pixels,Usage), or an
.npz (images, labels). FILE#PART takes one part of it: a Usage of the csv, a first folder of the others.

Exit code 9 when --strict and the gate is not passed."""
)
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--recipe", "recipe_name", help="Rebuild a shipped model, or convert MODEL as it says.")
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of a recipe's data."
)
@click.option("--calibrate", help="Faces to calibrate with: like those it will see, and none that it is judged on.")
@click.option("--evaluate", help="Labelled faces to judge the targets on; without it only agreement is checked.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The bundle's folder; by default MODEL's name and -bundle."
)
@click.option("--targets", "target_names", help="With commas between them; by default all that MODEL can become.")
@click.option(
    "--labels", help="The classes in the model's order, with commas between them; by default FER2013's seven."
)
@click.option("--size", type=click.IntRange(8, 512), help="Side of the face in pixels, where MODEL leaves it open.")
@click.option(
    "--range",
    "value_range",
    callback=_numbers,
    metavar="NUMBERS",
    help="Model values of pixels 0 and 255.  [default: 0,1]",
)
@click.option(
    "--mean", callback=_numbers, metavar="NUMBERS", help="Instead of --range: what is subtracted from pixels in 0 to 1."
)
@click.option("--std", callback=_numbers, metavar="NUMBERS", help="Instead of --range: what they are divided by then.")
@click.option("--margin", default=0.0, show_default=True, help="Widening of the face box on each side, of its side.")
@click.option("--equalize", is_flag=True, help="Equalise the face's histogram.")
@click.option("--name", help="The bundle's name; by default that of its folder.")
@click.option("--licence", default="unspecified", show_default=True, help="The model's licence.")
@click.option("--images", default=500, show_default=True, type=click.IntRange(1), help="Images to calibrate with.")
@click.option("--seed", default=0, show_default=True, help="Of the choice of those images.")
@click.option("--max-drop", default=0.5, show_default=True, help="Points of accuracy that a target may lose.")
@click.option("--max-f1-drop", type=float, help="Points of macro-F1 that it may lose; by default as --max-drop.")
@click.option("--min-agreement", default=0.96, show_default=True, help="What counts without --evaluate.")
@click.option("--strict", is_flag=True, help="Fail instead of falling back to other precisions.")
@click.option("--allow-overlap", is_flag=True, help="Calibrate with images that are judged on, too.")
@click.option("--custom", metavar="MODULE", help="Python module that registers MODEL's own layers.")
@click.option("--report", type=click.Path(path_type=Path), help="The page to write; by default beside the bundle.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that was found out as JSON.")
@click.pass_context
def convert(ctx: click.Context, /, **options: Any) -> None:
    """Convert a FER classifier to int8 for LiteRT, OpenVINO and ONNX Runtime, and prove what it cost.

    MODEL is a .keras or .h5 file, a SavedModel folder, an .onnx, or a float .tflite. Each target is judged beside its
    own float32. One that loses more than --max-drop is made again: with other ranges, with its worst layers in float,
    with 16 bits, with weights of 8 bits only, until it passes; the report tells every variant.
    """
    require(NEEDED, "convert", "edge-fer convert")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from edge_fer.progress import ProgressDisplay, print_table
    from edge_fer_convert import report as reports
    from edge_fer_convert.bundle_writer import refuse_existing
    from edge_fer_convert.conversion import convert as execute
    from edge_fer_convert.options import job_of

    out: Path = options["out"] or _default_folder(options)
    page: Path = options["report"] or out.with_name(f"{out.name}-report.html")
    refuse_existing(out)
    with ProgressDisplay(quiet=not ctx.find_root().params.get("debug")) as progress:
        conversion = execute(job_of(progress, out.name, options), progress)
        progress.step("writing the bundle")
        conversion.write(out)
        _write_page(page, reports.html(conversion))
    if options["as_json"]:
        click.echo(json.dumps(reports.as_dict(conversion)))
        return
    print_table(reports.table(conversion))
    click.echo(f"bundle: {out} · report: {page} · {conversion.seconds:.0f} s")


def _default_folder(options: dict[str, Any]) -> Path:
    source = options["model"] or options["recipe_name"]
    if source is None:
        raise click.UsageError("pass a MODEL, or --recipe")
    return Path(f"{Path(source).stem}-bundle")


def _write_page(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise BadInput(f"the bundle is written, its report {path} cannot be ({exc.strerror}); pass --report") from exc
