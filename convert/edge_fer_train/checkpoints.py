"""Float models on disk: Keras' own file, or one of half the size for a large model.

A ``.npz`` holds the architecture as Keras' JSON and every weight as float16: half the bytes of a ``.keras`` file, with
each weight rounded by at most one part in two thousand. It is loaded as float32.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import files
from edge_fer.archives import load_arrays
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras
    from numpy.typing import NDArray

LARGE_BYTES: Final = 20_000_000
"""Models with more are stored as float16: git keeps every version of a file for ever."""
CONFIG: Final = "config"
SUFFIXES: Final = (".keras", ".npz", ".h5", ".hdf5")
"""Suffixes of the files that `load` reads."""


def load(path: Path) -> keras.Model:
    """Load a ``.npz`` of `save`, or any model file that Keras loads.

    Raises `BadInput` for an ``.npz`` of another kind, and for a ``.keras`` that is cut off.
    """
    if path.suffix.lower() == ".npz":
        return _load_npz(path)
    import keras

    if path.suffix.lower() == ".keras" and path.is_file() and not zipfile.is_zipfile(path):
        size = path.stat().st_size  # Keras would say that the file does not exist
        raise BadInput(f"{path} ({size} bytes) is cut off, or no .keras file; copy it again")
    return keras.saving.load_model(path, compile=False)


def _load_npz(path: Path) -> keras.Model:
    import keras

    try:
        arrays = load_arrays(path)
        model = keras.models.model_from_json(str(arrays[CONFIG]))
        weights = [arrays[_key(number)].astype(np.float32) for number in range(len(model.weights))]
        model.set_weights(weights)
    except (KeyError, ValueError, TypeError) as exc:
        raise BadInput(f"{path} is no checkpoint of edge-fer: {exc}; pass faces with --calibrate") from exc
    return model


def save(model: keras.Model, folder: Path, name: str) -> Path:
    """Write *model* to *folder* as ``name.keras``, or as ``name.npz`` when its weights take more than 20 MB.

    Returns the path of the file. Raises `BadInput` when a weight is too large for float16.
    """
    weights = [np.asarray(weight) for weight in model.get_weights()]
    if sum(weight.nbytes for weight in weights) <= LARGE_BYTES:
        path = folder / f"{name}.keras"
        with files.replacing(path) as beside:
            model.save(beside)
        return path
    halves = _halved(weights, model.name)
    halves[CONFIG] = np.array(model.to_json())
    path = folder / f"{name}.npz"
    with files.replacing(path) as beside:
        # Without pickles, so that loading the file can run no code.
        np.savez_compressed(beside, allow_pickle=False, **halves)
    return path


def _halved(weights: Sequence[NDArray[Any]], name: str) -> dict[str, Any]:
    """Return *weights* as float16, by their keys in the file."""
    halves: dict[str, Any] = {}
    for number, weight in enumerate(weights):
        with np.errstate(over="ignore"):  # raised below, with the reason
            half = weight.astype(np.float16)
        if not np.isfinite(half).all():
            raise BadInput(
                f"{name} has weights beyond what float16 holds (65504); it cannot be stored at half the size"
            )
        halves[_key(number)] = half
    return halves


def _key(number: int) -> str:
    return f"weight-{number:04}"
