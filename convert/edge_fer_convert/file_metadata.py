"""Writes metadata into model files, where the readers of each format look for it.

TFLite: the metadata of ``metadata_schema.fbs``, with ``labels.txt`` packed behind the model, as Android's task library
and Netron read it. ONNX: ``metadata_props``. OpenVINO: ``rt_info/model_info``, as its Model API reads it.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from edge_fer_convert.model_metadata import ModelMetadata

LABELS_FILE: Final = "labels.txt"
METADATA: Final = b"TFLITE_METADATA"
SCHEMA_VERSION: Final = "1.0.0"
FILE_IDENTIFIER: Final = b"M001"
# Numbers of metadata_schema.fbs: enums, and the members of its unions.
GRAYSCALE: Final = 2
RGB: Final = 1
TENSOR_AXIS_LABELS: Final = 2
NORMALIZATION_OPTIONS: Final = 1
FEATURE_PROPERTIES: Final = 1
IMAGE_PROPERTIES: Final = 2


def _properties(metadata: ModelMetadata) -> dict[str, str]:
    """Return *metadata* as the strings that formats of keys and values carry."""
    properties = {
        "name": metadata.name,
        "description": metadata.description,
        "license": metadata.licence,
        "labels": json.dumps(metadata.labels),
        "preprocess": metadata.preprocess.model_dump_json(),
    }
    normalization = metadata.mean_and_deviation()
    if normalization is not None:
        mean, deviation = normalization
        properties |= {"mean": json.dumps(mean), "std": json.dumps(deviation)}
    return properties


def into_onnx(content: bytes, metadata: ModelMetadata) -> bytes:
    """Return the model with *metadata* as its ``metadata_props``."""
    import onnx

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, _properties(metadata))
    model.doc_string = metadata.description
    return bytes(model.SerializeToString())


def into_openvino(model: Any, metadata: ModelMetadata) -> None:
    """Write *metadata* into the ``rt_info`` of an OpenVINO *model*."""
    info = _properties(metadata)
    info["model_type"] = "Classification"
    # The keys and forms below are the Model API's. It splits labels and numbers at spaces.
    info["labels"] = " ".join(label.replace(" ", "_") for label in metadata.labels)
    normalization = metadata.mean_and_deviation()
    if normalization is not None:
        mean, deviation = normalization
        info["mean_values"] = " ".join(f"{value:g}" for value in mean)
        info["scale_values"] = " ".join(f"{value:g}" for value in deviation)
    info["resize_type"] = "standard"
    for key, value in info.items():
        model.set_rt_info(value, ["model_info", key])


def into_tflite(content: bytes, metadata: ModelMetadata) -> bytes:
    """Return the model with *metadata* as TFLite metadata, and its labels packed behind the model."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    # A .tflite keeps metadata in a buffer of its own, which an entry in its list of metadata points to.
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(_tflite_metadata(metadata), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name = METADATA
    entry.buffer = len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    return _with_labels_file(bytes(flatbuffer_utils.convert_object_to_bytearray(model)), metadata.labels)


def _with_labels_file(content: bytes, labels: tuple[str, ...]) -> bytes:
    """Return *content* with a zip of ``labels.txt`` appended: readers of both formats accept such a file."""
    packed = io.BytesIO(content)
    packed.seek(0, io.SEEK_END)
    with zipfile.ZipFile(packed, "a") as archive:
        # A fixed date, so that the same model gives the same bytes at any time.
        member = zipfile.ZipInfo(LABELS_FILE, date_time=(1980, 1, 1, 0, 0, 0))
        archive.writestr(member, "".join(f"{label}\n" for label in labels))
    return packed.getvalue()


def _tflite_metadata(metadata: ModelMetadata) -> bytes:
    """Return a ``ModelMetadata`` of metadata_schema.fbs; the keys are its field numbers.

    FlatBuffers are built from the leaves up, and the order of the calls decides the bytes.
    """
    import flatbuffers

    b = flatbuffers.Builder(1024)
    # Field 1 of TensorMetadata is its description; the whole preprocessing spec goes there, because the schema has
    # fields for mean and deviation only.
    face = _face_metadata(b, metadata)
    scores = _scores_metadata(b)
    subgraph = _table(b, {2: _vector(b, [face]), 3: _vector(b, [scores])})
    model = _table(
        b,
        {
            0: b.CreateString(metadata.name),
            1: b.CreateString(metadata.description),
            2: b.CreateString("1"),
            3: _vector(b, [subgraph]),
            5: b.CreateString(metadata.licence),
            7: b.CreateString(SCHEMA_VERSION),
        },
    )
    b.Finish(model, file_identifier=FILE_IDENTIFIER)
    return bytes(b.Output())


def _face_metadata(b: Any, metadata: ModelMetadata) -> int:
    """Write the ``TensorMetadata`` of the input."""
    normalization = metadata.mean_and_deviation()
    units = []
    if normalization is not None:
        mean, deviation = normalization
        mean_values = _floats(b, mean)
        deviation_values = _floats(b, deviation)
        options = _table(b, {0: mean_values, 1: deviation_values})
        units.append(_table(b, {1: options}, kinds={0: NORMALIZATION_OPTIONS}))
    colours = RGB if metadata.preprocess.planes == 3 else GRAYSCALE
    space = _table(b, {}, kinds={0: colours})
    image = _table(b, {1: space}, kinds={0: IMAGE_PROPERTIES})
    settings = b.CreateString(json.dumps(metadata.preprocess.model_dump(mode="json")))
    name = b.CreateString("face")
    return _table(b, {0: name, 1: settings, 3: image, 4: _vector(b, units)})


def _scores_metadata(b: Any) -> int:
    """Write the ``TensorMetadata`` of the output."""
    file_name = b.CreateString(LABELS_FILE)
    file_description = b.CreateString("one label a line")
    labels = _table(b, {0: file_name, 1: file_description}, kinds={2: TENSOR_AXIS_LABELS})
    # A feature has properties without any setting.
    properties = _table(b, {})
    feature = _table(b, {1: properties}, kinds={0: FEATURE_PROPERTIES})
    return _table(
        b,
        {
            0: b.CreateString("scores"),
            1: b.CreateString("one probability a label"),
            3: feature,
            6: _vector(b, [labels]),
        },
    )


def _table(b: Any, offsets: dict[int, int], kinds: dict[int, int] | None = None) -> int:
    """Write a table of *offsets* and of byte-sized *kinds*, both by field number."""
    kinds = kinds or {}
    # An object is started with the number of its slots; a table without fields gets one that stays empty.
    last_field = max([*offsets, *kinds], default=0)
    b.StartObject(last_field + 1)
    for field, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, kind in kinds.items():
        b.PrependUint8Slot(field, kind, 0)
    return int(b.EndObject())


def _vector(b: Any, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    # A builder writes from back to front.
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _floats(b: Any, values: list[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())
