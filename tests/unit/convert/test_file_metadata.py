from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx", reason="ONNX is not installed: pip install -e '.[convert]'")
openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install -e '.[convert]'")
pytest.importorskip("flatbuffers", reason="flatbuffers is not installed: pip install -e '.[convert]'")

from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import file_metadata  # noqa: E402
from edge_fer_convert.model_metadata import ModelMetadata  # noqa: E402

TINY = Path(__file__).parents[2] / "golden" / "tiny"
METADATA = ModelMetadata("tiny", ("dark", "medium", "bright one"), Preprocess(size_px=16), "a model for tests", "MIT")


@given(st.floats(-4, 4), st.floats(0.1, 4))
def test_mean_and_deviation_say_what_the_spec_does(low, span):
    spec = Preprocess(low=low, high=low + span)
    (mean,), (deviation,) = ModelMetadata("a", ("x", "y"), spec).mean_and_deviation()
    pixels = np.arange(256)
    assert np.allclose((pixels - mean) / deviation, spec.table()[:, 0], atol=1e-4)


def labels_packed_behind(content: bytes) -> tuple[str, ...]:
    """Return the labels of the zip behind a ``.tflite``, as Android's task library reads them."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return tuple(archive.read("labels.txt").decode().splitlines())


def test_tflite_carries_its_labels_and_still_runs():
    from ai_edge_litert.interpreter import Interpreter

    stamped = file_metadata.into_tflite((TINY / "litert-int8.tflite").read_bytes(), METADATA)
    assert labels_packed_behind(stamped) == METADATA.labels
    Interpreter(model_content=stamped).allocate_tensors()
    again = file_metadata.into_tflite((TINY / "litert-int8.tflite").read_bytes(), METADATA)
    assert again == stamped, "the time of day is in it"


def test_a_tflite_without_metadata_is_no_zip():
    """What `test_tflite_carries_its_labels_and_still_runs` reads was written by edge-fer."""
    assert not zipfile.is_zipfile(io.BytesIO((TINY / "litert-int8.tflite").read_bytes()))


def test_tflites_metadata_is_what_its_schema_says():
    """Read field by field, by the numbers of metadata_schema.fbs, as a reader generated from it does."""
    from ai_edge_litert.tools import flatbuffer_utils
    from flatbuffers import encode, number_types, table

    stamped = file_metadata.into_tflite((TINY / "litert-int8.tflite").read_bytes(), METADATA)
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(stamped))
    (entry,) = [m for m in model.metadata if m.name == b"TFLITE_METADATA"]
    content = bytes(bytearray(model.buffers[entry.buffer].data))
    assert content[4:8] == b"M001"

    def field(node, number):
        return node.Offset(4 + 2 * number)

    def text(node, number):
        return node.String(field(node, number) + node.Pos).decode()

    def child(node, number, index=None):
        at = field(node, number)
        if index is None:
            return table.Table(node.Bytes, node.Indirect(at + node.Pos))
        return table.Table(node.Bytes, node.Indirect(node.Vector(at) + 4 * index))

    root = table.Table(content, encode.Get(number_types.UOffsetTFlags.packer_type, content, 0))
    assert text(root, 0) == "tiny"
    assert text(root, 5) == "MIT"
    subgraph = child(root, 3, 0)
    face, scores = child(subgraph, 2, 0), child(subgraph, 3, 0)
    assert text(face, 0) == "face"
    assert json.loads(text(face, 1))["size_px"] == 16
    normalization = child(child(face, 4, 0), 1)
    deviation = encode.Get(
        number_types.Float32Flags.packer_type, content, normalization.Vector(field(normalization, 1))
    )
    assert deviation == 255.0
    labels = child(scores, 6, 0)
    assert text(labels, 0) == "labels.txt"
    assert content[field(labels, 2) + labels.Pos] == file_metadata.TENSOR_AXIS_LABELS


def test_onnx_carries_it_as_properties():
    stamped = file_metadata.into_onnx((TINY / "onnx-int8.onnx").read_bytes(), METADATA)
    model = onnx.load_from_string(stamped)
    onnx.checker.check_model(model)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(properties["labels"]) == list(METADATA.labels)
    assert Preprocess.model_validate_json(properties["preprocess"]) == METADATA.preprocess


def test_openvino_carries_it_as_rt_info():
    core = openvino.Core()
    model = core.read_model(TINY / "openvino-int8.xml")
    file_metadata.into_openvino(model, METADATA)
    assert model.get_rt_info(["model_info", "labels"]).astype(str) == "dark medium bright_one"
    assert model.get_rt_info(["model_info", "scale_values"]).astype(str) == "255"
