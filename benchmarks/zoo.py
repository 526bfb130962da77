"""Every architecture of the zoo at its own size: is built, trains one step, and becomes int8 for each runtime.

    python benchmarks/zoo.py --json benchmarks/results/<device>/zoo.json

Weights are random except for that step, so this says nothing about accuracy. It checks that each architecture can be
trained and converted, how large it becomes, what its heaviest layers compute in, and how far int8's scores are from
float32's on drawn faces. Each step runs in a process of its own. Needs the `convert` extra.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import script
from edge_fer.emotions import FER2013
from edge_fer.preprocess import Preprocess
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face
from edge_fer_train import zoo

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FACES = 8
QUIET = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
RUNTIMES = ("litert", "openvino", "onnx")


def drawn(spec: Preprocess, count: int) -> NDArray[np.uint8]:
    """Return ``(count, N, N)`` drawn faces of all classes, each with its own light and noise."""
    rng = np.random.default_rng(1)
    faces = []
    for number in range(count):
        label = FER2013[number % len(FER2013)]
        face = draw_face(EXPRESSIONS[label]).astype(float)
        lit = np.clip(face * rng.uniform(0.7, 1.2) + rng.normal(0, 15, face.shape), 0, 255).astype(np.uint8)
        faces.append(spec.crop(lit))
    return np.stack(faces)


def train_a_step(name: str, path: Path) -> dict[str, Any]:
    """Build the architecture *name*, train it one step, and save it to *path*."""
    os.environ.update(QUIET)  # before Keras is imported, which reads them then
    import keras

    started = time.perf_counter()
    keras.utils.set_random_seed(1)
    model = zoo.build(name)
    spec = Preprocess(size_px=model.input_shape[1])
    values = spec.to_values(drawn(spec, FACES))
    labels = np.eye(7, dtype=np.float32)[np.arange(FACES) % 7]
    model.compile(keras.optimizers.SGD(1e-3), "categorical_crossentropy")
    loss = float(model.train_on_batch(values, labels))
    model.save(path)
    return {
        "parameters": model.count_params(),
        "size_px": spec.size_px,
        "loss_of_the_step": loss,
        "seconds": time.perf_counter() - started,
    }


def quantize(path: Path, runtime: str) -> dict[str, Any]:
    """Convert the model in *path* for *runtime* to float32 and to int8, and compare their scores."""
    os.environ.update(QUIET)
    from edge_fer import backends
    from edge_fer_convert import targets
    from edge_fer_convert.opening import open_model

    model = open_model(path)
    spec = Preprocess(size_px=model.size_px)
    crops = drawn(spec, FACES)
    began = time.perf_counter()
    converter = targets.converter(runtime)(model, spec.to_values(crops))
    files = {"float32": converter.float32(), "int8": converter.static(converter.methods[0], frozenset())}
    scores = {}
    for precision, file in files.items():
        model_file = backends.ModelFile(file.content, spec, FER2013, weights=file.weights)
        with backends.load(runtime, model_file) as backend:
            scores[precision] = backend.run(crops)
            computes = backend.info.computes  # of int8 in the end, the last of the two
    return {
        "bytes": len(files["int8"]),
        "float32_bytes": len(files["float32"]),
        "computes": computes,
        "worst_score_difference": float(np.abs(scores["int8"] - scores["float32"]).max()),
        "seconds": time.perf_counter() - began,
    }


def isolated(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Call *function* in a process of its own, whose memory is free afterwards.

    Returns ``{"failed": ...}`` when the process was killed, for instance because memory ran out.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            return {"failed": "its process was ended"}


def try_out(name: str) -> dict[str, Any]:
    """Build, train and convert the architecture *name*."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.keras"
        result = isolated(train_a_step, name, path)
        if "failed" in result:
            return result
        targets = {}
        for runtime in RUNTIMES:
            targets[f"{runtime}-int8"] = isolated(quantize, path, runtime)
        return {**result, "targets": targets}


def main() -> None:
    """Try out each architecture, print a line for it, and save all results after each."""
    parser = script.parser(__doc__)
    parser.add_argument("--only", choices=zoo.ARCHITECTURES, action="append", help="try this one only; may be repeated")
    options = parser.parse_args()
    script.require_convert()
    architectures: dict[str, Any] = {}
    result = {"command": script.command(), "architectures": architectures}
    for name in options.only or zoo.ARCHITECTURES:
        architectures[name] = try_out(name)
        script.save(result, options.json, indent=1)
        print(f"{name}: {_line(architectures[name])}", flush=True)


def _line(result: dict[str, Any]) -> str:
    if "failed" in result:
        return str(result["failed"])
    parts = [f"{result['parameters']:,} parameters at {result['size_px']} px"]
    for target, file in result["targets"].items():
        size = file["failed"] if "failed" in file else f"{file['bytes'] / 1e6:.1f} MB ({file['computes']})"
        parts.append(f"{target} {size}")
    return f"{parts[0]}; {', '.join(parts[1:])}"


if __name__ == "__main__":
    script.run(main)
