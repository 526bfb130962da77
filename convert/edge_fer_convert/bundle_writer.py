"""Writes bundles: model files, golden vectors, model card and manifest; the whole folder, or nothing of it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer import files, host
from edge_fer.backends import load as load_backend
from edge_fer.errors import BadInput, GateFailed, SinkError
from edge_fer.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    MODEL_CARD,
    CalibrationSet,
    Evaluation,
    FileEntry,
    Manifest,
    Target,
)
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face
from edge_fer_convert import model_card, targets
from edge_fer_convert.stored_precision import stored_precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge_fer.preprocess import Preprocess
    from edge_fer_convert.model_metadata import ModelMetadata
    from edge_fer_convert.result import Conversion
    from edge_fer_convert.targets import Files

GOLDEN: Final = "golden.npz"


@dataclass(frozen=True)
class Artifact:
    """One converted target."""

    target: str
    files: Files
    recipe: str
    """How it was quantized, in words."""
    evaluation: Evaluation | None = None

    def contents(self) -> dict[str, bytes]:
        """Return its files: name → content."""
        suffixes = targets.converter(targets.runtime_of(self.target)).suffixes
        # A format of one file has one suffix, and no weights beside the model.
        parts = zip(suffixes, (self.files.content, self.files.weights), strict=False)
        return {f"{self.target}{suffix}": content for suffix, content in parts}


def write_bundle(conversion: Conversion, folder: Path | str, *, force: bool = False) -> None:
    """Write *conversion* as the bundle *folder*, which must not exist; with *force*, it may be a bundle to replace.

    Raises `BadInput` when *folder* exists, `SinkError` when it cannot be written; then nothing is left of it, and a
    bundle that was to be replaced is as before.
    """
    job = conversion.job
    calibration = CalibrationSet(
        data=job.pool.name,
        images=len(conversion.calibration.faces),
        seed=job.seed,
        sha256=conversion.calibration.sha256,
        tools=conversion.tools,
    )
    artifacts = []
    for result in conversion.distinct_results:
        chosen = result.chosen
        evaluation = conversion.evaluation(result)
        artifacts.append(Artifact(result.target, chosen.files, chosen.variant.description, evaluation))
    card = model_card.render(conversion, _this_machine())
    write_artifacts(Path(folder), job.metadata, artifacts, calibration, card, force=force)


def write_artifacts(
    folder: Path,
    metadata: ModelMetadata,
    artifacts: Sequence[Artifact],
    calibration: CalibrationSet | None = None,
    card: str = "",
    *,
    force: bool = False,
) -> None:
    """Write the bundle *folder*; it recommends the first of *artifacts*. See `write_bundle` for *force* and errors.

    *card* is the model card in Markdown; an empty one is left out. Each artifact computes its golden answers here, on
    its own runtime.
    """
    refuse_existing(folder, force=force)
    golden = _golden_vectors(metadata, artifacts)
    contents = {GOLDEN: golden}
    entries = []
    for artifact in artifacts:
        files = artifact.contents()
        entries.append(_target_entry(artifact, files))
        contents.update(files)
    card_entry = None
    if card:
        contents[MODEL_CARD] = card.encode()
        card_entry = _file_entry(MODEL_CARD, contents[MODEL_CARD])
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=metadata.name,
        licence=metadata.licence,
        description=metadata.description,
        labels=metadata.labels,
        preprocess=metadata.preprocess,
        calibration=calibration,
        golden=_file_entry(GOLDEN, golden),
        card=card_entry,
        targets=tuple(entries),
    )
    # Fields that are None are left out, so that a bundle without them can be read by older versions.
    contents[MANIFEST] = f"{manifest.model_dump_json(indent=2, exclude_none=True)}\n".encode()
    _write_folder(folder, contents)


def golden_inputs(preprocess: Preprocess, seed: int = 7) -> NDArray[np.uint8]:
    """Return ``(10, N, N)`` uint8: a drawn face of each expression, a ramp, noise, and black-and-white blocks."""
    side = preprocess.size_px
    rng = np.random.default_rng(seed)
    # Drawn faces, because a bundle holds no photographs of people. The ramp, the noise and the blocks have every pixel
    # value and edges that no drawing has, so that rounding and saturation show.
    ramp = np.broadcast_to(np.linspace(0, 255, side).astype(np.uint8), (side, side))
    noise = rng.integers(0, 256, (side, side)).astype(np.uint8)
    squares = rng.integers(0, 2, (8, 8))
    # Squares of N/8 rounded up and cut to N, because N need not be a multiple of eight.
    one_square = np.ones((side // 8 + 1, side // 8 + 1))
    blocks = np.kron(squares, one_square)[:side, :side].astype(np.uint8) * 255
    drawn = [preprocess.crop(draw_face(expression)) for expression in EXPRESSIONS.values()]
    return np.stack([*drawn, ramp, noise, blocks])


def refuse_existing(folder: Path, *, force: bool = False) -> None:
    """Raise `BadInput` when *folder* exists; with *force*, only when it is something else than a bundle."""
    if not force:
        files.refuse_existing(folder, "pass another name")
    is_other = folder.exists() and not (folder / MANIFEST).is_file()
    if is_other or folder.is_symlink():
        raise BadInput(f"{folder} exists and is no bundle, so --force does not replace it; choose another name")


def _golden_vectors(metadata: ModelMetadata, artifacts: Sequence[Artifact]) -> bytes:
    """Return golden.npz: the inputs, and the answers of each artifact."""
    inputs = golden_inputs(metadata.preprocess)
    answers = {}
    for artifact in artifacts:
        model = artifact.files.model_file(metadata)
        with load_backend(targets.runtime_of(artifact.target), model) as backend:
            answers[artifact.target] = backend.run(inputs)
    stream = io.BytesIO()
    # Devices refuse pickles, which can hold code.
    np.savez_compressed(stream, allow_pickle=False, inputs=inputs, **answers)
    return stream.getvalue()


def _target_entry(artifact: Artifact, files: dict[str, bytes]) -> Target:
    stored = stored_precision(targets.runtime_of(artifact.target), artifact.files)
    if artifact.target.partition("-")[2] != stored:
        raise GateFailed(
            f"{artifact.target} computes in {stored}: its quantizer has left all layers as they were; leave it out of "
            "--targets"
        )
    model, *weights = [_file_entry(name, content) for name, content in files.items()]
    return Target(
        **model.model_dump(),
        name=artifact.target,
        weights=weights[0] if weights else None,
        recipe=artifact.recipe,
        evaluation=artifact.evaluation,
    )


def _file_entry(file: str, content: bytes) -> FileEntry:
    return FileEntry(file=file, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def _write_folder(folder: Path, contents: dict[str, bytes]) -> None:
    """Write *contents* beside *folder* first, then rename, so that no half-written bundle is ever seen."""
    # Beside the folder, because a rename is atomic only within one file system.
    beside = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        for name, content in contents.items():
            files.write(beside / name, content)
        if folder.exists():
            _exchange(beside, folder)
        else:
            beside.rename(folder)
        files.sync(folder.parent)
    except OSError as exc:
        shutil.rmtree(beside, ignore_errors=True)
        size = sum(len(content) for content in contents.values())
        raise SinkError(
            f"{folder} cannot be written ({exc.strerror}); it needs {size / 1e6:.1f} MB: nothing was left there"
        ) from exc
    except BaseException:  # an interrupt too must leave nothing behind
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _exchange(new: Path, old: Path) -> None:
    """Put the folder *new* in the place of *old*, which is removed. Raises `OSError`; then *old* is where it was."""
    aside = old.with_name(f".{old.name}.old-{os.getpid()}")
    old.rename(aside)
    try:
        new.rename(old)
    except BaseException:
        aside.rename(old)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _this_machine() -> str:
    """Return the machine in words: the latencies of the model card are its own."""
    facts = host.facts()
    name = host.machine_name(facts, "unknown")
    features = " ".join(facts["cpu_features"]) or "features unknown"
    return f"{name}, {facts['machine']}, {features}"
