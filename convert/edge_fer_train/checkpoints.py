"""Float models on disk: Keras' own file, or half of it where that would be large.

A ``.npz`` holds the architecture as Keras' JSON and every weight as float16: half the bytes of a ``.keras``, and a
rounding of each weight by at most one part in two thousand. It is loaded as float32.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.archives import load_arrays
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    import keras

LARGE_BYTES: Final = 20_000_000
CONFIG: Final = "config"
SUFFIXES: Final = (".keras", ".npz", ".h5", ".hdf5")
"""Of the files that `load` takes."""


def load(path: Path) -> keras.Model:
    """Load a ``.npz`` of `keep`, or whatever Keras loads.

    Raises `BadInput` for an ``.npz`` that is none, or a ``.keras`` that is cut off.
    """
    import keras

    if path.suffix.lower() != ".npz":
        if path.suffix.lower() == ".keras" and path.is_file() and not zipfile.is_zipfile(path):
            size = path.stat().st_size  # Keras would say that the file is not there
            raise BadInput(f"{path} ({size} bytes) is cut off, or no .keras file; copy it again")
        return keras.saving.load_model(path, compile=False)
    try:
        arrays = load_arrays(path)
        model = keras.models.model_from_json(str(arrays[CONFIG]))
        model.set_weights([arrays[_key(at)].astype(np.float32) for at in range(len(model.weights))])
    except (KeyError, ValueError, TypeError) as exc:
        raise BadInput(f"{path} is no checkpoint of this program: {exc}; faces go with --calibrate") from exc
    return model


def keep(model: keras.Model, folder: Path, name: str) -> Path:
    """Write *model* into *folder* as ``name.keras``, or as ``name.npz`` when its weights take more than 20 MB.

    Raises `BadInput` when a weight is too large for float16.
    """
    weights = [np.asarray(weight) for weight in model.get_weights()]
    if sum(weight.nbytes for weight in weights) <= LARGE_BYTES:
        path = folder / f"{name}.keras"
        model.save(path)
        return path
    with np.errstate(over="ignore"):  # said below
        halves: dict[str, Any] = {_key(at): weight.astype(np.float16) for at, weight in enumerate(weights)}
    if not all(np.isfinite(half).all() for half in halves.values()):
        raise BadInput(f"{model.name} has weights beyond what float16 holds (65504); it cannot be kept in half")
    path = folder / f"{name}.npz"
    halves[CONFIG] = np.array(model.to_json())
    np.savez_compressed(path, allow_pickle=False, **halves)
    return path


def _key(number: int) -> str:
    return f"weight-{number:04}"
