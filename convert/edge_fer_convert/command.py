"""The command ``edge-fer convert``; nothing heavy is imported before it runs."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from edge_fer import files, telemetry
from edge_fer.dependencies import require
from edge_fer.errors import EdgeFerError, GateFailed, SinkError
from edge_fer.options import SEED, Finite
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer.progress import ProgressListener
    from edge_fer_convert.result import Conversion

NEEDED: Final = (
    "tensorflow",
    "keras",
    "litert_quantizer",
    "onnx",
    "tf2onnx",
    "onnxruntime",
    "openvino",
    "nncf",
    "scipy",
    "sklearn",
    "jinja2",
    "rich",
)


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Read numbers separated by commas."""
    del ctx
    try:
        numbers = None if value is None else tuple(float(part) for part in value.split(","))
    except ValueError as exc:
        raise click.BadParameter(f"{value!r} is no list of numbers separated by commas", param=param) from exc
    if numbers is not None and not all(map(math.isfinite, numbers)):
        raise click.BadParameter(f"{value!r} holds a number that is not finite", param=param)
    return numbers


def _numbers_or_auto(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | str | None:
    """Read numbers separated by commas, or the word auto."""
    return value if value == "auto" else _numbers(ctx, param, value)


def _columns(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Read two whole numbers separated by a colon."""
    del ctx
    if value is None:
        return None
    first, colon, end = value.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal()):
        raise click.BadParameter(f"{value!r} is no FIRST:END, such as 0:7", param=param)
    return int(first), int(end)


@click.command(
    epilog="""\b
Examples:
  edge-fer convert model.keras --calibrate faces/
  edge-fer convert model.keras --calibrate train.zip --evaluate test.zip --out my-bundle
  edge-fer convert model.onnx --calibrate fer2013.csv#Training --evaluate fer2013.csv#PublicTest
  edge-fer convert model.pt2 --calibrate faces/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  edge-fer convert model.keras --calibrate train.zip --evaluate test.zip --votes ferplus.csv
  edge-fer convert model.h5 --calibrate train.zip --evaluate test.zip --range auto --labels auto
  edge-fer convert --recipe cnn-1 --data fer2013/ --out cnn-1-again

FACES are cropped faces: a folder or .zip of <class>/<image>, a .csv like FER2013's (emotion,pixels,Usage), or an .npz
(images, labels). FILE#PART reads one part: a Usage of the .csv, or a first folder of the others.

Exit code 9 when a target of --targets cannot be made or does not pass, when a float32 form is not the model that was
opened, and when labelled faces fit another order of the labels, or other values of the input, much better."""
)
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--recipe", "recipe_name", help="Rebuild a shipped model, or convert MODEL with the recipe's settings.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the data of the recipe.",
)
@click.option("--calibrate", metavar="FACES", help="Faces like those in use; they choose the ranges of activations.")
@click.option("--evaluate", metavar="FACES", help="Labelled faces that accuracy is measured on.")
@click.option("--votes", type=click.Path(path_type=Path), help="Votes of FER+ on these faces: accuracy by these, too.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the bundle.  [default: MODEL-bundle]")
@click.option(
    "--labels",
    help="The classes in the model's order, separated by commas; auto: those of the faces in the order that fits best. "
    " [default: those that MODEL carries, or FER2013's seven]",
)
@click.option(
    "--targets",
    "target_names",
    help="Separated by commas; imx500, hailo and edgetpu too.  [default: all that MODEL can become]",
)
@click.option("--size", type=click.IntRange(8, 512), help="Side of the face in pixels, where MODEL leaves it open.")
@click.option(
    "--range",
    "value_range",
    callback=_numbers_or_auto,
    metavar="NUMBERS",
    help="Model values of pixels 0 and 255; auto: the usual ones that fit labelled faces best.  [default: 0,255 where "
    "MODEL begins by scaling pixels down, else 0,1]",
)
@click.option(
    "--mean",
    callback=_numbers,
    metavar="NUMBERS",
    help="Instead of --range: subtracted from pixels scaled to 0 to 1, one number or one for each channel.",
)
@click.option("--std", callback=_numbers, metavar="NUMBERS", help="With --mean: what the difference is divided by.")
@click.option(
    "--margin",
    default=0.0,
    show_default=True,
    type=Finite(),
    help="Widen the face box by this share of its side, on each side.",
)
@click.option("--equalize", is_flag=True, help="Equalise the histogram of the face.")
@click.option(
    "--standardize",
    is_flag=True,
    help="Instead of --range: subtract each face's mean, and divide by its standard deviation.",
)
@click.option("--name", help="Name of the bundle.  [default: name of its folder]")
@click.option("--licence", default="unspecified", show_default=True, help="Licence of the model.")
@click.option("--images", default=500, show_default=True, type=click.IntRange(1), help="Number of calibration images.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="Seed of the choice of the calibration images.")
@click.option(
    "--max-drop",
    default=0.5,
    show_default=True,
    type=Finite(),
    help="Percentage points of accuracy that a target may lose.",
)
@click.option(
    "--max-f1-drop",
    type=Finite(),
    help="Percentage points of macro-F1 that it may lose.  [default: as --max-drop]",
)
@click.option(
    "--min-agreement",
    type=Finite(),
    help="Share of images that must get the same label as in float32.  [default: 0.96; 0.9 with --evaluate]",
)
@click.option("--strict", is_flag=True, help="Fail instead of falling back to another precision.")
@click.option(
    "--allow-slower", is_flag=True, help="Take 16 bits, or layers in float, even where that is slower than float32."
)
@click.option("--allow-overlap", is_flag=True, help="Allow calibration images that are evaluation images too.")
@click.option(
    "--force-contract",
    is_flag=True,
    help="Convert although labelled faces fit other labels, or other values of the input, much better.",
)
@click.option("--output", metavar="NAME", help="The output of the scores, where MODEL has several.")
@click.option(
    "--outputs",
    callback=_columns,
    metavar="FIRST:END",
    help="Columns of the output that are scores, as in Python: 0:7 for seven beside valence and arousal.",
)
@click.option(
    "--multi-label", is_flag=True, help="MODEL has a sigmoid for each class; its scores are divided by their sum."
)
@click.option(
    "--trust-lambda", is_flag=True, help="Execute the code in MODEL's Lambda layers. Only if you know who wrote it."
)
@click.option("--custom", metavar="MODULE", help="Python module that registers MODEL's own layers.")
@click.option(
    "--torch-python",
    type=click.Path(path_type=Path),
    metavar="PYTHON",
    help="Python of another environment, with edge-fer[torch]: for a .pt2, and for LiteRT of an .onnx.",
)
@click.option("--report", type=click.Path(path_type=Path), help="HTML report to write.  [default: beside the bundle]")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON instead of the table.")
@click.option("--force", is_flag=True, help="Replace a bundle and a report that exist.")
@click.pass_context
def convert(ctx: click.Context, /, **arguments: Any) -> None:
    """Convert a FER classifier to int8 for LiteRT, OpenVINO and ONNX Runtime, and measure what that costs.

    MODEL is a .keras or .h5 file, a SavedModel folder, a .pt2 of torch.export, an .onnx, or a float .tflite. The
    command compares each target with its own float32. If a target loses more than --max-drop, the command tries other
    ranges, then float for the worst layers, 16-bit activations and 8-bit weights alone, until one passes. The report
    shows every attempt. Without --evaluate, only agreement with float32 is checked. Each float32 form is compared with
    the scores of MODEL itself.
    """
    require(NEEDED, "convert", "edge-fer convert")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # Keras looks when it is imported
    telemetry.keep_home_clean()
    from edge_fer.progress import ProgressDisplay, print_table
    from edge_fer_convert import exports
    from edge_fer_convert.bundle_writer import refuse_existing, write_bundle
    from edge_fer_convert.conversion import convert as convert_job
    from edge_fer_convert.job_options import Options, make_job
    from edge_fer_convert.report import as_dict, html_report, table

    options = Options(**arguments)
    out = options.out or _default_folder(options.model, options.recipe_name)
    page = options.report or out.with_name(f"{out.name}-report.html")
    # Now, and not after all the work.
    refuse_existing(out, force=options.force)
    if options.report is None and not options.force:
        page = files.unused(page)  # the report of a bundle that is gone may be all that is left of it
    elif not options.force:
        files.refuse_existing(page, "pass another --report")
    files.refuse_unwritable(page, "pass another --report")
    # TensorFlow and LiteRT write remarks from C++ to the process's stderr; --debug shows them.
    with ProgressDisplay(quiet=not ctx.find_root().params.get("debug")) as progress:
        job = make_job(options, out.name, progress)
        for name in job.exports:
            exports.refuse_existing(exports.folder_of(name, out), force=options.force)
        conversion = convert_job(job, progress)
        progress.step("writing the bundle")
        write_bundle(conversion, out, force=options.force)
        _write_page(page, html_report(conversion))
        unmade = _write_exports(job.exports, conversion, out, progress)
    if options.as_json:
        click.echo(json.dumps(as_dict(conversion)))
    else:
        print_table(table(conversion))
        click.echo(printable(f"bundle: {out} · report: {page} · {conversion.seconds:.0f} s"))
    missing = [*(conversion.failed if options.target_names else ()), *unmade]
    if missing:
        raise GateFailed(f"{out} is written without {', '.join(missing)}; the warnings above say why")


def _default_folder(model: Path | None, recipe_name: str | None) -> Path:
    source = model or recipe_name
    if source is None:
        raise click.UsageError("pass a MODEL, or --recipe")
    return Path(f"{Path(source).stem}-bundle")


def _write_exports(names: Sequence[str], conversion: Conversion, out: Path, progress: ProgressListener) -> list[str]:
    """Write the exports *names* beside the bundle, and tell of each; return those that cannot be made."""
    from edge_fer_convert import exports

    unmade = []
    for name in names:
        # The bundle is written, and one export must not take the others with it.
        try:
            progress.warn(exports.write_export(name, conversion, out))
        except EdgeFerError as exc:
            progress.warn(f"without {name}: {exc}")
            unmade.append(name)
    return unmade


def _write_page(path: Path, text: str) -> None:
    try:
        files.write(path, text)
    except OSError as exc:
        raise SinkError(f"the bundle is written, but not its report {path} ({exc.strerror}); pass --report") from exc
