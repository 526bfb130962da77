"""Keras models in the forms in which people save them: is each converted, or told in one sentence what to do?

    python benchmarks/keras_forms.py --json benchmarks/results/conversion/keras_forms.json --keras2 FOLDER

One small network, trained on drawn faces, is saved in each form. `edge-fer convert` makes float32 and int8 of it, and
the float32 targets of the bundle are compared with Keras' own answers on the same crops. FOLDER holds tf_keras, which
writes the forms of Keras 2 (`pip install --no-deps --target FOLDER tf_keras`); without it these are left out. Needs the
`convert` extra.
"""

# ruff: noqa: D401, T201  (the docstring of a maker names its form, for the table; a script prints)

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import script
from edge_fer.emotions import FER2013
from edge_fer.preprocess import Preprocess
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

QUIET: Final = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
os.environ.update(QUIET)  # before Keras is imported, which reads them then

SIDE: Final = 32
TARGETS: Final = ("litert-float32", "onnx-float32", "openvino-float32", "litert-int8")
SAYS: Final = re.compile("warning:|edge-fer:|error:|--range", re.IGNORECASE)
"""Lines of the command that say more than which step is running."""
SPEC: Final = Preprocess(size_px=SIDE)
PIXELS: Final = Preprocess(size_px=SIDE, high=255.0)


@dataclass(frozen=True)
class Form:
    """A saved model, how it is converted, and what Keras answers."""

    path: Path
    options: tuple[str, ...] = ()
    answers: Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None = None
    """Keras' own answers for crops; None for a form that is refused."""
    says: str = ""
    """Part of the sentence that refuses it, or of a note that tells what was changed."""
    apart: bool = False
    """Whether it is converted in a process of its own, which knows nothing of the model's classes."""


@dataclass(frozen=True)
class Workshop:
    """What the forms are made of, and the folder that they are saved in."""

    folder: Path
    flat: Any
    """The trained network; takes 0 to 1."""
    open: Any
    """Another one, which takes faces of any size."""
    crops: NDArray[np.uint8]

    def saved(self, name: str, model: Any) -> Path:
        """Save *model* as *name*; return its path."""
        path = self.folder / name
        model.save(path)
        return path

    def tflite(self, name: str, model: Any, **settings: Any) -> Path:
        """Convert *model* as TensorFlow's guide does, with *settings* of its converter."""
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        for setting, value in settings.items():
            setattr(converter, setting, value)
        path = self.folder / name
        path.write_bytes(converter.convert())
        return path


def faces(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return *count* drawn faces of each class, 32x32, each with its own light, shift and noise, and their labels."""
    rng = np.random.default_rng(seed)
    images = []
    for name in FER2013:
        face = draw_face(EXPRESSIONS[name]).astype(float)
        height, width = face.shape
        for _ in range(count):
            left, top = rng.uniform(-0.06, 0.06, 2)
            lit = np.clip(face * rng.uniform(0.7, 1.2) + rng.normal(0, 18, face.shape), 0, 255).astype(np.uint8)
            images.append(SPEC.crop(lit, (left * width, top * height, width, height)))
    return np.stack(images), np.repeat(np.arange(len(FER2013)), count)


def trained(ends: list[Any], side: int | None, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Any:
    """Return a small network that ends in *ends*, trained on *images*."""
    import keras

    keras.utils.set_random_seed(3)
    layers = keras.layers
    body = [
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
    ]
    network = keras.Sequential([keras.Input((side, side, 1)), *body, *ends, layers.Dense(7, activation="softmax")])
    network.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    network.fit(SPEC.to_values(images), labels, epochs=15, batch_size=32, verbose=0)
    return network


def own(model: Any, spec: Preprocess = SPEC) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return what Keras' predict answers for crops."""
    return lambda crops: np.asarray(model.predict(spec.to_values(crops), verbose=0), np.float32)


def inputs(dtype: str = "float32", side: int | None = SIDE) -> Any:
    """Return an input for a grey face."""
    import keras

    return keras.Input((side, side, 1), dtype=dtype)


def plain_keras(at: Workshop) -> Form:
    """A .keras file."""
    return Form(at.saved("plain.keras", at.flat), (), own(at.flat))


def plain_h5(at: Workshop) -> Form:
    """A .h5 file of Keras 3."""
    return Form(at.saved("plain.h5", at.flat), (), own(at.flat))


def rescaling(at: Workshop) -> Form:
    """Rescaling(1/255) inside."""
    import keras

    face = inputs()
    model = keras.Model(face, at.flat(keras.layers.Rescaling(1 / 255)(face)))
    return Form(at.saved("rescaling.keras", model), (), own(model, PIXELS), "--range 0,255")


def normalization(at: Workshop) -> Form:
    """An adapted Normalization inside, and what undoes it for the network."""
    import keras

    layer = keras.layers.Normalization(axis=None)
    layer.adapt(PIXELS.to_values(at.crops))
    mean, deviation = float(np.ravel(layer.mean)[0]), float(np.sqrt(np.ravel(layer.variance)[0]))
    face = inputs()
    back = keras.layers.Rescaling(deviation / 255, mean / 255)(layer(face))
    model = keras.Model(face, at.flat(back))
    return Form(at.saved("normalization.keras", model), (), own(model, PIXELS), "--range 0,255")


def augmentation(at: Workshop) -> Form:
    """Layers that augment, in a nested Sequential, called with training=True."""
    import keras

    layers = keras.layers
    augment = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomZoom(0.3)])
    face = inputs()
    x = layers.GaussianNoise(0.3)(augment(face, training=True), training=True)
    model = keras.Model(face, at.flat(layers.Dropout(0.3)(x, training=True)))
    return Form(at.saved("augmentation.keras", model), (), own(at.flat), "training=True: switched off")


def augmentation_brothers(at: Workshop) -> Form:
    """RandAugment, AugMix, MixUp, CutMix, RandomErasing, every dropout."""
    import keras

    layers = keras.layers
    face = x = inputs()
    for layer in (
        layers.RandomErasing(value_range=(0, 1)), layers.MixUp(), layers.CutMix(), layers.RandomContrast(0.2),
        layers.RandomBrightness(0.2), layers.RandomTranslation(0.1, 0.1), layers.SpatialDropout2D(0.2),
        layers.GaussianDropout(0.2), layers.AlphaDropout(0.2),
    ):  # fmt: skip
        x = layer(x)
    model = keras.Model(face, at.flat(x))
    return Form(at.saved("brothers.keras", model), (), own(at.flat))


def batch_statistics(at: Workshop) -> Form:
    """BatchNormalization called with training=True."""
    import keras

    face = inputs()
    model = keras.Model(face, at.flat(keras.layers.BatchNormalization()(face, training=True)))
    return Form(at.saved("batch-statistics.keras", model), says="statistics of each batch")


def _of_policy(at: Workshop, policy: str) -> Any:
    import keras

    text = at.flat.to_json().replace('{"name": "float32"}', f'{{"name": "{policy}"}}')
    inner = keras.models.model_from_json(text)
    inner.set_weights(at.flat.get_weights())
    face = inputs()
    # In a model of its own, whose last layer is in float32, as Keras' guide has it.
    return keras.Model(face, keras.layers.Activation("linear", dtype="float32")(inner(face)))


def mixed(at: Workshop) -> Form:
    """A nested model of the policy mixed_float16."""
    model = _of_policy(at, "mixed_float16")
    return Form(at.saved("mixed.keras", model), (), own(at.flat), "mixed_float16: converted in float32")


def bfloat16(at: Workshop) -> Form:
    """The policy mixed_bfloat16, in an .h5."""
    model = _of_policy(at, "mixed_bfloat16")
    return Form(at.saved("bfloat16.h5", model), (), own(at.flat), "mixed_bfloat16: converted in float32")


def float16(at: Workshop) -> Form:
    """The policy float16: its weights are float16, too, so the comparison is with a float32 model of these weights."""
    import keras

    model = _of_policy(at, "float16")
    rounded = keras.models.clone_model(at.flat)
    rounded.set_weights([weight.astype(np.float16) for weight in at.flat.get_weights()])
    return Form(at.saved("float16.keras", model), (), own(rounded), "float16: converted in float32")


def keras_int8(at: Workshop) -> Form:
    """A model that Keras has quantized."""
    import keras

    model = keras.models.clone_model(at.flat)
    model.quantize("int8")
    return Form(at.saved("keras-int8.keras", model), says="already quantized")


CUSTOM: Final = """
import keras

@keras.saving.register_keras_serializable("forms")
class Subclassed(keras.Model):
    def __init__(self, inner=None, **options):
        super().__init__(**options)
        self.inner = inner

    def call(self, face, training=None):
        return self.inner(face, training=training)

    def get_config(self):
        return {**super().get_config(), "inner": keras.saving.serialize_keras_object(self.inner)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("inner")), **config)
"""


def _subclassed(at: Workshop) -> Any:
    sys.path.insert(0, str(at.folder))
    (at.folder / "my_model.py").write_text(CUSTOM)
    import my_model  # type: ignore[import-not-found]

    model = my_model.Subclassed(at.flat)
    model(np.zeros((1, SIDE, SIDE, 1), np.float32))
    return model


def subclassed_custom(at: Workshop) -> Form:
    """A subclassed model in a .keras, with its module."""
    path = at.saved("subclassed.keras", _subclassed(at))
    return Form(path, ("--custom", "my_model"), own(at.flat))


def subclassed_without(at: Workshop) -> Form:
    """The same without its module."""
    return Form(at.saved("subclassed2.keras", _subclassed(at)), says="--custom", apart=True)


def subclassed_saved(at: Workshop) -> Form:
    """A subclassed model, exported to a SavedModel by Keras 3."""
    model = _subclassed(at)
    model.export(at.folder / "subclassed", verbose=False)
    return Form(at.folder / "subclassed", (), own(at.flat))


def augmenting_saved(at: Workshop) -> Form:
    """A SavedModel whose exported function still augments."""
    import keras

    face = inputs()
    model = keras.Model(face, at.flat(keras.layers.RandomRotation(0.2)(face)))
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [keras.InputSpec(shape=(None, SIDE, SIDE, 1), dtype="float32")]
    archive.add_endpoint("serve", lambda x: model(x, training=True), input_signature=signature)
    archive.write_out(str(at.folder / "augmenting"), verbose=False)
    return Form(at.folder / "augmenting", says="export it with training=False")


def tensorflow_1(at: Workshop) -> Form:
    """A SavedModel of TensorFlow 1, whose signature is called predict_images, beside one of serialised examples."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    kernels = [weight.astype(np.float32) for weight in at.flat.get_weights()]
    with tf1.Graph().as_default(), tf1.Session() as session:
        face = tf1.placeholder(tf.float32, (None, SIDE, SIDE, 1), name="images")
        values = [tf1.get_variable(f"w{number}", initializer=kernel) for number, kernel in enumerate(kernels)]
        x = tf.nn.relu(tf.nn.conv2d(face, values[0], 1, "SAME") + values[1])
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf.nn.depthwise_conv2d(x, values[2], (1, 1, 1, 1), "SAME") + values[3]
        x = tf.nn.relu(tf.nn.conv2d(x, values[4], 1, "SAME") + values[5])
        x = tf.reshape(tf.nn.max_pool2d(x, 4, 4, "VALID"), (-1, values[6].shape[0]))
        scores = tf.nn.softmax(x @ values[6] + values[7], name="probabilities")
        text = tf1.placeholder(tf.string, (None,), name="examples")
        session.run(tf1.global_variables_initializer())
        builder = tf1.saved_model.Builder(str(at.folder / "tf1"))
        define = tf1.saved_model.predict_signature_def
        signatures = {
            "serving_default": define({"inputs": text}, {"outputs": tf.strings.length(text)}),
            "predict_images": define({"images": face}, {"scores": scores}),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()
    return Form(at.folder / "tf1", (), own(at.flat))


def no_signature(at: Workshop) -> Form:
    """A SavedModel without signatures, of a module that was called."""
    import tensorflow as tf

    module = tf.Module()
    module.inner = at.flat
    module.__call__ = tf.function(
        lambda face: at.flat(face, training=False), [tf.TensorSpec((None, SIDE, SIDE, 1), tf.float32)]
    )
    module.serve = module.__call__
    tf.saved_model.save(module, str(at.folder / "unsigned"))
    return Form(at.folder / "unsigned", (), own(at.flat))


def weights_alone(at: Workshop) -> Form:
    """Weights without their layers."""
    at.flat.save_weights(at.folder / "alone.weights.h5")
    return Form(at.folder / "alone.weights.h5", says="alone.json")


def weights_with_json(at: Workshop) -> Form:
    """Weights, and the layers in a .json beside them."""
    at.flat.save_weights(at.folder / "pair.weights.h5")
    (at.folder / "pair.json").write_text(at.flat.to_json())
    return Form(at.folder / "pair.weights.h5", (), own(at.flat))


def _with_lambda(at: Workshop) -> Any:
    import keras

    face = inputs()
    return keras.Model(face, at.flat(keras.layers.Lambda(lambda x: x / 255.0)(face)))


def lambda_refused(at: Workshop) -> Form:
    """A Lambda layer."""
    return Form(at.saved("lambda.keras", _with_lambda(at)), says="--trust-lambda")


def lambda_trusted(at: Workshop) -> Form:
    """The same with --trust-lambda."""
    model = _with_lambda(at)
    return Form(at.saved("trusted.keras", model), ("--trust-lambda",), own(model, PIXELS), "was executed")


def _two_outputs(at: Workshop) -> Any:
    import keras

    face = inputs()
    valence = keras.layers.Dense(2, name="valence")(keras.layers.Flatten()(face))
    scores = keras.layers.Activation("linear", name="expression")(at.flat(face))
    return keras.Model(face, [valence, scores])


def outputs_unnamed(at: Workshop) -> Form:
    """Two outputs, and none chosen."""
    return Form(at.saved("two.keras", _two_outputs(at)), says="--output valence")


def outputs_named(at: Workshop) -> Form:
    """Two outputs, one chosen."""
    return Form(at.saved("two2.keras", _two_outputs(at)), ("--output", "expression"), own(at.flat))


def outputs_tflite(at: Workshop) -> Form:
    """Two outputs of a .tflite, one chosen."""
    path = at.tflite("two.tflite", _two_outputs(at))
    return Form(path, ("--output", "output_1"), own(at.flat))


def columns(at: Workshop) -> Form:
    """Seven scores beside valence and arousal in one output."""
    import keras

    face = inputs()
    more = keras.layers.Dense(2)(keras.layers.Flatten()(face))
    model = keras.Model(face, keras.layers.Concatenate()([at.flat(face), more]))
    return Form(at.saved("columns.keras", model), ("--outputs", "0:7"), own(at.flat))


def uint8_keras(at: Workshop) -> Form:
    """A uint8 input with Rescaling behind it."""
    import keras

    face = inputs("uint8")
    model = keras.Model(face, at.flat(keras.layers.Rescaling(1 / 255)(face)))
    return Form(at.saved("uint8.keras", model), (), own(model, PIXELS), "--range 0,255")


def uint8_saved(at: Workshop) -> Form:
    """A SavedModel that takes uint8."""
    import tensorflow as tf

    module = tf.Module()
    module.inner = at.flat
    spec = tf.TensorSpec((None, SIDE, SIDE, 1), tf.uint8)
    module.serve = tf.function(lambda face: at.flat(tf.cast(face, tf.float32) / 255.0), [spec])
    tf.saved_model.save(module, str(at.folder / "uint8"), signatures=module.serve)
    return Form(at.folder / "uint8", (), own(at.flat), "--range 0,255")


def uint8_tflite(at: Workshop) -> Form:
    """A float .tflite that takes uint8."""
    import keras

    face = inputs("uint8")
    model = keras.Model(face, at.flat(keras.layers.Rescaling(1 / 255)(face)))
    return Form(at.tflite("uint8.tflite", model), (), own(model, PIXELS), "--range 0,255")


def _sigmoids(at: Workshop) -> Any:
    import keras

    scores = keras.layers.Dense(7, activation="sigmoid")
    model = keras.Sequential([inputs(), *keras.models.clone_model(at.flat).layers[:-1], scores])
    model.set_weights(at.flat.get_weights())
    return model


def sigmoid(at: Workshop) -> Form:
    """A sigmoid for each class."""
    return Form(at.saved("sigmoid.keras", _sigmoids(at)), says="--multi-label")


def multi_label(at: Workshop) -> Form:
    """The same with --multi-label; compared with Keras' answers divided by their sum."""
    model = _sigmoids(at)
    answers = own(model)

    def shares(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        scores = answers(crops)
        return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)

    return Form(at.saved("multi.keras", model), ("--multi-label",), shares, "divided by their sum")


def open_keras(at: Workshop) -> Form:
    """Open sides, set with --size."""
    return Form(at.saved("open.keras", at.open), ("--size", str(SIDE)), own(at.open))


def open_unset(at: Workshop) -> Form:
    """Open sides, not set."""
    return Form(at.saved("open2.keras", at.open), says="--size")


def open_tflite(at: Workshop) -> Form:
    """A .tflite with open sides."""
    return Form(at.tflite("open.tflite", at.open), ("--size", str(SIDE)), own(at.open))


def batch_tflite(at: Workshop) -> Form:
    """A .tflite with an open batch, as TensorFlow's guide makes it."""
    return Form(at.tflite("batch.tflite", at.flat), (), own(at.flat))


def float16_tflite(at: Workshop) -> Form:
    """A .tflite with weights of float16; compared with Keras with weights rounded so."""
    import keras
    import tensorflow as tf

    rounded = keras.models.clone_model(at.flat)
    rounded.set_weights([weight.astype(np.float16) for weight in at.flat.get_weights()])
    settings = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    converter = tf.lite.TFLiteConverter.from_keras_model(at.flat)
    converter.optimizations = settings["optimizations"]
    converter.target_spec.supported_types = [tf.float16]
    path = at.folder / "float16.tflite"
    path.write_bytes(converter.convert())
    return Form(path, (), own(rounded))


def int8_tflite(at: Workshop) -> Form:
    """A .tflite that is quantized already."""
    import tensorflow as tf

    values = SPEC.to_values(at.crops)
    path = at.tflite(
        "int8.tflite",
        at.flat,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([face[np.newaxis]] for face in values[:20]),
    )
    return Form(path, says="already quantized")


def standardised(at: Workshop) -> Form:
    """A network that was trained on standardised faces."""
    import keras
    import tensorflow as tf

    spec = Preprocess(size_px=SIDE, standardize=True)
    images, labels = faces(40, 1)
    network = keras.models.clone_model(at.flat)
    network.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    network.fit(spec.to_values(images), labels, epochs=15, batch_size=32, verbose=0)

    def answers(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        # By TensorFlow's own function, not by the spec.
        values = tf.image.per_image_standardization(crops[..., np.newaxis].astype(np.float32))
        return np.asarray(network.predict(values, verbose=0), np.float32)

    return Form(at.saved("standardised.keras", network), ("--standardize",), answers)


FORMS: Final = (
    plain_keras, plain_h5, rescaling, normalization, augmentation, augmentation_brothers, batch_statistics, mixed,
    bfloat16, float16, keras_int8, subclassed_custom, subclassed_without, subclassed_saved, augmenting_saved,
    tensorflow_1, no_signature, weights_alone, weights_with_json, lambda_refused, lambda_trusted, outputs_unnamed,
    outputs_named, outputs_tflite, columns, uint8_keras, uint8_saved, uint8_tflite, sigmoid, multi_label, open_keras,
    open_unset, open_tflite, batch_tflite, float16_tflite, int8_tflite, standardised,
)  # fmt: skip

KERAS_2: Final = """
import sys
import numpy as np
import tensorflow as tf
import tf_keras as keras
folder = sys.argv[1]
given = np.load(folder + "/given.npz")
weights = [given[f"w{n}"] for n in range(len(given.files) - 1)]
values = given["values"]
layers = keras.layers
def body():
    return [layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
            layers.DepthwiseConv2D(3, padding="same"), layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(4), layers.Flatten(), layers.Dense(7, activation="softmax")]
def first():
    return [layers.InputLayer((32, 32, 1)), layers.Rescaling(1 / 255.0), layers.RandomFlip(), layers.RandomZoom(0.2)]
def batch():
    return [layers.BatchNormalization(epsilon=1e-7), layers.SpatialDropout2D(0.2), layers.Dropout(0.2)]
def filled(model):
    model.set_weights([np.ones(1), np.zeros(1), np.zeros(1), np.ones(1), *weights])
    return model
model = filled(keras.Sequential([*first(), *batch(), *body()]))
model.compile("adam", "categorical_crossentropy")
model.save(folder + "/k2.h5")
model.save(folder + "/k2.keras")
model.save(folder + "/k2-saved", save_format="tf")
np.savez(folder + "/k2.npz", scores=model.predict(255 * values, verbose=0))
inner = keras.Sequential([layers.InputLayer((32, 32, 1)), *batch(), *body()])
filled(inner)
face = keras.Input((32, 32, 1))
keras.Model(face, inner(face)).save(folder + "/k2-nested.h5")
x = tf.concat([face / 255.0, tf.nn.relu(1.0 - face)], axis=-1)[..., :1]
keras.Model(face, inner(x)).save(folder + "/k2-operators.h5")
class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = inner
    def call(self, face, training=False):
        return self.inner(face, training=training)
whole = Subclassed()
whole.predict(values, verbose=0)
whole.save(folder + "/k2-subclassed", save_format="tf")
keras.mixed_precision.set_global_policy("mixed_float16")
filled(keras.Sequential([*first(), *batch(), *body()])).save(folder + "/k2-mixed.h5")
"""
"""Writes the forms of Keras 2 and its answers into a folder, of the weights and values in ``given.npz`` there."""


def of_keras_2(at: Workshop, packages: Path) -> dict[str, Form]:
    """Return the forms that tf_keras in the folder *packages* writes."""
    given = {f"w{number}": weight for number, weight in enumerate(at.flat.get_weights())}
    np.savez(at.folder / "given.npz", allow_pickle=False, values=SPEC.to_values(at.crops), **given)
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "PYTHONPATH": str(packages)}
    subprocess.run([sys.executable, "-c", KERAS_2, str(at.folder)], check=True, env=environment, capture_output=True)
    scores = np.load(at.folder / "k2.npz")["scores"]

    def form(name: str, says: str = "") -> Form:
        return Form(at.folder / name, (), lambda _: np.asarray(scores, np.float32), says)

    return {
        "keras_2_h5": form("k2.h5", "arguments of Keras 2 left out"),
        "keras_2_keras": form("k2.keras", "arguments of Keras 2 left out"),
        "keras_2_nested_h5": form("k2-nested.h5"),
        "keras_2_mixed_h5": form("k2-mixed.h5", "mixed_float16: converted in float32"),
        "keras_2_saved": form("k2-saved", "--range 0,255"),
        "keras_2_subclassed": form("k2-subclassed"),
        "keras_2_operators_h5": form("k2-operators.h5", "--range 0,255"),
    }


WHAT_OF_KERAS_2: Final = {
    "keras_2_h5": "Keras 2: an .h5 with Rescaling, augmentation, depthwise convolution, dropouts.",
    "keras_2_keras": "Keras 2: the same as .keras.",
    "keras_2_nested_h5": "Keras 2: a model inside a model, in an .h5.",
    "keras_2_mixed_h5": "Keras 2: the policy mixed_float16, in an .h5.",
    "keras_2_saved": "Keras 2: a SavedModel.",
    "keras_2_subclassed": "Keras 2: a subclassed model in a SavedModel.",
    "keras_2_operators_h5": "Keras 2: functions of TensorFlow between the layers, in an .h5.",
}


def table(results: dict[str, Any]) -> str:
    """Return the *results* as a table in Markdown."""
    lines = ["| form | options | result | largest difference | int8 drop, points |", "| --- | --- | --- | --- | --- |"]
    for result in results.values():
        options = " ".join(result["options"])
        options = f"`{options}`" if options else ""
        if result["exit_code"]:
            said = result["said"][-1].removeprefix("edge-fer: ")
            lines.append(f"| {result['what']} | {options} | refused: {said} | | |")
            continue
        worst = max(result["largest_difference"].values())
        drops = [f"{target} {drop:+.2f}" for target, drop in result["drop_points"].items() if "int8" in target]
        lines.append(f"| {result['what']} | {options} | converted | {worst:.1e} | {', '.join(drops)} |")
    return "\n".join(lines)


def call(arguments: list[str], *, apart: bool) -> subprocess.CompletedProcess[str]:
    """Call the command with *arguments*: here, which spares the imports, or in a process that has seen no model."""
    if apart:
        command = [sys.executable, "-m", "edge_fer.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)
    from click.testing import CliRunner

    from edge_fer.cli import main as edge_fer

    result = CliRunner().invoke(edge_fer, arguments)
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


def convert(form: Form, at: Workshop) -> dict[str, Any]:
    """Convert *form* with the command; return what became of it."""
    out = at.folder / f"{form.path.name}-bundle"
    arguments = [
        "convert", str(form.path), "--out", str(out), "--json",
        "--calibrate", str(at.folder / "calibrate.npz"), "--evaluate", str(at.folder / "evaluate.npz"),
        "--images", "100", "--targets", ",".join(TARGETS), *form.options,
    ]  # fmt: skip
    started = time.perf_counter()
    done = call(arguments, apart=form.apart)
    said = [line.replace(f"{at.folder}/", "") for line in done.stderr.splitlines() if SAYS.match(line)]
    result: dict[str, Any] = {
        "file": form.path.name,
        "options": list(form.options),
        "exit_code": done.returncode,
        "said": said,
        "seconds": round(time.perf_counter() - started, 1),
    }
    if done.returncode == 0:
        report = json.loads(done.stdout)
        result["drop_points"] = {entry["target"]: entry["drop_points"] for entry in report["targets"]}
        result["largest_difference"] = differences(form, out, at.crops)
    wanted = form.answers is not None
    as_wanted = wanted == (done.returncode == 0) and form.says in " ".join(said)
    worst = max(result.get("largest_difference", {}).values(), default=0.0)
    result["as_wanted"] = bool(as_wanted and worst <= 1e-3)
    return result


def differences(form: Form, bundle: Path, crops: NDArray[np.uint8]) -> dict[str, float]:
    """Return, for each float32 target of *bundle*, the largest difference of its scores from Keras' own."""
    from edge_fer.classifier import Classifier

    expected = form.answers(crops) if form.answers else np.zeros(1)
    found = {}
    for target in TARGETS:
        if target.endswith("float32"):
            with Classifier.load(bundle, target, trusted=True) as classifier:
                found[target] = float(np.abs(classifier.scores(crops) - expected).max())
    return found


def main() -> None:
    """Make every form, convert it, and write what became of it."""
    parser = script.parser(__doc__)
    parser.add_argument("--keras2", type=Path, help="Folder with tf_keras.")
    parser.add_argument("--only", help="Names of forms, separated by commas.")
    arguments = parser.parse_args()
    script.require_convert()
    import keras

    images, labels = faces(40, 1)
    crops, truth = faces(30, 2)
    layers = keras.layers
    flat = trained([layers.MaxPooling2D(4), layers.Flatten()], SIDE, images, labels)
    wide = trained([layers.Conv2D(64, 3, activation="relu"), layers.GlobalMaxPooling2D()], None, images, labels)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        at = Workshop(Path(folder), flat, wide, crops)
        np.savez(at.folder / "calibrate.npz", images=images, labels=labels, names=FER2013)
        np.savez(at.folder / "evaluate.npz", images=crops, labels=truth, names=FER2013)
        makers: dict[str, Callable[[], Form]] = {}
        for maker in FORMS:
            makers[maker.__name__] = lambda maker=maker: maker(at)  # type: ignore[misc]
        if arguments.keras2:
            for name, form in of_keras_2(at, arguments.keras2).items():
                makers[name] = lambda form=form: form  # type: ignore[misc]
        for name, make in makers.items():
            if arguments.only and name not in arguments.only.split(","):
                continue
            what = WHAT_OF_KERAS_2.get(name) or next(each.__doc__ for each in FORMS if each.__name__ == name)
            result = {"what": what, **convert(make(), at)}
            results[name] = result
            print(name, result["exit_code"], result["as_wanted"], result.get("largest_difference"), result["said"][-2:])
    versions = {name: metadata.version(name) for name in ("keras", "ai-edge-litert", "onnxruntime", "openvino")}
    print(table(results))
    script.save({"command": script.command(), "versions": versions, "forms": results}, arguments.json, indent=1)


if __name__ == "__main__":
    script.run(main)
