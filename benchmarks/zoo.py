"""Every architecture of the zoo at its own size: it is built, trains one step, and becomes int8 for each runtime.

    python benchmarks/zoo.py --json benchmarks/results/<device>/zoo.json

The weights are random but for that step, so that nothing is said about accuracy here: what is checked is that each can
be trained and converted, how large it becomes, what its heaviest layers compute in, and how far int8's scores are from
float32's on drawn faces. Each step runs in a process of its own. Needs the `convert` extra.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shlex
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer.emotions import FER2013
from edge_fer.preprocess import Preprocess
from edge_fer.sources.synthetic import EXPRESSIONS, draw_face
from edge_fer_train import zoo

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FACES = 8
QUIET = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
RUNTIMES = ("litert", "openvino", "onnx")


def drawn(spec: Preprocess, count: int) -> NDArray[np.uint8]:
    """Return ``(count, N, N)`` drawn faces, each lit and shifted its own way."""
    rng = np.random.default_rng(1)
    faces = []
    for label in range(count):
        face = draw_face(EXPRESSIONS[FER2013[label % len(FER2013)]]).astype(float)
        lit = np.clip(face * rng.uniform(0.7, 1.2) + rng.normal(0, 15, face.shape), 0, 255).astype(np.uint8)
        faces.append(spec.crop(lit))
    return np.stack(faces)


def train_a_step(name: str, kept: Path) -> dict[str, Any]:
    """Build the architecture *name*, train it one step, and write it to *kept*."""
    os.environ.update(QUIET)
    import keras

    started = time.perf_counter()
    keras.utils.set_random_seed(1)
    model = zoo.build(name)
    spec = Preprocess(size_px=model.input_shape[1])
    values = spec.to_values(drawn(spec, FACES))
    model.compile(keras.optimizers.SGD(1e-3), "categorical_crossentropy")
    loss = float(model.train_on_batch(values, np.eye(7, dtype=np.float32)[np.arange(FACES) % 7]))
    model.save(kept)
    return {
        "parameters": model.count_params(),
        "size_px": spec.size_px,
        "loss_of_the_step": loss,
        "seconds": time.perf_counter() - started,
    }


def quantize(kept: Path, runtime: str) -> dict[str, Any]:
    """Convert the model in *kept* for *runtime* to float32 and to int8, and let both answer."""
    os.environ.update(QUIET)
    from edge_fer import backends
    from edge_fer_convert import targets
    from edge_fer_convert.float_model import open_model

    opened = open_model(kept)
    spec = Preprocess(size_px=opened.size_px)
    crops = drawn(spec, FACES)
    began = time.perf_counter()
    converter = targets.converter(runtime)(opened, spec.to_values(crops))
    files = {"float32": converter.float32(), "int8": converter.static(converter.methods[0], frozenset())}
    answers = {}
    for precision, file in files.items():
        model = backends.ModelFile(file.content, spec, FER2013, weights=file.weights)
        with backends.load(runtime, model) as backend:
            answers[precision] = backend.run(crops)
            computes = backend.info.computes
    return {
        "bytes": len(files["int8"]),
        "float32_bytes": len(files["float32"]),
        "computes": computes,
        "worst_score_difference": float(np.abs(answers["int8"] - answers["float32"]).max()),
        "seconds": time.perf_counter() - began,
    }


def alone(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Call *function* in a process of its own, whose memory is free afterwards; tell when it had not enough."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            return {"failed": "its process was ended"}


def try_out(name: str) -> dict[str, Any]:
    """Build, train and convert the architecture *name*."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / f"{name}.keras"
        told = alone(train_a_step, name, kept)
        if "failed" in told:
            return told
        return told | {"targets": {f"{runtime}-int8": alone(quantize, kept, runtime) for runtime in RUNTIMES}}


def main() -> None:
    """Try out each, print a line, and keep everything where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=zoo.ARCHITECTURES, action="append")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"command": shlex.join(["python", "benchmarks/zoo.py", *sys.argv[1:]]), "architectures": {}}
    for name in options.only or zoo.ARCHITECTURES:
        told = try_out(name)
        found["architectures"][name] = told
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {_line(told)}", flush=True)  # noqa: T201


def _made(made: dict[str, Any]) -> str:
    return str(made["failed"]) if "failed" in made else f"{made['bytes'] / 1e6:.1f} MB ({made['computes']})"


def _line(told: dict[str, Any]) -> str:
    if "failed" in told:
        return str(told["failed"])
    sizes = (f"{target} {_made(made)}" for target, made in told["targets"].items())
    return f"{told['parameters']:,} parameters at {told['size_px']} px; {', '.join(sizes)}"


if __name__ == "__main__":
    main()
