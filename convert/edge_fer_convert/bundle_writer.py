"""Writes bundles: model files, golden vectors and the manifest, beside their place first, then renamed into it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.backends import ModelFile
from edge_fer.backends import load as load_backend
from edge_fer.bundle import (
    FORMAT_VERSION,
    MANIFEST,
    MODEL_CARD,
    CalibrationSet,
    Evaluation,
    FileEntry,
    Manifest,
    Target,
)
from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.sources.synthetic import EXPRESSIONS, draw_face
from edge_fer_convert.targets import runtime_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.preprocess import Preprocess
    from edge_fer_convert.targets import Files


@dataclass(frozen=True)
class Artifact:
    """One converted model file."""

    target: str
    suffixes: tuple[str, ...]
    files: Files
    recipe: str
    evaluation: Evaluation | None = None


def golden_inputs(preprocess: Preprocess, seed: int = 7) -> NDArray[np.uint8]:
    """Return ``(10, N, N)`` uint8: a drawn face of each expression, a ramp, noise, and black-and-white blocks."""
    side = preprocess.size_px
    rng = np.random.default_rng(seed)
    ramp = np.broadcast_to(np.linspace(0, 255, side).astype(np.uint8), (side, side))
    noise = rng.integers(0, 256, (side, side)).astype(np.uint8)
    blocks = np.kron(rng.integers(0, 2, (8, 8)), np.ones((side // 8 + 1,) * 2))[:side, :side].astype(np.uint8) * 255
    drawn = [preprocess.crop(draw_face(expression)) for expression in EXPRESSIONS.values()]
    return np.stack([*drawn, ramp, noise, blocks])


def write(
    folder: Path,
    name: str,
    description: str,
    preprocess: Preprocess,
    artifacts: list[Artifact],
    labels: tuple[str, ...] = FER2013,
    licence: str = "Apache-2.0",
    calibration: CalibrationSet | None = None,
    card: str = "",
) -> None:
    """Write the bundle *folder*, which must not exist; the first artifact is the one that it recommends.

    *card* is its model card, Markdown; without one the bundle has none.

    The golden answers are what each artifact computes here, on its own runtime. Raises `BadInput` when *folder* exists
    or cannot be written; then nothing is left of it.
    """
    refuse_existing(folder)
    inputs = golden_inputs(preprocess)
    answers: dict[str, NDArray[np.float32]] = {}
    contents: dict[str, bytes] = {}
    entries: list[Target] = []
    for artifact in artifacts:
        files = artifact.files
        model = ModelFile(files.content, preprocess, labels, weights=files.weights)
        with load_backend(runtime_of(artifact.target), model) as backend:
            answers[artifact.target] = backend.run(inputs)
        parts = dict(
            zip((f"{artifact.target}{s}" for s in artifact.suffixes), (files.content, files.weights), strict=False)
        )
        first, *second = (_entry(file, content) for file, content in parts.items())
        entries.append(
            Target(
                **first.model_dump(),
                name=artifact.target,
                weights=second[0] if second else None,
                recipe=artifact.recipe,
                evaluation=artifact.evaluation,
            )
        )
        contents |= parts
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, inputs=inputs, **answers)
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        licence=licence,
        description=description,
        labels=labels,
        preprocess=preprocess,
        calibration=calibration,
        golden=_entry("golden.npz", stream.getvalue()),
        card=_entry(MODEL_CARD, card.encode()) if card else None,
        targets=tuple(entries),
    )
    text = manifest.model_dump_json(indent=2, exclude_none=True) + "\n"
    if card:
        contents[MODEL_CARD] = card.encode()
    _write_folder(folder, {MANIFEST: text.encode(), "golden.npz": stream.getvalue(), **contents})


def refuse_existing(folder: Path) -> None:
    """Raise `BadInput` when *folder* is there already."""
    if folder.exists():
        raise BadInput(f"{folder} exists; remove it or choose another name")


def _entry(file: str, content: bytes) -> FileEntry:
    return FileEntry(file=file, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def _write_folder(folder: Path, contents: dict[str, bytes]) -> None:
    beside = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        for name, content in contents.items():
            (beside / name).write_bytes(content)
        beside.rename(folder)
    except OSError as exc:
        shutil.rmtree(beside, ignore_errors=True)
        size = sum(len(content) for content in contents.values())
        raise BadInput(
            f"{folder} cannot be written ({exc.strerror}); it takes {size / 1e6:.1f} MB: nothing was left there"
        ) from exc
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
