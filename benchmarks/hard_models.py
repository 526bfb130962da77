"""Converts models that plain int8 ruins: models that join two networks, and one whose channels differ in scale.

    python benchmarks/hard_models.py --data fer2013/ --json benchmarks/results/<device>/hard_models.json

- `fused-product`, `fused-sum`: the scores of CNN_1 and MobileNetV2, joined (Umer et al., CMES 2022, section 2.3.3).
- `fused-features`: their features, joined for one dense head (Abdulkadir et al., JOIG 2025), fitted on Training.
- `apart`: CNN_1 with one channel of its second convolution 100 times larger, and the next layers dividing it again: the
  same function in float32.

Each is calibrated with 500 images of Training and evaluated on all of FER2013 PublicTest. Needs the `convert` extra and
a clone.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import script
from edge_fer.evaluation.labelled import load_faces

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.preprocess import Preprocess

SIDE = 96
TARGETS = ("litert-int8", "openvino-int8", "onnx-int8")
FITTED_ON = 6000
"""How many faces of Training the head of `fused-features` is fitted on."""


def network(name: str) -> keras.Model:
    """Load the float model of a recipe."""
    import keras

    return keras.saving.load_model(script.float_weights(name), compile=False)


def branches() -> tuple[keras.KerasTensor, list[keras.Model]]:
    """Return the input of a face, and the two models that are to share it."""
    import keras

    face = keras.Input((SIDE, SIDE, 1), name="face")
    return face, [network("cnn-1"), network("mobilenet-v2-0.5")]


def fused_product(faces: LabelledFaces, spec: Preprocess) -> keras.Model:
    """Multiply the scores of both, and normalise them to a sum of 1."""
    import keras

    del faces, spec
    face, (first, second) = branches()
    product = first(face) * second(face)
    return keras.Model(face, product / keras.ops.sum(product, axis=-1, keepdims=True))


def fused_sum(faces: LabelledFaces, spec: Preprocess) -> keras.Model:
    """Average the scores of both."""
    import keras

    del faces, spec
    face, (first, second) = branches()
    return keras.Model(face, (first(face) + second(face)) / 2)


def fused_features(faces: LabelledFaces, spec: Preprocess) -> keras.Model:
    """Concatenate the last features of both for one dense head, fitted on `FITTED_ON` of *faces*."""
    import keras

    face, models = branches()
    features = [keras.Model(model.inputs, model.layers[-1].input)(face) for model in models]
    joined = keras.layers.Concatenate()(features)
    body = keras.Model(face, joined)
    sample = faces.sample(FITTED_ON, 1)
    # The body stays as it is, so its features are computed once and not in every epoch.
    inputs = body.predict(spec.to_values(sample.crops(spec)), batch_size=64, verbose=0)
    head = keras.Sequential([keras.Input(inputs.shape[1:]), keras.layers.Dense(7, activation="softmax")])
    keras.utils.set_random_seed(1)
    head.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    head.fit(inputs, sample.labels, epochs=15, batch_size=64, verbose=0)
    return keras.Model(face, head.layers[-1](joined))


def apart(faces: LabelledFaces, spec: Preprocess) -> keras.Model:
    """Scale the largest channel of conv_2 up 100 times, and let the layers after it divide it again."""
    import keras

    model = network("cnn-1")
    layer = model.get_layer("conv_2")
    norm = model.get_layer("norm_2")
    values = spec.to_values(faces.sample(64, 1).crops(spec))
    activations = keras.Model(model.inputs, layer.output).predict(values, verbose=0)
    largest = activations.max(axis=(0, 1, 2)).argmax()
    scale = np.ones(layer.filters)
    scale[largest] = 100
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * scale, bias * scale])
    # Batch normalisation would undo the scale. With mean and beta scaled and the variance not, its output is scaled as
    # its input is.
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma, beta * scale, mean * scale, variance])
    following = model.get_layer("conv_3")
    kernel, bias = following.get_weights()
    following.set_weights([kernel / scale[:, np.newaxis], bias])
    return model


MODELS: dict[str, Callable[[LabelledFaces, Preprocess], keras.Model]] = {
    "fused-product": fused_product,
    "fused-sum": fused_sum,
    "fused-features": fused_features,
    "apart": apart,
}


def convert_model(name: str, train: LabelledFaces, evaluation: LabelledFaces, spec: Preprocess) -> dict[str, Any]:
    """Convert the model *name* to `TARGETS`, and return the report as ``edge-fer convert --json`` prints it."""
    from edge_fer_convert import Data, Gate, Job, ModelMetadata, convert, open_model, report

    job = Job(
        model=open_model(MODELS[name](train, spec)),
        metadata=ModelMetadata(name, evaluation.names, spec, description=name, licence="Apache-2.0"),
        pool=Data(train, "FER2013", "Training"),
        evaluated=Data(evaluation, "FER2013", "PublicTest"),
        targets=TARGETS,
        gate=Gate(0.5, 0.7),
        seed=20261120,
    )
    return report.as_dict(convert(job))


def main() -> None:
    """Convert each model, print its attempts, and save the reports."""
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--only", choices=MODELS, action="append", help="convert this model only; may be repeated")
    options = parser.parse_args()
    script.require_convert()
    from edge_fer_train import recipe

    train = load_faces(options.data / "fer2013-train.zip")
    evaluation = load_faces(options.data / "fer2013-public-test.zip")
    spec = recipe.load("cnn-1").preprocess
    reports: dict[str, Any] = {}
    for name in options.only or MODELS:
        reports[name] = convert_model(name, train, evaluation, spec)
        for target in reports[name]["targets"]:
            print(f"{name}: {target['asked']} became {target['target']}")
            for attempt in target["attempts"]:
                print(f"  {_line(attempt)}", flush=True)
    script.save({"command": script.command(), "reports": reports}, options.json)


def _line(attempt: dict[str, Any]) -> str:
    drop = attempt["drop_points"]["points"]
    f1_drop = attempt["f1_drop_points"]["points"]
    taken = not attempt["refused"] and not attempt["comparison"]
    return (
        f"drop {drop:+6.2f}  macro-F1 {f1_drop:+6.2f}  agreement {attempt['agreement']:.2%}  "
        f"{attempt['recipe']}{'  <- taken' if taken else ''}"
    )


if __name__ == "__main__":
    script.run(main)
