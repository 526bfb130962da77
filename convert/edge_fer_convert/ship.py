"""From trained weights to the shipped bundle: convert, judge on the validation split, write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from edge_fer.backends import ModelFile
from edge_fer.backends import load as load_backend
from edge_fer.bundle import Evaluation
from edge_fer.labelled import near_copies
from edge_fer.metrics import accuracy, macro_f1
from edge_fer_convert import calibration, litert, writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.labelled import LabelledFaces
    from edge_fer_convert.recipe import Recipe

CALIBRATION_IMAGES = 500


def ship(
    recipe: Recipe,
    weights: Path,
    train: LabelledFaces,
    validation: LabelledFaces,
    folder: Path,
    report: Callable[[str], None],
) -> dict[str, NDArray[np.float32]]:
    """Convert *weights* (``.keras``) to int8 and float32, judge both on *validation* and write the bundle *folder*.

    Returns each target's ``(n, labels)`` scores.
    """
    model = keras.saving.load_model(weights, compile=False)
    chosen = calibration.choose(train, CALIBRATION_IMAGES, recipe.training.seed)
    values = recipe.preprocess.to_values(chosen.crops(recipe.preprocess))[..., np.newaxis]
    # Two pixels pin the input's range, so that every pixel value has an int8 value of its own.
    values[0, 0, 0, 0], values[0, 0, 1, 0] = recipe.preprocess.low, recipe.preprocess.high
    report("converting to int8 and float32\n")
    files = {"litert-int8": litert.to_int8(model, values), "litert-float32": litert.to_float32(model)}
    crops = validation.crops(recipe.preprocess)
    scores = {}
    for target, content in files.items():
        report(f"judging {target} on {len(validation)} images\n")
        backend = load_backend("litert", ModelFile(content, recipe.preprocess, validation.names))
        scores[target] = backend.run(crops)
        backend.close()
    words = {
        "litert-int8": "static int8, weights per channel, activations per tensor over "
        f"{len(chosen)} FER2013 Training images balanced over the classes (seed {recipe.training.seed}); "
        "input and output int8",
        "litert-float32": "not quantized",
    }
    fresh = ~near_copies(validation, train)
    artifacts = [
        writer.Artifact(
            target, f"{target}.tflite", content, words[target],
            _worth(scores[target], scores["litert-float32"], validation, fresh),
        )
        for target, content in files.items()
    ]  # fmt: skip
    writer.write(folder, recipe.name, recipe.description, recipe.preprocess, artifacts, validation.names)
    return scores


def _worth(
    scores: NDArray[np.float32], reference: NDArray[np.float32], validation: LabelledFaces, fresh: NDArray[np.bool_]
) -> Evaluation:
    predicted, float_predicted, labels = scores.argmax(axis=1), reference.argmax(axis=1), validation.labels
    own = accuracy(predicted, labels)
    return Evaluation(
        data="FER2013",
        split="PublicTest",
        images=len(labels),
        accuracy=own,
        macro_f1=macro_f1(predicted, labels, len(validation.names)),
        fresh_images=int(fresh.sum()),
        fresh_accuracy=accuracy(predicted[fresh], labels[fresh]) if fresh.any() else None,
        drop_points=100 * (accuracy(float_predicted, labels) - own),
        agreement=accuracy(predicted, float_predicted),
    )
