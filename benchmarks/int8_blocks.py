"""Where int8 gains or loses against float32 on this CPU: CNN_1 cut off after each block, both precisions in turn.

    python benchmarks/int8_blocks.py --json benchmarks/results/<device>/int8_blocks.json

Needs the `convert` extra. Weights are random: only the time matters.
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
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge_fer_convert.float_model import FloatModel
from edge_fer_convert.targets.litert import LiteRT
from edge_fer_train.zoo import cnn_1

CUTS = ("pool_1", "norm_1", "norm_2", "norm_3", "norm_4", "norm_5", "scores")


def interpreter(content: bytes, **options: Any) -> Any:
    """Load a model with one thread and something in its input."""
    loaded = Interpreter(model_content=content, num_threads=1, **options)
    loaded.allocate_tensors()
    details = loaded.get_input_details()[0]
    loaded.set_tensor(details["index"], np.full(details["shape"], 1, details["dtype"]))
    return loaded


def models(calibration: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, Any]:
    """Return an interpreter for each cut and precision, and for the whole without XNNPACK."""
    whole = cnn_1.build(96)
    loaded = {}
    for cut in CUTS:
        part = keras.Model(whole.inputs[0], whole.get_layer(cut).output)
        content = tf.lite.TFLiteConverter.from_keras_model(part).convert()
        converter = LiteRT(FloatModel((1, 96, 96, 1), 0, content), calibration)
        int8 = converter.static(converter.methods[0], frozenset())
        for precision, files in (("float32", converter.float32()), ("int8", int8)):
            loaded[f"{cut} {precision}"] = interpreter(files.content)
            if cut == CUTS[-1]:
                plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
                loaded[f"{cut} {precision} without XNNPACK"] = interpreter(
                    files.content, experimental_op_resolver_type=plain
                )
    return loaded


def main() -> None:
    """Time all models in turn, print medians, keep the raw values where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    loaded = models(np.random.default_rng(0).random((20, 96, 96, 1)).astype(np.float32))
    spent: dict[str, list[float]] = {name: [] for name in loaded}
    for _ in range(100):
        for name, model in loaded.items():
            started = time.perf_counter()
            model.invoke()
            spent[name].append((time.perf_counter() - started) * 1e3)
    for name, values in spent.items():
        print(f"until {name:<32} {np.median(values):.3f} ms")  # noqa: T201
    if options.json:
        command = shlex.join(["python", "benchmarks/int8_blocks.py", *sys.argv[1:]])
        options.json.write_text(json.dumps({"command": command, "ms": spent}) + "\n")


if __name__ == "__main__":
    main()
