"""``edge-fer convert``; nothing heavy is imported before it runs."""

from __future__ import annotations

import json
import os
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_fer.errors import BadInput, MissingDependency

if TYPE_CHECKING:
    from edge_fer.labelled import LabelledFaces
    from edge_fer.preprocess import Preprocess
    from edge_fer_convert.job import Data, Job
    from edge_fer_convert.opening import FloatModel
    from edge_fer_convert.recipe import Recipe
    from edge_fer_convert.screen import Screen

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
    with 16 bits, with weights of 8 bits only, until it passes; the report tells every rung.
    """
    missing = [name for name in NEEDED if util.find_spec(name) is None]
    if missing:
        raise MissingDependency(f"{', '.join(missing)} not installed: pip install 'edge-fer[convert]'")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from edge_fer_convert import report as reports
    from edge_fer_convert.conversion import convert as execute
    from edge_fer_convert.screen import Screen, print_table
    from edge_fer_convert.writer import refuse_existing

    out: Path = options["out"] or _default_folder(options)
    page: Path = options["report"] or out.with_name(f"{out.name}-report.html")
    refuse_existing(out)
    with Screen(debug=bool(ctx.find_root().params.get("debug"))) as screen:
        recipe = _recipe(options)
        job = _job_of_recipe(screen, recipe, options) if recipe else _job_of_options(screen, out.name, options)
        conversion = execute(job, screen)
        screen.step("writing the bundle")
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


def _recipe(options: dict[str, Any]) -> Recipe | None:
    from edge_fer_convert import recipe as recipes

    if options["recipe_name"] is None:
        return None
    recipe = recipes.load(options["recipe_name"])
    if recipe.conversion is None:
        raise BadInput(f"recipe {recipe.name} has no [conversion]; pass MODEL and --calibrate")
    if options["data"] is None:
        raise BadInput(f"recipe {recipe.name} needs --data: a folder with {recipe.conversion.calibrate}")
    return recipe


def _job_of_recipe(screen: Screen, recipe: Recipe, options: dict[str, Any]) -> Job:
    from edge_fer_convert.gate import Gate
    from edge_fer_convert.job import Data, Job
    from edge_fer_convert.opening import open_model

    told = recipe.conversion
    assert told is not None  # noqa: S101 (seen to by _recipe)
    source = _weights(recipe, options["model"])
    screen.step(f"opening {recipe.name}")
    model = open_model(source)
    pool, evaluated = (_faces(screen, options["data"] / file) for file in (told.calibrate, told.evaluate))
    return Job(
        model=model,
        name=recipe.name,
        description=recipe.description,
        training=recipe.in_words(),
        licence="Apache-2.0",
        labels=evaluated.names,
        preprocess=recipe.preprocess,
        pool=Data(pool, told.data, told.splits[0]),
        evaluated=Data(evaluated, told.data, told.splits[1]),
        targets=_targets(options) or told.targets,
        gate=Gate(told.max_drop, told.max_f1_drop),
        images=told.images,
        seed=recipe.seed,
        strict=options["strict"],
        find_fresh=True,
    )


def _weights(recipe: Recipe, model: Path | None) -> Any:
    """Return the file of a recipe's float model, or the model that joins those of its files."""
    from edge_fer_convert import zoo
    from edge_fer_convert.recipe import WEIGHTS

    told = recipe.conversion
    assert told is not None  # noqa: S101 (seen to by _recipe)
    names = told.join or ((told.weights,) if told.weights else ())
    paths = [model] if model else [WEIGHTS / name for name in names]
    if not paths:
        raise BadInput(f"recipe {recipe.name} names no weights; pass MODEL, what edge-fer train has left")
    absent = next((path for path in paths if not path.exists()), None)
    if absent is not None:
        raise BadInput(f"{absent} is not there (weights lie in a clone, not in the wheel); pass MODEL")
    return zoo.join(recipe.architecture, paths) if told.join and not model else paths[0]


def _job_of_options(screen: Screen, folder: str, options: dict[str, Any]) -> Job:
    from edge_fer.emotions import FER2013
    from edge_fer_convert.gate import Gate
    from edge_fer_convert.job import Job
    from edge_fer_convert.opening import open_model

    if options["calibrate"] is None:
        raise BadInput("quantizing needs faces to calibrate with: pass --calibrate with a folder, .zip, .csv or .npz")
    labels = tuple(label.strip() for label in options["labels"].split(",")) if options["labels"] else FER2013
    screen.step(f"opening {options['model']}")
    model = open_model(options["model"], options["size"], options["custom"])
    f1_drop = options["max_drop"] if options["max_f1_drop"] is None else options["max_f1_drop"]
    name = options["name"] or folder
    return Job(
        model=model,
        name=name,
        description=f"{name}, converted from {options['model'].name}",
        licence=options["licence"],
        labels=labels,
        preprocess=_preprocess(model, options),
        pool=_data(screen, options["calibrate"], None),
        evaluated=_data(screen, options["evaluate"], labels) if options["evaluate"] else None,
        targets=_targets(options) or _reachable(screen, model),
        gate=Gate(options["max_drop"], f1_drop, options["min_agreement"]),
        images=options["images"],
        seed=options["seed"],
        strict=options["strict"],
        allow_overlap=options["allow_overlap"],
    )


def _preprocess(model: FloatModel, options: dict[str, Any]) -> Preprocess:
    from pydantic import ValidationError

    from edge_fer.preprocess import Preprocess

    low, high = _ends(options, model.planes)
    try:
        return Preprocess(
            size_px=model.size_px,
            channels="gray3" if model.planes == 3 else "gray",
            margin=options["margin"],
            equalize=options["equalize"],
            low=low,
            high=high,
        )
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"preprocessing cannot be {where} {first['input']!r}: {first['msg']}") from exc


def _ends(options: dict[str, Any], planes: int) -> tuple[Any, Any]:
    """Return the model values of pixels 0 and 255: numbers, or three of each."""
    mean, std, ends = options["mean"], options["std"], options["value_range"]
    if mean is None and std is None:
        ends = ends or (0.0, 1.0)
        if len(ends) != 2:
            raise BadInput(f"--range has {len(ends)} numbers; pass the values of pixels 0 and 255, e.g. --range -1,1")
        return ends
    if ends is not None or mean is None or std is None or len(mean) != len(std) or len(mean) not in (1, planes):
        raise BadInput(
            f"--mean {mean} and --std {std} do not fit: pass both, without --range, with one number each or one for "
            f"each of the {planes} planes"
        )
    if 0 in std:
        raise BadInput(f"--std {std} has a zero")
    low = tuple(-m / s for m, s in zip(mean, std, strict=True))
    high = tuple((1 - m) / s for m, s in zip(mean, std, strict=True))
    return (low[0], high[0]) if len(low) == 1 else (low, high)


def _targets(options: dict[str, Any]) -> tuple[str, ...]:
    names = options["target_names"]
    return tuple(dict.fromkeys(name.strip() for name in names.split(","))) if names else ()


def _reachable(screen: Screen, model: FloatModel) -> tuple[str, ...]:
    from edge_fer_convert.targets import TARGETS

    problems = {target: model.can_be(target) for target in TARGETS}
    left_out = [target for target, problem in problems.items() if problem]
    if left_out:
        screen.warn(f"without {', '.join(left_out)}: {problems[left_out[0]]}")
    return tuple(target for target, problem in problems.items() if problem is None)


def _data(screen: Screen, path: str, names: tuple[str, ...] | None) -> Data:
    from edge_fer_convert.job import Data

    whole, _, part = path.partition("#")
    return Data(_faces(screen, path, names), Path(whole).name, part or "all")


def _faces(screen: Screen, path: str | Path, names: tuple[str, ...] | None = None) -> LabelledFaces:
    from edge_fer.labelled import load_faces

    screen.step(f"reading {path}")
    return load_faces(path, names)


def _write_page(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise BadInput(f"the bundle is written, its report {path} cannot be ({exc.strerror}); pass --report") from exc
