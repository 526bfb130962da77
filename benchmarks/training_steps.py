"""What the fast kernels of `edge_fer_train` gain on a CPU: steps with and without them, in turn.

    KERAS_BACKEND=torch python benchmarks/training_steps.py --json benchmarks/results/<device>/training_steps.json

Needs the `convert` extra and PyTorch. Faces are random: only the time matters.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch

from edge_fer_train import depthwise, normalisation, precision, zoo
from edge_fer_train.fast_kernels import fast_kernels
from edge_fer_train.keras_backend import keep_freed_memory

NETWORKS = (("mobilenet-v2", 64), ("compact", 48))
WAYS: dict[str, tuple[Any, ...]] = {
    "as Keras does": (),
    "normalisation": (normalisation.fast_call,),
    "normalisation and depthwise": (normalisation.fast_call, depthwise.fast_call),
}
BATCH = 96


def network(name: str, size_px: int, computing: str) -> Any:
    """Return a network that is ready for training, channels first."""
    with precision.computing(computing):
        model = zoo.build(name, size_px, 1, 7, data_format="channels_first")
    precision.keep_scores(model)
    model.compile(keras.optimizers.AdamW(1e-3, use_ema=True), keras.losses.CategoricalCrossentropy())
    return model


def seconds(model: Any, kernels: tuple[Any, ...]) -> float:
    """Return how long one step takes with these *kernels*."""
    rng = np.random.default_rng(0)
    faces = rng.random((BATCH, *model.input_shape[1:])).astype(np.float32)
    labels = np.eye(7, dtype=np.float32)[rng.integers(0, 7, BATCH)]
    with fast_kernels(model, kernels):
        started = time.perf_counter()
        model.train_on_batch(faces, labels)
    return time.perf_counter() - started


def main() -> None:
    """Time all ways in turn, print ratios of medians, keep the raw values where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=15)
    options = parser.parse_args()
    if keras.backend.backend() != "torch":
        sys.exit(f"the kernels are PyTorch's, and Keras runs on {keras.backend.backend()}: set KERAS_BACKEND=torch")
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    spent: dict[str, dict[str, list[float]]] = {}
    for name, size_px in NETWORKS:
        for computing in ("float32", "bfloat16"):
            model = network(name, size_px, computing)
            times = spent[f"{name} {size_px} px {computing}"] = {way: [] for way in WAYS}
            for _ in range(options.steps + 1):
                for way, kernels in WAYS.items():
                    times[way].append(seconds(model, kernels))
            medians = {way: np.median(values[1:]) for way, values in times.items()}  # the first builds and warms up
            ratios = ", ".join(f"{way} {medians['as Keras does'] / median:.2f}x" for way, median in medians.items())
            print(f"{name} {size_px} px {computing}: {ratios}")  # noqa: T201
    if options.json:
        command = "KERAS_BACKEND=torch " + shlex.join(["python", "benchmarks/training_steps.py", *sys.argv[1:]])
        about = {"command": command, "batch": BATCH, "torch": torch.__version__, "keras": keras.__version__}
        options.json.write_text(json.dumps({**about, "seconds": spent}) + "\n")


if __name__ == "__main__":
    main()
