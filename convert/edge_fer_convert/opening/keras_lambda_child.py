"""Executes the code in a Keras file's Lambda layers: the process that `keras_lambda` starts."""

from __future__ import annotations

import builtins
import importlib
import json
import sys
from pathlib import Path
from typing import Final

from edge_fer_convert.opening import keras_files, keras_models
from edge_fer_convert.opening.choices import Choices

NAMES: Final = {"tf": "tensorflow", "np": "numpy", "keras": "keras", "K": "keras.backend"}
"""Names that such code refers to, which its file does not bring along."""


def main(path: Path, folder: Path, choices: Choices) -> None:
    """Load *path* with its code, and export it to *folder* as a SavedModel."""
    import keras

    for name, module in NAMES.items():
        setattr(builtins, name, importlib.import_module(module))
    if choices.custom:
        importlib.import_module(choices.custom)
    keras.config.enable_unsafe_deserialization()
    model, _ = keras_files.read(path)
    keras_models.export(keras_models.Classifier(model, choices), folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Choices(**json.loads(sys.argv[3])))
