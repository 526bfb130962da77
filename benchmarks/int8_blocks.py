"""Where int8 gains or loses against float32 on this CPU: CNN_1 cut off after each block, in both precisions.

    python benchmarks/int8_blocks.py --json benchmarks/results/<device>/int8_blocks.json

The models take turns. Weights are random: only the time matters. Needs the `convert` extra.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import time
from typing import Any

import numpy as np

import script

CUTS = ("pool_1", "norm_1", "norm_2", "norm_3", "norm_4", "norm_5", "scores")
"""The last layer of each cut; the last cut is the whole network."""
TURNS = 100


def interpreter(content: bytes, **options: Any) -> Any:
    """Load a LiteRT model with one thread, and fill its input."""
    from ai_edge_litert.interpreter import Interpreter

    loaded = Interpreter(model_content=content, num_threads=1, **options)
    loaded.allocate_tensors()
    details = loaded.get_input_details()[0]
    loaded.set_tensor(details["index"], np.full(details["shape"], 1, details["dtype"]))
    return loaded


def models(calibration: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, Any]:
    """Return an interpreter for each cut and precision; for the whole network also one without XNNPACK."""
    import keras
    import tensorflow as tf
    from ai_edge_litert.interpreter import OpResolverType

    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.targets.litert import LiteRT
    from edge_fer_train.zoo import cnn_1

    network = cnn_1.build(96)
    interpreters = {}
    for cut in CUTS:
        part = keras.Model(network.inputs[0], network.get_layer(cut).output)
        content = tf.lite.TFLiteConverter.from_keras_model(part).convert()
        converter = LiteRT(FloatModel((1, 96, 96, 1), 0, content), calibration)
        int8 = converter.static(converter.methods[0], frozenset())
        for precision, model in (("float32", converter.float32()), ("int8", int8)):
            interpreters[f"{cut} {precision}"] = interpreter(model.content)
            if cut == CUTS[-1]:
                interpreters[f"{cut} {precision} without XNNPACK"] = interpreter(
                    model.content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
                )
    return interpreters


def main() -> None:
    """Time all models in turn, print medians, and save the raw values."""
    options = script.parser(__doc__).parse_args()
    script.require_convert()
    interpreters = models(np.random.default_rng(0).random((20, 96, 96, 1)).astype(np.float32))
    times_ms: dict[str, list[float]] = {name: [] for name in interpreters}
    for _ in range(TURNS):
        for name, model in interpreters.items():
            started = time.perf_counter()
            model.invoke()
            times_ms[name].append((time.perf_counter() - started) * 1e3)
    for name, values in times_ms.items():
        print(f"until {name:<32} {np.median(values):.3f} ms")
    script.save({"command": script.command(), "ms": times_ms}, options.json)


if __name__ == "__main__":
    script.run(main)
