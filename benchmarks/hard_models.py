"""Models that plain int8 ruins, through the converter: fused ones, and one whose channels are scaled apart.

    python benchmarks/hard_models.py --data fer2013/ --json benchmarks/results/<device>/hard_models.json

- `fused-product`, `fused-sum`: scores of CNN_1 and MobileNetV2 joined (Umer et al., CMES 2022, section 2.3.3).
- `fused-features`: their features joined for one dense head (Abdulkadir et al., JOIG 2025), fitted on Training.
- `apart`: CNN_1 with one channel of its second convolution 100 times larger and the next layers dividing it again: the
  same function in float32.

Each is calibrated with 500 images of Training and judged on all of FER2013 PublicTest. Needs the `convert` extra.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer.evaluation.labelled import load_faces
from edge_fer_convert import Data, Gate, Job, ModelMetadata, convert, open_model, report
from edge_fer_train import recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer.preprocess import Preprocess

SIDE = 96
TARGETS = ("litert-int8", "openvino-int8", "onnx-int8")


def network(name: str) -> keras.Model:
    """Load the float model of a recipe."""
    return keras.saving.load_model(recipe.WEIGHTS / f"{name}.keras", compile=False)


def branches() -> tuple[keras.KerasTensor, list[keras.Model]]:
    """Return one face for both, and the two models."""
    return keras.Input((SIDE, SIDE, 1), name="face"), [network("cnn-1"), network("mobilenet-v2-0.5")]


def fused_product(faces: LabelledFaces, spec: Preprocess) -> keras.Model:
    """Multiply the scores of both and make them sum to one."""
    del faces, spec
    face, (first, second) = branches()
    product = first(face) * second(face)
    return keras.Model(face, product / keras.ops.sum(product, axis=-1, keepdims=True))


def fused_sum(faces: LabelledFaces, spec: Preprocess) -> keras.Model:
    """Average the scores of both."""
    del faces, spec
    face, (first, second) = branches()
    return keras.Model(face, (first(face) + second(face)) / 2)


def fused_features(faces: LabelledFaces, spec: Preprocess) -> keras.Model:
    """Join the last features of both for one head, fitted on 6,000 faces of Training."""
    face, models = branches()
    ends = [keras.Model(model.inputs, model.layers[-1].input)(face) for model in models]
    joined = keras.layers.Concatenate()(ends)
    body = keras.Model(face, joined)
    some = faces.sample(6000, 1)
    features = body.predict(spec.to_values(some.crops(spec)), batch_size=64, verbose=0)
    head = keras.Sequential([keras.Input(features.shape[1:]), keras.layers.Dense(7, activation="softmax")])
    keras.utils.set_random_seed(1)
    head.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    head.fit(features, some.labels, epochs=15, batch_size=64, verbose=0)
    return keras.Model(face, head.layers[-1](joined))


def apart(faces: LabelledFaces, spec: Preprocess) -> keras.Model:
    """Scale the largest channel of conv_2 up 100 times and have what follows divide it."""
    model = network("cnn-1")
    layer, norm = model.get_layer("conv_2"), model.get_layer("norm_2")
    values = spec.to_values(faces.sample(64, 1).crops(spec))
    largest = keras.Model(model.inputs, layer.output).predict(values, verbose=0).max(axis=(0, 1, 2)).argmax()
    scale = np.ones(layer.filters)
    scale[largest] = 100
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * scale, bias * scale])
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma, beta * scale, mean * scale, variance])  # so that its output is scaled as its input is
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


def main() -> None:
    """Convert each, print its variants, and keep the reports where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=MODELS, action="append")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    train, judged = (load_faces(options.data / f"fer2013-{part}.zip") for part in ("train", "public-test"))
    spec = recipe.load("cnn-1").preprocess
    reports: dict[str, Any] = {}
    for name in options.only or MODELS:
        job = Job(
            model=open_model(MODELS[name](train, spec)),
            metadata=ModelMetadata(name, judged.names, spec, description=name, licence="Apache-2.0"),
            pool=Data(train, "FER2013", "Training"),
            evaluated=Data(judged, "FER2013", "PublicTest"),
            targets=TARGETS,
            gate=Gate(0.5, 0.7),
            seed=20261120,
        )
        reports[name] = report.as_dict(convert(job))
        for target in reports[name]["targets"]:
            print(f"{name}: {target['asked']} became {target['target']}")  # noqa: T201
            for attempt in target["attempts"]:
                losses = attempt["drop_points"]["points"], attempt["f1_drop_points"]["points"]
                print(  # noqa: T201
                    f"  drop {losses[0]:+6.2f}  macro-F1 {losses[1]:+6.2f}  agreement {attempt['agreement']:.2%}  "
                    f"{attempt['recipe']}{'' if attempt['refused'] or attempt['comparison'] else '  <- taken'}",
                    flush=True,
                )
    if options.json:
        command = shlex.join(["python", "benchmarks/hard_models.py", *sys.argv[1:]])
        options.json.write_text(json.dumps({"command": command, "reports": reports}) + "\n")


if __name__ == "__main__":
    main()
