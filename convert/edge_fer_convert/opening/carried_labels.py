"""Reads the names of the classes that a model file carries, or that lie beside it as Teachable Machine writes them."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

from edge_fer_convert.formats.onnx_file import CLASS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LABELS_FILE: Final = re.compile(r"(^|/)[^/]*labels?[^/]*\.txt$", re.IGNORECASE)
"""Label files of TFLite's metadata, of SavedModels and of Teachable Machine."""
LARGEST: Final = 2**16
"""Characters of a list of names, at most: a longer text is something else."""
NUMBERED: Final = re.compile(r"(\d+)[\s:,]+(\S.*)")


def carried_labels(path: Path) -> tuple[str, ...] | None:
    """Return the classes that the model at *path* names, in the order of its outputs; None where it names none."""
    for names in _found(path):
        if names:
            return names
    return None


def _found(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield what the places hold in which labels are kept; an empty tuple where that is no list of names."""
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        yield from _in_onnx(path)
    if suffix in {".h5", ".hdf5"}:
        yield from _in_hdf5(path)
    if suffix in {".tflite", ".keras", ".pt2"} and zipfile.is_zipfile(path):
        yield from _in_zip(path)
    if path.is_dir():
        for folder in ("assets.extra", "assets"):
            for file in sorted((path / folder).glob("*.txt")):
                if LABELS_FILE.search(file.name):
                    yield _from_file(file)
        return
    beside = path.with_name("labels.txt")
    if beside.is_file():
        yield _from_file(beside)


def _in_onnx(path: Path) -> Iterator[tuple[str, ...]]:
    import onnx

    properties = {entry.key: entry.value for entry in onnx.load(path, load_external_data=False).metadata_props}
    for key in CLASS_NAMES:
        yield _from_text(properties.get(key, ""))


def _in_hdf5(path: Path) -> Iterator[tuple[str, ...]]:
    import h5py

    if not h5py.is_hdf5(path):
        return
    with h5py.File(path, "r") as file:
        for key in CLASS_NAMES:
            value = file.attrs.get(key)
            if isinstance(value, bytes):
                value = value.decode(errors="replace")
            if isinstance(value, str):
                yield _from_text(value)
            elif getattr(value, "ndim", 0) == 1:
                yield _names([name.decode(errors="replace") if isinstance(name, bytes) else name for name in value])


def _in_zip(path: Path) -> Iterator[tuple[str, ...]]:
    # What is damaged or encrypted there names no classes; whether the model can be read shows elsewhere.
    with (
        contextlib.suppress(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError),
        zipfile.ZipFile(path) as z,
    ):
        for info in z.infolist():
            if LABELS_FILE.search(info.filename) and info.file_size <= LARGEST:
                yield _lines(z.read(info).decode(errors="replace"))


def _from_file(path: Path) -> tuple[str, ...]:
    if path.stat().st_size > LARGEST:
        return ()
    return _lines(path.read_text(errors="replace"))


def _lines(text: str) -> tuple[str, ...]:
    """Return one name a line, without the numbers that Teachable Machine puts before them."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    numbered = [NUMBERED.fullmatch(line) for line in lines]
    by_number = {int(match[1]): match[2] for match in numbered if match}
    if sorted(by_number) == list(range(len(lines))):
        return tuple(name for _, name in sorted(by_number.items()))
    return tuple(lines)


def _from_text(text: str) -> tuple[str, ...]:
    """Return the names in *text*: a list or numbered mapping in JSON or Python, or names separated by commas."""
    if not text or len(text) > LARGEST:
        return ()
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return _names(value)
    if text.strip().startswith(("{", "[", "(")):  # a list or mapping that is damaged
        return ()
    parts = [part.strip() for part in text.split(",")]
    return tuple(parts) if len(parts) > 1 else ()


def _names(value: Any) -> tuple[str, ...]:
    """Return the names in a list, or in a mapping from or to positions; empty for anything else."""
    if isinstance(value, dict):
        value = _by_position(value)
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple(value)
    return ()


def _by_position(mapping: dict[Any, Any]) -> list[Any]:
    """Return the names of *mapping*, position → name, or name → position as Keras' generators have it."""
    pairs = list(mapping.items())
    if all(isinstance(name, str) and type(position) is int for name, position in pairs):
        pairs = [(position, name) for name, position in pairs]
    by_position = {int(position): name for position, name in pairs if str(position).isdecimal()}
    if len(by_position) != len(mapping) or sorted(by_position) != list(range(len(mapping))):
        return []
    return [by_position[position] for position in range(len(mapping))]
