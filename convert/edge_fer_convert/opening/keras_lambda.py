"""Opens Keras files with Lambda layers, whose code a process of its own executes.

A Lambda layer is Python code inside the file. Whoever passes ``--trust-lambda`` lets that code run with all that this
user may do; the process only keeps a crash away (the code is of one version of Python), and what it imports.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput, one_line
from edge_fer_convert.opening.saved_models import open_saved_model

if TYPE_CHECKING:
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.opening.choices import Choices

LIMIT_S: Final = 300
"""Seconds that loading and exporting may take."""


def has_lambda(path: Path) -> bool:
    """Return whether the file *path* names a Lambda layer."""
    sign = b'"Lambda"'
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "config.json" in archive.namelist() and sign in archive.read("config.json")
    return sign in path.read_bytes()


def open_trusted(path: Path, choices: Choices) -> FloatModel:
    """Open *path*, and let a process of its own execute the code that it carries. Raises `BadInput`."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [str(path.resolve()), folder, json.dumps(asdict(choices), default=str)]
        command = [sys.executable, "-m", "edge_fer_convert.opening.keras_lambda_child", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)  # noqa: S603  (of this package)
        except subprocess.TimeoutExpired as exc:
            raise BadInput(f"the code in {path} takes more than {LIMIT_S} s; export a SavedModel yourself") from exc
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
            raise BadInput(
                f"the code in {path} does not run here ({one_line(lines[-1])}): a Lambda layer holds the code of one "
                "version of Python; load the model where it was made and export a SavedModel"
            )
        opened = open_saved_model(Path(folder), choices.for_exported())
    return replace(opened, notes=(f"the code in the Lambda layers of {path.name} was executed", *opened.notes))
