from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

for module in ("tensorflow", "ai_edge_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402

from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer_convert import Data, convert, open_model  # noqa: E402


def test_another_order_of_labels_is_noticed(job, evaluation_faces, recorder):
    swapped = (FER2013[1], FER2013[0], *FER2013[2:])
    faces = replace(evaluation_faces, names=swapped)
    metadata = replace(job.metadata, labels=swapped)
    convert(replace(job, metadata=metadata, evaluated=Data(faces, "drawn"), targets=("onnx-float32",)), recorder)
    assert recorder.warnings == []  # the same indices under other names: nothing to see
    mixed = replace(evaluation_faces, labels=np.array([1, 0, 2, 3, 4, 5, 6])[evaluation_faces.labels])
    convert(replace(job, evaluated=Data(mixed, "drawn"), targets=("onnx-float32",)), recorder)
    assert recorder.warnings == [
        "the labels seem to be in another order; the answers fit best with --labels " + ",".join(swapped)
    ]


def test_forms_that_are_not_the_same_model_are_noticed(job, network, recorder):
    other = keras.models.clone_model(network)
    other.set_weights([weight * 0.5 for weight in network.get_weights()])
    mixed = replace(job.model, given_onnx=open_model(other).onnx)
    convert(replace(job, model=mixed, targets=("litert-float32", "onnx-float32")), recorder)
    assert recorder.warnings[0].startswith(
        "onnx-float32 is not the same model as litert-float32: scores differ by up to 0."
    )
