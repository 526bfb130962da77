"""Which quantizer loses less for LiteRT: TensorFlow's, AI Edge Quantizer's, and the latter with ranges of our own.

    python benchmarks/quantizers.py --data fer2013/ --json benchmarks/results/<device>/quantizers.json

Each model and each calibration set (500 images of Training, two seeds) is quantized in every way and judged on all of
FER2013 PublicTest beside its float32. Needs the `convert` extra.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from ai_edge_quantizer import quantizer
from ai_edge_quantizer import recipe as aeq_recipe

from edge_fer.backends import ModelFile
from edge_fer.backends import load as load_backend
from edge_fer.evaluation.labelled import load_faces
from edge_fer_convert import calibration
from edge_fer_convert.float_model import FloatModel, open_model
from edge_fer_convert.gate import compare_with_float32
from edge_fer_convert.targets.litert import LiteRT
from edge_fer_train import recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MODELS = ("cnn-1", "mobilenet-v2-0.5")
SEEDS = (20261120, 1)


def by_tensorflow(weights: Path, model: FloatModel, values: NDArray[np.float32]) -> bytes:
    """Quantize as TFLiteConverter does with a representative dataset."""
    import keras

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
        converter.inference_input_type = converter.inference_output_type = tf.int8
        return bytes(converter.convert())


def by_ai_edge_quantizer(model: FloatModel, values: NDArray[np.float32]) -> bytes:
    """Quantize as AI Edge Quantizer does, with its own calibration."""
    work = quantizer.Quantizer(bytearray(model.tflite or b""), aeq_recipe.static_wi8_ai8())
    found = work.calibrate({"serving_default": [{"face": value[np.newaxis]} for value in values]}, num_threads=2)
    return bytes(work.quantize(found, enable_progress_report=False).quantized_model)


def ways(weights: Path, model: FloatModel, values: NDArray[np.float32]) -> Iterator[tuple[str, bytes]]:
    """Yield each way of quantizing, by name."""
    yield "TensorFlow", by_tensorflow(weights, model, values)
    yield "AI Edge Quantizer, its own calibration", by_ai_edge_quantizer(model, values)
    converter = LiteRT(model, values)
    for method in converter.methods:
        yield f"AI Edge Quantizer, {method}", converter.static(method, frozenset()).content


def main() -> None:
    """Compare, print, and keep the raw values where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    train, judged = (load_faces(options.data / f"fer2013-{part}.zip") for part in ("train", "public-test"))
    pool = calibration.without_evaluated(train, judged, print, forced=False)
    rows: list[dict[str, Any]] = []
    for name in MODELS:
        chosen = recipe.load(name)
        weights = recipe.WEIGHTS / f"{name}.keras"
        model = open_model(weights)
        crops = judged.crops(chosen.preprocess)
        file = ModelFile(b"", chosen.preprocess, judged.names, threads=2)

        def score(content: bytes, file: ModelFile = file, crops: NDArray[np.uint8] = crops) -> NDArray[np.float32]:
            with load_backend("litert", replace(file, content=content)) as backend:
                return backend.run(crops)

        reference = score(model.tflite or b"")
        for seed in SEEDS:
            prepared = calibration.prepare(calibration.choose(pool, 500, seed), chosen.preprocess)
            for way, content in ways(weights, model, prepared.values):
                verdict = compare_with_float32(score(content), reference, judged.labels)
                assert verdict.drop is not None and verdict.f1_drop is not None  # noqa: S101, PT018  (there are labels)
                rows.append(
                    {
                        "model": name, "seed": seed, "way": way, "size_bytes": len(content),
                        "accuracy": verdict.accuracy, "drop_points": verdict.drop.points,
                        "f1_drop_points": verdict.f1_drop.points, "agreement": verdict.agreement,
                    }
                )  # fmt: skip
                print(  # noqa: T201
                    f"{name:<18} {seed:<9} {way:<60} drop {verdict.drop.points:+.2f}  "
                    f"macro-F1 {verdict.f1_drop.points:+.2f}  agreement {verdict.agreement:.2%}",
                    flush=True,
                )
    if options.json:
        command = shlex.join(["python", "benchmarks/quantizers.py", *sys.argv[1:]])
        options.json.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
