"""What the fast kernels of `edge_fer_train` gain on a CPU: training steps with and without them.

    KERAS_BACKEND=torch python benchmarks/training_steps.py --json benchmarks/results/<device>/training_steps.json

The ways take turns step by step. Faces are random: only the time matters. Needs the `convert` extra and PyTorch.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import time
from importlib import util
from typing import Any

import numpy as np

import script
from edge_fer.errors import BadInput, MissingDependency

NETWORKS = (("mobilenet-v2", 64), ("compact", 48))
PRECISIONS = ("float32", "bfloat16")
BATCH = 96
PLAIN = "as Keras does"


def ways() -> dict[str, tuple[Any, ...]]:
    """Return the fast calls of each way to compute a step."""
    from edge_fer_train import depthwise, normalisation

    return {
        PLAIN: (),
        "normalisation": (normalisation.fast_call,),
        "normalisation and depthwise": (normalisation.fast_call, depthwise.fast_call),
    }


def network(name: str, size_px: int, number_format: str) -> Any:
    """Return a network that is ready for training, channels first."""
    import keras

    from edge_fer_train import precision, zoo

    with precision.computing(number_format):
        model = zoo.build(name, size_px, 1, 7, data_format="channels_first")
    precision.keep_scores(model)
    model.compile(keras.optimizers.AdamW(1e-3, use_ema=True), keras.losses.CategoricalCrossentropy())
    return model


def seconds(model: Any, kernels: tuple[Any, ...]) -> float:
    """Return how long one training step takes with these *kernels*."""
    from edge_fer_train.fast_kernels import fast_kernels

    rng = np.random.default_rng(0)
    faces = rng.random((BATCH, *model.input_shape[1:])).astype(np.float32)
    labels = np.eye(7, dtype=np.float32)[rng.integers(0, 7, BATCH)]
    with fast_kernels(model, kernels):
        started = time.perf_counter()
        model.train_on_batch(faces, labels)
        return time.perf_counter() - started


def measure(model: Any, steps: int) -> dict[str, list[float]]:
    """Return the seconds of the steps of each way; the first step, which builds the model and warms up, is extra."""
    all_ways = ways()
    times_s: dict[str, list[float]] = {way: [] for way in all_ways}
    for _ in range(steps + 1):
        for way, kernels in all_ways.items():
            times_s[way].append(seconds(model, kernels))
    return times_s


def check_torch() -> None:
    """Raise an error unless Keras runs on PyTorch, whose kernels these are."""
    script.require_training()
    if util.find_spec("torch") is None:
        raise MissingDependency("this script needs PyTorch: pip install torch")
    import keras

    backend = keras.backend.backend()
    if backend != "torch":
        raise BadInput(f"the kernels are PyTorch's, and Keras runs on {backend}: set KERAS_BACKEND=torch")


def main() -> None:
    """Time all ways in turn, print ratios of medians, and save the raw values."""
    parser = script.parser(__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=15, help="steps of each network in each way")
    options = parser.parse_args()
    check_torch()
    import keras
    import torch

    from edge_fer_train.keras_backend import keep_freed_memory

    torch.set_num_threads(options.threads)
    keep_freed_memory()
    times_s: dict[str, dict[str, list[float]]] = {}
    for name, size_px in NETWORKS:
        for number_format in PRECISIONS:
            title = f"{name} {size_px} px {number_format}"
            times_s[title] = measure(network(name, size_px, number_format), options.steps)
            print(f"{title}: {_ratios(times_s[title])}")
    result = {
        "command": f"KERAS_BACKEND=torch {script.command()}",
        "batch": BATCH,
        "torch": torch.__version__,
        "keras": keras.__version__,
        "seconds": times_s,
    }
    script.save(result, options.json)


def _ratios(times_s: dict[str, list[float]]) -> str:
    medians = {way: np.median(values[1:]) for way, values in times_s.items()}
    return ", ".join(f"{way} {medians[PLAIN] / median:.2f}x" for way, median in medians.items())


if __name__ == "__main__":
    script.run(main)
