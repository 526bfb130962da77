"""Opens Keras models, from a file or from memory."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput, MissingDependency
from edge_fer_convert.opening import keras_files, keras_lambda, outputs
from edge_fer_convert.opening.keras_configs import Cleaning
from edge_fer_convert.opening.saved_models import open_saved_model
from edge_fer_convert.opening.shapes import fixed
from edge_fer_convert.originals import KerasModel

if TYPE_CHECKING:
    import keras

    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.formats.axes import Shape
    from edge_fer_convert.opening.choices import Choices

ONLY: Final = "scores"
"""Name of the output of a model that does not name it."""


def open_keras_file(path: Path, choices: Choices) -> FloatModel:
    """Open a Keras file. Raises `BadInput` with what is wrong with it and what to do."""
    if choices.trust_lambda and keras_lambda.has_lambda(path):
        return keras_lambda.open_trusted(path, choices)
    model, notes = keras_files.read(path)
    opened = open_keras_model(model, choices)
    return replace(opened, notes=notes + opened.notes)


def open_keras_model(model: keras.Model, choices: Choices) -> FloatModel:
    """Open a Keras *model* in memory. Raises `BadInput` for one that is no classifier."""
    import keras

    if keras.backend.backend() != "tensorflow":
        raise MissingDependency(
            f"converting needs Keras on TensorFlow, it runs on {keras.backend.backend()}: set KERAS_BACKEND=tensorflow"
        )
    model, notes = _for_inference(model)
    classifier = Classifier(model, choices)
    with tempfile.TemporaryDirectory() as folder:
        # Through a SavedModel, so that Keras models and SavedModels of other programs take the same way.
        export(classifier, Path(folder))
        opened = open_saved_model(Path(folder), choices.for_exported())
    original = KerasModel(model, classifier.shape, classifier.scores, classifier.dtype)
    return replace(opened, original=original, notes=notes + opened.notes)


@dataclass(frozen=True)
class Classifier:
    """A Keras model with one input, and the one of its outputs that holds the scores."""

    model: keras.Model
    choices: Choices

    @cached_property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input, with a batch of one."""
        return fixed(self._input[0], self.choices.size_px)

    @property
    def dtype(self) -> str:
        """Type of the input's numbers."""
        return self._input[1]

    def scores(self, face: Any) -> Any:
        """Return the chosen output for a batch of faces, as the model computes it in inference."""
        computed = _by_name(self.model, self.model(face, training=False))
        shapes = {name: tuple(tensor.shape) for name, tensor in computed.items()}
        return computed[outputs.chosen(shapes, self.choices.output)]

    @cached_property
    def _input(self) -> tuple[Shape, str]:
        inputs = getattr(self.model, "inputs", None)
        if inputs:
            if len(inputs) != 1:
                raise BadInput(
                    f"the model has {len(inputs)} inputs; a classifier has one: feed all branches of a fused model "
                    "from one Input"
                )
            return tuple(inputs[0].shape), str(inputs[0].dtype)
        # A subclassed model knows no inputs, but those of its first call.
        shape = getattr(self.model, "input_shape", None) or _built_shape(self.model)
        if not isinstance(shape, tuple | list) or not all(side is None or isinstance(side, int) for side in shape):
            raise BadInput(
                "the model does not say what it takes: call it once with an array of its input's shape before saving, "
                "or export it as a SavedModel"
            )
        return (None, *shape[1:]), "float32"  # the batch of that call binds nobody


def export(classifier: Classifier, folder: Path) -> None:
    """Write a SavedModel of *classifier* into *folder*, which computes as in inference."""
    import keras

    signature = [keras.InputSpec(shape=classifier.shape, dtype=classifier.dtype, name="face")]
    archive = keras.export.ExportArchive()
    archive.track(classifier.model)
    # Not model.export(), which keeps the operations of layers that augment faces in training.
    archive.add_endpoint("serve", classifier.scores, input_signature=signature)
    archive.write_out(str(folder), verbose=False)


def _by_name(model: keras.Model, computed: Any) -> dict[str, Any]:
    """Return the tensors that *model* has *computed*, by the names of its outputs."""
    if isinstance(computed, dict):
        return dict(computed)
    if not isinstance(computed, list | tuple):
        return {ONLY: computed}
    names = getattr(model, "output_names", None) or [f"output_{number}" for number in range(len(computed))]
    return dict(zip(names, computed, strict=True))


def _built_shape(model: keras.Model) -> Any:
    build = model.get_build_config() or {}
    return build.get("input_shape")


def _for_inference(model: keras.Model) -> tuple[keras.Model, tuple[str, ...]]:
    """Return *model* as it computes in float32 and in inference, and in words what was changed in it."""
    import keras

    if not isinstance(model, keras.Sequential) and not getattr(model, "inputs", None):
        return model, ()  # a subclassed model cannot be made again from its configuration
    cleaning = Cleaning(of_file=False)
    config = keras_files.config_of(model)
    cleaned = cleaning.clean(config)
    if cleaned == config:
        return model, ()
    again = keras.models.model_from_json(json.dumps(cleaned))
    again.set_weights(model.get_weights())
    return again, cleaning.notes
