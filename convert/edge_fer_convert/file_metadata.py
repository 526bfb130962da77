"""What a model file says of itself: labels and preprocessing, each format in its own place.

TFLite: the metadata of ``metadata_schema.fbs`` with ``labels.txt`` packed behind it, as Android's and Netron's readers
look for them. ONNX: ``metadata_props``. OpenVINO: ``rt_info/model_info``, as its Model API reads it.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from edge_fer.preprocess import Preprocess

LABELS_FILE: Final = "labels.txt"
METADATA: Final = b"TFLITE_METADATA"
SCHEMA_VERSION: Final = "1.0.0"
GRAYSCALE: Final = 2
RGB: Final = 1
TENSOR_AXIS_LABELS: Final = 2


@dataclass(frozen=True)
class Card:
    """Name, labels and preprocessing of a model."""

    name: str
    description: str
    licence: str
    labels: tuple[str, ...]
    preprocess: Preprocess

    def mean_and_deviation(self) -> tuple[list[float], list[float]]:
        """Return, for each plane, mean and deviation so that (pixel - mean) / deviation is the model's value."""
        low, high = self.preprocess.table()[0].astype(np.float64), self.preprocess.table()[255].astype(np.float64)
        deviation = 255.0 / (high - low)
        return (0.0 - low * deviation).tolist(), deviation.tolist()

    def as_strings(self) -> dict[str, str]:
        """Return what formats of keys and values carry."""
        mean, deviation = self.mean_and_deviation()
        return {
            "name": self.name,
            "description": self.description,
            "license": self.licence,
            "labels": json.dumps(self.labels),
            "preprocess": self.preprocess.model_dump_json(),
            "mean": json.dumps(mean),
            "std": json.dumps(deviation),
        }


def into_onnx(content: bytes, card: Card) -> bytes:
    """Return the model with *card* as its metadata_props."""
    import onnx

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, card.as_strings())
    model.doc_string = card.description
    return bytes(model.SerializeToString())


def into_openvino(model: Any, card: Card) -> None:
    """Write *card* into the rt_info of an OpenVINO *model*."""
    mean, deviation = card.mean_and_deviation()
    info = card.as_strings() | {
        "model_type": "Classification",
        "labels": " ".join(label.replace(" ", "_") for label in card.labels),
        "mean_values": " ".join(f"{value:g}" for value in mean),
        "scale_values": " ".join(f"{value:g}" for value in deviation),
        "resize_type": "standard",
    }
    for key, value in info.items():
        model.set_rt_info(value, ["model_info", key])


def into_tflite(content: bytes, card: Card) -> bytes:
    """Return the model with *card* as TFLite metadata and its labels packed behind the model."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(_tflite_metadata(card), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    stamped = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    packed = io.BytesIO(stamped)
    packed.seek(0, io.SEEK_END)
    with zipfile.ZipFile(packed, "a") as archive:
        member = zipfile.ZipInfo(LABELS_FILE, date_time=(1980, 1, 1, 0, 0, 0))  # the same bytes at any time
        archive.writestr(member, "".join(f"{label}\n" for label in card.labels))
    return packed.getvalue()


def _tflite_metadata(card: Card) -> bytes:
    """Return a ``ModelMetadata`` of metadata_schema.fbs; the numbers are its field numbers."""
    import flatbuffers

    b = flatbuffers.Builder(1024)
    mean, deviation = card.mean_and_deviation()
    normalization = _table(b, {0: _floats(b, mean), 1: _floats(b, deviation)})
    unit = _table(b, {1: normalization}, kinds={0: 1})  # ProcessUnitOptions: NormalizationOptions
    space = _table(b, {}, kinds={0: RGB if card.preprocess.planes == 3 else GRAYSCALE})
    image = _table(b, {1: space}, kinds={0: 2})  # ContentProperties: ImageProperties
    settings = b.CreateString(json.dumps(card.preprocess.model_dump(mode="json")))
    face = _table(b, {0: b.CreateString("face"), 1: settings, 3: image, 4: _vector(b, [unit])})
    file_name = b.CreateString(LABELS_FILE)
    labels = _table(b, {0: file_name, 1: b.CreateString("one label a line")}, kinds={2: TENSOR_AXIS_LABELS})
    feature = _table(b, {1: _table(b, {})}, kinds={0: 1})  # ContentProperties: FeatureProperties
    scores = _table(
        b,
        {
            0: b.CreateString("scores"),
            1: b.CreateString("one probability a label"),
            3: feature,
            6: _vector(b, [labels]),
        },
    )
    subgraph = _table(b, {2: _vector(b, [face]), 3: _vector(b, [scores])})
    model = _table(
        b,
        {
            0: b.CreateString(card.name),
            1: b.CreateString(card.description),
            2: b.CreateString("1"),
            3: _vector(b, [subgraph]),
            5: b.CreateString(card.licence),
            7: b.CreateString(SCHEMA_VERSION),
        },
    )
    b.Finish(model, file_identifier=b"M001")
    return bytes(b.Output())


def _table(b: Any, offsets: dict[int, int], kinds: dict[int, int] | None = None) -> int:
    """Write a table of *offsets* and byte-sized *kinds*, by field number."""
    kinds = kinds or {}
    b.StartObject(max((*offsets, *kinds), default=0) + 1)
    for field, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, kind in kinds.items():
        b.PrependUint8Slot(field, kind, 0)
    return int(b.EndObject())


def _vector(b: Any, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _floats(b: Any, values: list[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())


def from_tflite(content: bytes) -> tuple[str, ...]:
    """Return the labels that are packed behind a ``.tflite``. Raises `BadInput` when there are none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return tuple(archive.read(LABELS_FILE).decode().split("\n")[:-1])
    except (zipfile.BadZipFile, KeyError) as exc:
        raise BadInput("the .tflite carries no labels") from exc
