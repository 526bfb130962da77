"""Reads Keras' files, those of Keras 2 too, into models that Keras 3 can execute in inference."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer.dependencies import raise_broken_import
from edge_fer.errors import BadInput, one_line
from edge_fer_convert.opening import keras_operators
from edge_fer_convert.opening.keras_configs import Cleaning
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras

HDF5: Final = (".h5", ".hdf5")
CONFIG: Final = "config.json"
"""Member of a ``.keras`` file that holds its layers."""
LARGEST: Final = 2**26
"""Bytes of that member, at most: a thousand layers take a tenth of that."""
LEGACY: Final = "load it where it was made, or with Keras 2 (pip install tf_keras), and export a SavedModel"


def read(path: Path) -> tuple[keras.Model, tuple[str, ...]]:
    """Return the model in *path*, and in words what was changed in it.

    Raises `BadInput` with what is wrong with it and what to do.
    """
    cleaning = Cleaning()
    try:
        with _cleaned(path, cleaning) as file:
            model = _loaded(file)
    except BadInput as exc:
        raise BadInput(str(exc) if str(path) in str(exc) else f"{path}: {exc}") from exc
    # Keras raises all of these for a file that it cannot read.
    except (
        ValueError,
        TypeError,
        OSError,
        KeyError,
        AttributeError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as exc:
        raise_broken_import(exc)
        raise BadInput(_why_unreadable(path, exc)) from exc
    return model, cleaning.notes


def _loaded(file: Path) -> keras.Model:
    """Load *file*; of an ``.h5`` of weights alone, with the architecture in the ``.json`` beside it."""
    import keras

    with keras.saving.custom_object_scope(keras_operators.custom_objects()):
        if file.suffix.lower() not in HDF5 or _layers_in(file) is not None:
            return checkpoints.load(file)
        model = keras.models.model_from_json(file.with_suffix(".json").read_text())
    model.load_weights(file)
    return model


@contextmanager
def _cleaned(path: Path, cleaning: Cleaning) -> Iterator[Path]:
    """Give *path*, or a copy of it with a cleaned configuration where there is something to clean."""
    suffix = path.suffix.lower()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        if suffix in HDF5:
            yield _cleaned_hdf5(path, copy, cleaning)
        elif suffix == ".keras" and zipfile.is_zipfile(path):
            yield _cleaned_zip(path, copy, cleaning)
        else:
            yield path


def _cleaned_hdf5(path: Path, copy: Path, cleaning: Cleaning) -> Path:
    import h5py

    text = _layers_in(path)
    if text is None:
        return _with_architecture(path, copy, cleaning)
    config = json.loads(text)
    cleaned = cleaning.clean(config)
    if cleaned == config:
        return path
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(cleaned)
    return copy


def _layers_in(path: Path) -> str | bytes | None:
    """Return the configuration in an ``.h5``, as JSON; None where it holds weights alone."""
    import h5py

    with h5py.File(path, "r") as file:
        text: str | bytes | None = file.attrs.get("model_config")
    return text


def _with_architecture(path: Path, copy: Path, cleaning: Cleaning) -> Path:
    """Copy an ``.h5`` of weights, and beside it the architecture that lies beside *path*."""
    architecture = path.with_name(f"{path.name.removesuffix(path.suffix).removesuffix('.weights')}.json")
    if not architecture.is_file():
        raise BadInput(
            f"{path} holds weights without the layers that they belong to: put what model.to_json() gives beside it "
            f"as {architecture.name}, or load the weights where the model is built and call model.save('model.keras')"
        )
    shutil.copyfile(path, copy)
    config = cleaning.clean(json.loads(architecture.read_text()))
    copy.with_suffix(".json").write_text(json.dumps(config))
    return copy


def _cleaned_zip(path: Path, copy: Path, cleaning: Cleaning) -> Path:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(CONFIG).file_size > LARGEST:
            raise BadInput(f"{path}: its {CONFIG} is larger than {LARGEST} bytes; save it again with model.save()")
        config = json.loads(archive.read(CONFIG))
        cleaned = cleaning.clean(config)
        if cleaned == config:
            return path
        with zipfile.ZipFile(copy, "w") as changed:
            for member in archive.infolist():
                content = json.dumps(cleaned).encode() if member.filename == CONFIG else archive.read(member)
                changed.writestr(member, content)
    return copy


def _why_unreadable(path: Path, exc: Exception) -> str:
    """Return what is wrong with a Keras file and what to do, as far as Keras' message tells."""
    # Keras has no error classes for these cases, so its messages are searched.
    message = str(exc)
    reason = _last_sentence(message)
    if "lambda" in message.lower() or "safe_mode" in message:
        return (
            f"{path} holds a Lambda layer, which is code: replace it by a layer of Keras, or execute that code in a "
            "process of its own with --trust-lambda, if you know who wrote the file"
        )
    for sign in ("Could not locate class", "Unknown layer", "register_keras_serializable"):
        if sign in message:
            return (
                f"{path} has layers that Keras does not know; decorate them with "
                "@keras.saving.register_keras_serializable and pass the module that defines them with --custom "
                f"({reason})"
            )
    if path.suffix.lower() != ".keras":
        return f"{path}: Keras 3 cannot read it ({reason}); {LEGACY}"
    return f"{path} is no readable .keras file ({reason}); save it again with model.save()"


def _last_sentence(message: str) -> str:
    """Return what a message of Keras comes to: it shows whole configurations before that."""
    _, found, cause = message.rpartition("Exception encountered:")
    return one_line(cause if found else message)


def config_of(model: keras.Model) -> dict[str, Any]:
    """Return the configuration of a *model* in memory."""
    config: dict[str, Any] = json.loads(model.to_json())
    return config
