"""What signed 8-bit weights cost on this CPU: without VNNI, sums of two products saturate.

    python benchmarks/saturation.py --data fer2013/ --json benchmarks/results/<device>/saturation.json

Quantizes CNN_1 for ONNX Runtime with signed weights and activations (ONNX Runtime's default) and with unsigned ones, as
the converter does; CNN_1 and MobileNetV2 for OpenVINO with weights of 8 and of 7 bits and the same ranges. Compares
each with its float32 on FER2013 PublicTest. Needs the `convert` extra and a clone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import script
from edge_fer.backends import ModelFile
from edge_fer.backends import load as load_backend
from edge_fer.text import percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.preprocess import Preprocess
    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.targets import Files

MODELS = ("cnn-1", "mobilenet-v2-0.5")
SEED = 20261120


def signed(model: FloatModel, values: NDArray[np.float32]) -> Files:
    """Quantize as ONNX Runtime does by default, per channel."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    from edge_fer_convert.targets import Files

    samples = iter(values)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Any] | None:
            sample = next(samples, None)
            return None if sample is None else {"face": sample[None]}

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "float.onnx"
        quantized = Path(folder) / "quantized.onnx"
        source.write_bytes(model.onnx or b"")
        quantize_static(source, quantized, Reader(), per_channel=True)
        return Files(quantized.read_bytes())


def ways(name: str, model: FloatModel, values: NDArray[np.float32]) -> Iterator[tuple[str, str, Files, Files]]:
    """Yield the runtime, the way to quantize, the quantized files and the float32 files."""
    from edge_fer_convert.targets.onnx import Onnx
    from edge_fer_convert.targets.openvino import OpenVINO

    if name == "cnn-1":
        onnx = Onnx(model, values)
        yield "onnx", "signed", signed(model, values), onnx.float32()
        yield "onnx", "unsigned", onnx.static(onnx.methods[0], frozenset()), onnx.float32()
    openvino = OpenVINO(model, values)
    for method in ("minimum and maximum", "minimum and maximum, weights of 7 bits against saturation"):
        yield "openvino", method, openvino.static(method, frozenset()), openvino.float32()


def rows_of(name: str, pool: LabelledFaces, evaluation: LabelledFaces) -> Iterator[dict[str, Any]]:
    """Quantize the model *name* in every way; yield the accuracy of each on *evaluation*."""
    from edge_fer_convert import calibration
    from edge_fer_convert.gate import compare_with_float32
    from edge_fer_convert.opening import open_model
    from edge_fer_train import recipe

    spec = recipe.load(name).preprocess
    prepared = calibration.Calibration.of_faces(calibration.choose(pool, 500, SEED), spec)
    model = open_model(script.float_weights(name))
    for runtime, way, quantized, float32 in ways(name, model, prepared.values):
        scores = scores_of(quantized, runtime, spec, evaluation)
        reference = scores_of(float32, runtime, spec, evaluation)
        comparison = compare_with_float32(scores, reference, evaluation.labels)
        yield {
            "model": name,
            "runtime": runtime,
            "way": way,
            "accuracy": comparison.accuracy,
            "agreement": comparison.agreement,
        }


def scores_of(files: Files, runtime: str, spec: Preprocess, faces: LabelledFaces) -> NDArray[np.float32]:
    """Return the scores of *faces* that *runtime* computes from *files*."""
    model = ModelFile(files.content, spec, faces.names, 2, files.weights)
    with load_backend(runtime, model) as backend:
        return backend.run(faces.crops(spec))


def main() -> None:
    """Compare, print a line for each way, and save all rows."""
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    options = parser.parse_args()
    script.require_convert()
    script.evaluate_models(options, MODELS, rows_of, _line)


def _line(row: dict[str, Any]) -> str:
    figures = f"{percent(row['accuracy'])}  agreement {percent(row['agreement'])}"
    return f"{row['model']:<17} {row['runtime']:<9} {row['way']:<58} {figures}"


if __name__ == "__main__":
    script.run(main)
