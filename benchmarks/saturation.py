"""What signed 8-bit weights cost on this CPU: they saturate in pairs where there is no VNNI.

    python benchmarks/saturation.py --data fer2013/ --json benchmarks/results/<device>/saturation.json

CNN_1 for ONNX Runtime with signed weights and activations (its default) and unsigned, as the converter writes it;
CNN_1 and MobileNetV2 for OpenVINO with weights of 8 and of 7 bits, ranges alike. Judged on FER2013 PublicTest beside
float32. Needs the `convert` extra.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_fer.backends import ModelFile
from edge_fer.backends import load as load_backend
from edge_fer.evaluation.labelled import load_faces
from edge_fer_convert import calibration
from edge_fer_convert.float_model import FloatModel, open_model
from edge_fer_convert.gate import compare_with_float32
from edge_fer_convert.targets import Files
from edge_fer_convert.targets.onnx import Onnx
from edge_fer_convert.targets.openvino import OpenVINO
from edge_fer_train import recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


def signed(model: FloatModel, values: NDArray[np.float32]) -> Files:
    """Quantize as ONNX Runtime does by default, by channel."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    samples = iter(values)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Any] | None:
            sample = next(samples, None)
            return None if sample is None else {"face": sample[None]}

    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "float.onnx", Path(folder) / "made.onnx"
        source.write_bytes(model.onnx or b"")
        quantize_static(source, made, Reader(), per_channel=True)
        return Files(made.read_bytes())


def ways(name: str, model: FloatModel, values: NDArray[np.float32]) -> Iterator[tuple[str, str, Files, Files]]:
    """Yield runtime, what is done, its files, and those of float32."""
    if name == "cnn-1":
        onnx = Onnx(model, values)
        yield "onnx", "signed", signed(model, values), onnx.float32()
        yield "onnx", "unsigned", onnx.static(onnx.methods[0], frozenset()), onnx.float32()
    openvino = OpenVINO(model, values)
    for method in ("minimum and maximum", "minimum and maximum, weights of 7 bits against saturation"):
        yield "openvino", method, openvino.static(method, frozenset()), openvino.float32()


def main() -> None:
    """Compare, print, and keep the raw values where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    train, judged = (load_faces(options.data / f"fer2013-{part}.zip") for part in ("train", "public-test"))
    pool = calibration.without_evaluated(train, judged, print, forced=False)
    rows: list[dict[str, Any]] = []
    for name in ("cnn-1", "mobilenet-v2-0.5"):
        spec = recipe.load(name).preprocess
        crops = judged.crops(spec)
        prepared = calibration.prepare(calibration.choose(pool, 500, 20261120), spec)
        for runtime, way, *both in ways(name, open_model(recipe.WEIGHTS / f"{name}.keras"), prepared.values):
            scores = []
            for files in both:
                model = ModelFile(files.content, spec, judged.names, 2, files.weights)
                with load_backend(runtime, model) as backend:
                    scores.append(backend.run(crops))
            verdict = compare_with_float32(scores[0], scores[1], judged.labels)
            told = {"model": name, "runtime": runtime, "way": way}
            rows.append(told | {"accuracy": verdict.accuracy, "agreement": verdict.agreement})
            words = f"{verdict.accuracy:.2%}  agreement {verdict.agreement:.2%}"
            print(f"{name:<17} {runtime:<9} {way:<58} {words}", flush=True)  # noqa: T201
    if options.json:
        command = shlex.join(["python", "benchmarks/saturation.py", *sys.argv[1:]])
        options.json.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
