"""Keeps the inputs of faults as small files, from which a test runs them again."""

from __future__ import annotations

import re
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fuzz import case as cases
from fuzz.nursery import record

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT: Final = Path(__file__).with_name("kept")
"""The folder of those that the tests run."""
MAX_BYTES: Final = 200_000
"""A larger one is kept as the line that makes it again."""
RECORD: Final = "case.json"


def keep(folder: Path, answer: dict[str, Any], base: Path) -> None:
    """Write the input of *answer* to *folder* and a line that repeats it, unless the same fault lies there."""
    folder.mkdir(parents=True, exist_ok=True)
    fault = next(ended for ended in answer["ended"] if ended["verdict"])
    told = f"{fault['verdict']} {fault['args'][0]} {fault['where']}"
    if fault["verdict"] in {"signal", "hang", "memory"}:
        told += f" {answer['damage'].split(',')[0]}"
    stem = re.sub(r"[^a-z0-9]+", "-", told.lower()).strip("-")[:90]
    note = folder / f"{stem}.txt"
    if note.exists():
        return
    again = f"python tests/fuzz/run.py --only {answer['kind']}:{answer['index']} --seed {answer['seed']}"
    note.write_text(f"{again}\n{answer['damage']}\nedge-fer {' '.join(fault['args'])}\n{fault['last_line']}\n")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "case"
        made = cases.make(answer["kind"], answer["seed"], answer["index"], place, base)
        (place / RECORD).write_text(record(made))
        archive = folder / f"{stem}.tar.xz"
        _pack(place, archive)
        if archive.stat().st_size > MAX_BYTES:
            archive.unlink()


def _pack(place: Path, archive: Path) -> None:
    """Pack the folder *place*: a tar also holds links and FIFOs. Sparse gigabytes are left out."""
    with tarfile.open(archive, "w:xz") as tar:
        for path in sorted(place.rglob("*")):
            if not path.is_file() or path.is_symlink() or path.stat().st_size < 64 << 20:
                tar.add(path, path.relative_to(place), recursive=False)


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack *archive* below *folder* and return where."""
    place = folder / archive.name.removesuffix(".tar.xz")
    place.mkdir()
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="fully_trusted")  # noqa: S202 (an archive that this repository wrote)
    return place


def archives() -> Iterator[Path]:
    """Yield the kept inputs."""
    yield from sorted(KEPT.glob("*.tar.xz"))
