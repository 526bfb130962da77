"""What the scripts of this folder share: options, results as JSON, one-line errors, and checks of what they need."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_fer import files, telemetry
from edge_fer.dependencies import require
from edge_fer.errors import EdgeFerError, MissingDependency
from edge_fer_convert.command import NEEDED as NEEDED_TO_CONVERT
from edge_fer_train.command import NEEDED as NEEDED_TO_TRAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge_fer.evaluation.face_set import LabelledFaces


def parser(documentation: str | None) -> argparse.ArgumentParser:
    """Return a parser with the option ``--json``; its help is *documentation*, the script's docstring."""
    made = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", type=Path, help="write the raw values to this file")
    return made


def command() -> str:
    """Return the command line that runs this script again in the root of a clone; every result records it."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def save(result: dict[str, Any], path: Path | None, indent: int | None = None) -> None:
    """Write *result* as JSON to *path*; do nothing without one."""
    if path is not None:
        files.write(path, json.dumps(result, indent=indent) + "\n")


def require_convert() -> None:
    """Raise `MissingDependency` unless all that ``edge-fer convert`` needs is installed.

    Call it after the options are parsed and before anything of the extra is imported: ``--help`` works without it.
    """
    require(NEEDED_TO_CONVERT, "convert", "this script")
    _leave_no_traces()


def require_training() -> None:
    """Raise `MissingDependency` unless all that ``edge-fer train`` needs is installed; see `require_convert`."""
    require(NEEDED_TO_TRAIN, "convert", "this script")
    _leave_no_traces()


def _leave_no_traces() -> None:
    telemetry.switch_off()
    telemetry.keep_home_clean()


def float_weights(name: str) -> Path:
    """Return the file of the float model *name*. Raises `MissingDependency` where edge-fer has no clone around it."""
    from edge_fer_train.recipe import WEIGHTS

    path = WEIGHTS / f"{name}.keras"
    if not path.is_file():
        raise MissingDependency(
            f"{path} is not there: float weights come with a clone of edge-fer, not with its wheel; in the clone, run: "
            "pip install -e '.[convert]'"
        )
    return path


def evaluate_models(
    options: argparse.Namespace,
    models: Sequence[str],
    rows_of: Callable[[str, LabelledFaces, LabelledFaces], Iterable[dict[str, Any]]],
    line: Callable[[dict[str, Any]], str],
) -> None:
    """Print and save what *rows_of* yields for each of *models*: its name, the calibration pool, FER2013 PublicTest.

    *options* hold ``data``, the folder of FER2013, and ``json``; *line* gives the line to print for a row.
    """
    from edge_fer.evaluation.labelled import load_faces
    from edge_fer_convert import calibration

    train = load_faces(options.data / "fer2013-train.zip")
    evaluation = load_faces(options.data / "fer2013-public-test.zip")
    pool = calibration.without_evaluated(train, evaluation, print, forced=False)
    rows: list[dict[str, Any]] = []
    for name in models:
        for row in rows_of(name, pool, evaluation):
            rows.append(row)
            print(line(row), flush=True)  # noqa: T201
    save({"command": command(), "rows": rows}, options.json, indent=1)


def run(main: Callable[[], None]) -> None:
    """Call *main*; print an error of edge-fer as one line, and exit with its code."""
    try:
        main()
    except EdgeFerError as exc:
        print(f"{Path(sys.argv[0]).name}: {exc}", file=sys.stderr)  # noqa: T201
        sys.exit(exc.exit_code)
