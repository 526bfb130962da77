"""Writes ``yunet.onnx`` and ``blazeface.tflite`` beside this file: a bright spot on black is a face to them.

They have the inputs and outputs of the real networks, which are not ours to give away, and a few kilobytes.
Run it again only when those change: ``KERAS_BACKEND=tensorflow python tests/golden/make_detectors.py``
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
from onnx import helper, numpy_helper

HERE = Path(__file__).parent
STRIDE = 8
SPOT_PX = 24
"""What is averaged: a spot of about this size scores highest at its own cell."""
EYES, NOSE, MOUTH = ((-7.0, -4.0), (7.0, -4.0)), (0.0, 2.0), (0.0, 10.0)
"""Landmarks from the middle of the spot, in pixels."""


def main() -> None:
    (HERE / "yunet.onnx").write_bytes(yunet())
    (HERE / "blazeface.tflite").write_bytes(blazeface())


def yunet() -> bytes:
    nodes = [helper.make_node("ReduceMean", ["input"], ["gray"], axes=[1], keepdims=1)]
    constants = []
    corners = [(x, MOUTH[1]) for x in (-4.0, 4.0)]
    places = np.array([*EYES, NOSE, *corners])

    def add(op: str, sources: list[str], name: str, **attributes: object) -> str:
        nodes.append(helper.make_node(op, sources, [name], **attributes))
        return name

    def constant(name: str, values: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(values, name))
        return name

    for stride in (8, 16, 32):
        edge = (SPOT_PX - STRIDE) // 2 if stride == STRIDE else 0
        side = SPOT_PX if stride == STRIDE else stride
        pooled = add(
            "AveragePool", ["gray"], f"pool{stride}", kernel_shape=[side] * 2, strides=[stride] * 2, pads=[edge] * 4,
            count_include_pad=1,
        )  # fmt: skip
        column = add("Reshape", [pooled, constant(f"column{stride}", np.array([1, -1, 1]))], f"mean{stride}")
        # Only the finest grid answers.
        gain = np.float32(1 / 255 if stride == STRIDE else 0)
        scaled = add("Mul", [column, constant(f"gain{stride}", np.array([gain]))], f"scaled{stride}")
        zero = add("Mul", [column, constant(f"none{stride}", np.zeros(1, np.float32))], f"zero{stride}")
        limits = [constant(f"low{stride}", np.float32(0)), constant(f"high{stride}", np.float32(1))]
        add("Clip", [scaled, *limits], f"cls_{stride}")
        add("Clip", [scaled, *limits], f"obj_{stride}")
        # Centre from the cell, in strides; the size's logarithm.
        box = np.array([0.5, 0.5, np.log(SPOT_PX / stride), np.log(SPOT_PX / stride)], np.float32)
        add("Add", [zero, constant(f"box{stride}", box)], f"bbox_{stride}")
        landmarks = (places / stride + 0.5).astype(np.float32).ravel()
        add("Add", [zero, constant(f"places{stride}", landmarks)], f"kps_{stride}")
    lengths = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    outputs = [
        helper.make_tensor_value_info(f"{kind}_{stride}", 1, [1, None, length])
        for kind, length in lengths.items()
        for stride in (8, 16, 32)
    ]
    source = helper.make_tensor_value_info("input", 1, [1, 3, 640, 640])
    graph = helper.make_graph(nodes, "yunet", [source], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def blazeface() -> bytes:
    layers = keras.layers
    source = keras.Input((128, 128, 3), batch_size=1)
    fine = layers.AveragePooling2D(SPOT_PX, strides=STRIDE, padding="same")(source)
    coarse = layers.AveragePooling2D(2)(fine)
    # Centre, size, then eyes, nose, mouth and ears, from the anchor, in pixels.
    ears = ((-9.0, -3.0), (9.0, -3.0))
    answer = np.array([(0, 0), (SPOT_PX, SPOT_PX), *EYES, NOSE, MOUTH, *ears], np.float32).ravel()
    places = [
        _row(fine, np.zeros((3, 32)), np.tile(answer, 2), 16),
        _row(coarse, np.zeros((3, 96)), np.tile(answer, 6), 16),
    ]
    # From -1 for black to 1: half of a bright spot gives 0, which is 0.5 after the sigmoid.
    scores = [_row(fine, np.full((3, 2), 2.0), np.zeros(2), 1), _row(coarse, np.zeros((3, 6)), np.full(6, -20.0), 1)]
    regressors = layers.Concatenate(axis=1, name="regressors")(places)
    classificators = layers.Concatenate(axis=1, name="classificators")(scores)
    network = keras.Model(source, [regressors, classificators])
    return bytes(tf.lite.TFLiteConverter.from_keras_model(network).convert())


def _row(grid: keras.KerasTensor, weights: np.ndarray, bias: np.ndarray, length: int) -> keras.KerasTensor:
    layer = keras.layers.Conv2D(weights.shape[1], 1)
    answers = layer(grid)
    layer.set_weights([weights[None, None], bias])
    return keras.layers.Reshape((-1, length))(answers)


if __name__ == "__main__":
    main()
