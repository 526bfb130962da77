"""Which quantizer loses less for LiteRT: TensorFlow's, LiteRT Quantizer's, or the latter with ranges of our own.

    python benchmarks/quantizers.py --data fer2013/ --json benchmarks/results/<device>/quantizers.json

Quantizes each model with each of two calibration sets (500 images of Training) in every way, and compares it with its
float32 on all of FER2013 PublicTest. Needs the `convert` extra and a clone.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import script
from edge_fer.backends import ModelFile
from edge_fer.backends import load as load_backend
from edge_fer.text import percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer_convert.float_model import FloatModel

MODELS = ("cnn-1", "mobilenet-v2-0.5")
SEEDS = (20261120, 1)


def by_tensorflow(weights: Path, model: FloatModel, values: NDArray[np.float32]) -> bytes:
    """Quantize with TFLiteConverter and a representative data set."""
    import keras
    import tensorflow as tf

    def samples() -> Iterator[list[NDArray[np.float32]]]:
        for value in values:
            yield [value[np.newaxis]]

    with tempfile.TemporaryDirectory() as folder:
        signature = [keras.InputSpec(shape=model.shape, dtype="float32")]
        network = keras.saving.load_model(weights, compile=False)
        network.export(folder, format="tf_saved_model", verbose=False, input_signature=signature)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        return bytes(converter.convert())


def by_litert_quantizer(model: FloatModel, values: NDArray[np.float32]) -> bytes:
    """Quantize with LiteRT Quantizer and its own calibration."""
    from litert_quantizer import quantizer, recipe

    work = quantizer.Quantizer(bytearray(model.tflite or b""), recipe.static_wi8_ai8())
    samples = [{"face": value[np.newaxis]} for value in values]
    ranges = work.calibrate({"serving_default": samples}, num_threads=2)
    return bytes(work.quantize(ranges, enable_progress_report=False).quantized_model)


def ways(weights: Path, model: FloatModel, values: NDArray[np.float32]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the model file of each way to quantize."""
    from edge_fer_convert.targets.litert import LiteRT

    yield "TensorFlow", by_tensorflow(weights, model, values)
    yield "LiteRT Quantizer, its own calibration", by_litert_quantizer(model, values)
    converter = LiteRT(model, values)
    for method in converter.methods:
        yield f"LiteRT Quantizer, {method}", converter.static(method, frozenset()).content


def rows_of(name: str, pool: LabelledFaces, evaluation: LabelledFaces) -> Iterator[dict[str, Any]]:
    """Quantize the model *name* in every way and with every seed; yield what each loses on *evaluation*."""
    from edge_fer_convert import calibration
    from edge_fer_convert.gate import compare_with_float32
    from edge_fer_convert.opening import open_model
    from edge_fer_train import recipe

    weights = script.float_weights(name)
    spec = recipe.load(name).preprocess
    model = open_model(weights)
    file = ModelFile(b"", spec, evaluation.names, threads=2)
    crops = evaluation.crops(spec)
    reference = scores_of(replace(file, content=model.tflite or b""), crops)
    for seed in SEEDS:
        prepared = calibration.Calibration.of_faces(calibration.choose(pool, 500, seed), spec)
        for way, content in ways(weights, model, prepared.values):
            scores = scores_of(replace(file, content=content), crops)
            comparison = compare_with_float32(scores, reference, evaluation.labels)
            assert comparison.drop is not None  # noqa: S101  (there are labels)
            assert comparison.f1_drop is not None  # noqa: S101
            yield {
                "model": name,
                "seed": seed,
                "way": way,
                "size_bytes": len(content),
                "accuracy": comparison.accuracy,
                "drop_points": comparison.drop.points,
                "f1_drop_points": comparison.f1_drop.points,
                "agreement": comparison.agreement,
            }


def scores_of(file: ModelFile, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return LiteRT's scores of *crops*."""
    with load_backend("litert", file) as backend:
        return backend.run(crops)


def main() -> None:
    """Compare, print a line for each way, and save all rows."""
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    options = parser.parse_args()
    script.require_convert()
    script.evaluate_models(options, MODELS, rows_of, _line)


def _line(row: dict[str, Any]) -> str:
    drops = f"drop {row['drop_points']:+.2f}  macro-F1 {row['f1_drop_points']:+.2f}"
    return f"{row['model']:<18} {row['seed']:<9} {row['way']:<60} {drops}  agreement {percent(row['agreement'])}"


if __name__ == "__main__":
    script.run(main)
