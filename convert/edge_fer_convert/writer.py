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
from edge_fer.bundle import FORMAT_VERSION, MANIFEST, Evaluation, FileEntry, Manifest, Target
from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.sources.synthetic import EXPRESSIONS, draw_face

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.preprocess import Preprocess


@dataclass(frozen=True)
class Artifact:
    """One converted model file."""

    target: str
    file: str
    content: bytes
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
) -> None:
    """Write the bundle *folder*, which must not exist; the first artifact is the one that it recommends.

    The golden answers are what each artifact computes here, on its own runtime. Raises `BadInput` when *folder* exists.
    """
    if folder.exists():
        raise BadInput(f"{folder} exists; remove it or choose another name")
    inputs = golden_inputs(preprocess)
    answers = {}
    for artifact in artifacts:
        backend = load_backend(artifact.target.split("-")[0], ModelFile(artifact.content, preprocess, labels))
        answers[artifact.target] = backend.run(inputs)
        backend.close()
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, inputs=inputs, **answers)
    golden = stream.getvalue()
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        licence="Apache-2.0",
        description=description,
        labels=labels,
        preprocess=preprocess,
        golden=_entry("golden.npz", golden),
        targets=tuple(
            Target(**_entry(a.file, a.content).model_dump(), name=a.target, recipe=a.recipe, evaluation=a.evaluation)
            for a in artifacts
        ),
    )
    text = manifest.model_dump_json(indent=2, exclude_none=True) + "\n"
    contents = {MANIFEST: text.encode(), "golden.npz": golden, **{a.file: a.content for a in artifacts}}
    _write_folder(folder, contents)


def _entry(file: str, content: bytes) -> FileEntry:
    return FileEntry(file=file, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def _write_folder(folder: Path, contents: dict[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    beside.mkdir()
    try:
        for name, content in contents.items():
            (beside / name).write_bytes(content)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
