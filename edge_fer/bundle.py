"""The bundle, the deployable unit: a folder, or a zip of one, with a manifest, model files and golden answers.

A bundle is data from outside. Every fault is a `BadBundle` that names it, and nothing is loaded in part: only files
that the manifest names are read, bounded in size, and checked against their checksums before their content is used.
What a model file does when it is executed no checksum can tell: see `edge_fer.trial` and `edge_fer.signatures`.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import manifest as manifests
from edge_fer.archives import load_arrays
from edge_fer.bundle_files import open_files
from edge_fer.errors import MAX_SHOWN, BadBundle, one_line
from edge_fer.manifest import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.bundle_files import BundleFiles
    from edge_fer.manifest import FileEntry, Manifest, Target

MAX_GOLDEN_INPUTS: Final = 10_000
MAX_GOLDEN_BYTES: Final = 64 << 20
"""Largest size of golden.npz when it is unpacked, however many inputs, labels and targets there are."""
MAX_SIGNATURE_BYTES: Final = 1000
SHIPPED_MODELS: Final = Path(__file__).parent / "models"
"""Folder of the bundles that are shipped inside the package."""


@dataclass(frozen=True)
class Golden:
    """Generated inputs, and the scores that the workstation computed for them."""

    inputs: NDArray[np.uint8]
    """``(n, N, N)`` crops, drawn or random: no photographs of people."""
    answers: dict[str, NDArray[np.float32]]
    """``(n, labels)`` scores by name of the target."""


class Bundle:
    """A checked manifest, and access to its files, each of which is checked when it is read."""

    def __init__(self, path: Path, files: BundleFiles, *, trusted: bool = False) -> None:
        self.path = path
        self._files = files
        self.trusted = trusted
        """Whether its model files are executed without a trial in a process of their own; see `edge_fer.trial`."""
        self.shipped = False
        """Whether it is part of edge-fer, and as trusted."""
        self.signed_by: Path | None = None
        """The public key by which its signature was checked; None if it was not."""
        self.manifest_bytes = files.read(MANIFEST, MAX_MANIFEST_BYTES)
        """The manifest as it was read: what a signature signs."""
        self.manifest: Manifest = manifests.parse(self.manifest_bytes, str(path))

    def target(self, name: str | None = None) -> Target:
        """Return the target *name*, by default the first, which the bundle recommends.

        Raises `BadBundle` if it has no such target.
        """
        if name is None:
            return self.manifest.targets[0]
        for target in self.manifest.targets:
            if target.name == name:
                return target
        known = ", ".join(target.name for target in self.manifest.targets)
        raise BadBundle(f"{self.path} has no target {name!r}; it has: {known}")

    @property
    def signature(self) -> bytes | None:
        """The content of the signature's file, at most `MAX_SIGNATURE_BYTES` + 1 of it; None if there is none."""
        if not self._files.has(SIGNATURE):
            return None
        return self._files.read(SIGNATURE, MAX_SIGNATURE_BYTES)

    def contents(self, target: Target) -> dict[str, bytes]:
        """Return the checked content of the files of *target* by name. Raises `BadBundle` as `read` does."""
        return {entry.file: self.read(entry) for entry in target.files}

    def read(self, entry: FileEntry) -> bytes:
        """Return a file's content. Raises `BadBundle` if it is missing, or has another size or checksum."""
        # One byte more than promised is read at most, which is enough to see that a file is too large.
        content = self._files.read(entry.file, entry.size_bytes)
        if len(content) != entry.size_bytes:
            raise BadBundle(
                f"{self.path}: {entry.file} has {len(content)} bytes, the manifest says {entry.size_bytes}; "
                "the bundle is damaged: copy it again"
            )
        digest = hashlib.sha256(content).hexdigest()
        if digest != entry.sha256:
            raise BadBundle(
                f"{self.path}: {entry.file} has sha256 {digest[:12]}…, the manifest says {entry.sha256[:12]}…; "
                "the bundle is damaged or was changed: copy it again"
            )
        return content

    def model_card(self) -> str | None:
        """Return the model card, Markdown; None if there is none. Raises `BadBundle` if it is damaged."""
        if self.manifest.card is None:
            return None
        try:
            return self.read(self.manifest.card).decode()
        except UnicodeDecodeError as exc:
            raise BadBundle(
                f"{self.path}: {self.manifest.card.file} is not UTF-8 text: {exc}; write the bundle again"
            ) from exc

    def golden(self) -> Golden:
        """Return the golden inputs and answers. Raises `BadBundle` if they do not fit the manifest."""
        file = self.manifest.golden.file
        content = self.read(self.manifest.golden)
        try:
            arrays = load_arrays(io.BytesIO(content), self._max_golden_bytes())
        except ValueError as exc:
            raise BadBundle(f"{self.path}: {file} is not an npz of plain arrays: {exc}; write it again") from exc
        shapes = one_line({name: array.shape for name, array in arrays.items()})
        inputs = arrays.pop("inputs", np.empty(0))
        if not (self._inputs_fit(inputs) and arrays and self._answers_fit(arrays, len(inputs))):
            raise BadBundle(
                f"{self.path}: {file} does not fit the manifest ({self.manifest.preprocess.size_px} px, "
                f"{len(self.manifest.labels)} labels, finite): {shapes}; write the bundle again"
            )
        return Golden(inputs, {name: array.astype(np.float32) for name, array in arrays.items()})

    def _inputs_fit(self, inputs: NDArray[Any]) -> bool:
        side = self.manifest.preprocess.size_px
        fits = inputs.ndim == 3 and inputs.shape[1:] == (side, side) and inputs.dtype == np.uint8
        return fits and 0 < len(inputs) <= MAX_GOLDEN_INPUTS

    def _max_golden_bytes(self) -> int:
        """Return how large golden.npz can be by what the manifest says; answers may be float64."""
        side = self.manifest.preprocess.size_px
        scores = len(self.manifest.labels) * len(self.manifest.targets)
        return min(MAX_GOLDEN_BYTES, MAX_GOLDEN_INPUTS * (side * side + 8 * scores))

    def _answers_fit(self, answers: dict[str, NDArray[Any]], count: int) -> bool:
        for scores in answers.values():
            if scores.shape != (count, len(self.manifest.labels)):
                return False
            if scores.dtype.kind != "f" or not np.isfinite(scores).all():
                return False
        return True


def load(path: str | Path, *, trusted: bool = False, key: str | Path | None = None) -> Bundle:
    """Open the bundle at *path*, a folder or a zip, or the shipped one of that name.

    The model files of a bundle from outside are tried in a process of their own before they are executed in this one.
    *trusted* leaves that out: pass it for bundles that you made yourself. Shipped bundles are always trusted. With
    *key*, the path of a public key, a bundle from outside must be signed by it. Raises `BadBundle`, and `BadInput` for
    a key that cannot be used.
    """
    location = _locate(path)
    shipped_folder = _shipped_folder(location)
    # Read from where the question was answered: a link to a shipped bundle may lead elsewhere a moment later.
    bundle = Bundle(location, open_files(shipped_folder or location), trusted=trusted or shipped_folder is not None)
    bundle.shipped = shipped_folder is not None
    if key is not None and not bundle.shipped:
        # Imported here: it needs a package that is not always installed.
        from edge_fer import signatures

        signatures.check(bundle.manifest_bytes, bundle.signature, Path(key), str(location))
        bundle.signed_by = Path(key)
    return bundle


def shipped() -> list[str]:
    """Return the names of the bundles inside the package, sorted."""
    if not SHIPPED_MODELS.is_dir():
        return []
    return sorted(folder.name for folder in SHIPPED_MODELS.iterdir() if (folder / MANIFEST).is_file())


def installed(model: str) -> str:
    """Return the path of the shipped bundle *model*, whatever lies in the working directory; else *model* itself."""
    return str(SHIPPED_MODELS / model) if model in shipped() else model


def _locate(path: str | Path) -> Path:
    # A path comes first, so that a user's bundle may have the name of a shipped one.
    try:
        if Path(path).exists():
            return Path(path)
    except (OSError, ValueError) as exc:  # no permission, a name that is too long, a NUL in it
        reason = getattr(exc, "strerror", None) or exc
        raise BadBundle(f"no bundle can be read at {str(path)[:MAX_SHOWN]!r}: {reason}") from exc
    if str(path) in shipped():
        return SHIPPED_MODELS / str(path)
    names = ", ".join(shipped()) or "none"
    raise BadBundle(f"no bundle at {path}; pass a folder, a .zip, or a shipped one: {names}")


def _shipped_folder(location: Path) -> Path | None:
    """Return the folder of the shipped bundle at *location*, without links; None for a bundle from outside."""
    resolved = location.resolve()
    return resolved if resolved.parent == SHIPPED_MODELS.resolve() else None
