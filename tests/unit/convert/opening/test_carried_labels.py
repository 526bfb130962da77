"""The labels that a model file carries."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="onnx is not installed: pip install -e '.[convert]'")
h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install -e '.[convert]'")

import onnx  # noqa: E402

from edge_fer_convert.opening.carried_labels import _from_text, carried_labels  # noqa: E402

NAMES = ("angry", "happy", "sad")


def onnx_with(path, **properties):
    graph = onnx.helper.make_graph([], "empty", [], [])
    model = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(model, properties)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    "text",
    [
        '["angry", "happy", "sad"]',
        "['angry', 'happy', 'sad']",
        "{0: 'angry', 1: 'happy', 2: 'sad'}",
        '{"2": "sad", "0": "angry", "1": "happy"}',
        '{"sad": 2, "angry": 0, "happy": 1}',
        "angry, happy,sad",
    ],
)
@pytest.mark.parametrize("key", ["names", "labels", "classes"])
def test_onnx_names_them_in_its_properties(tmp_path, key, text):
    assert carried_labels(onnx_with(tmp_path / "m.onnx", **{key: text, "author": "[1, 2]"})) == NAMES


def test_other_properties_are_no_labels(tmp_path):
    assert carried_labels(onnx_with(tmp_path / "m.onnx", names="7", labels="{1: 2}", classes="[1, 2]")) is None
    assert carried_labels(onnx_with(tmp_path / "n.onnx", names="{1: 'angry', 2: 'happy'}")) is None


def test_a_tflite_has_them_in_the_zip_behind_it(tmp_path):
    packed = io.BytesIO(b"any model")
    packed.seek(0, io.SEEK_END)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("labels.txt", "angry\nhappy\nsad\n")
    path = tmp_path / "m.tflite"
    path.write_bytes(packed.getvalue())
    assert carried_labels(path) == NAMES


def test_an_h5_has_them_in_its_attributes(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["class_names"] = list(NAMES)
    assert carried_labels(tmp_path / "m.h5") == NAMES


def test_teachable_machine_writes_a_numbered_list_beside_the_model(tmp_path):
    (tmp_path / "labels.txt").write_text("0 angry\n1 happy\n2 sad\n")
    (tmp_path / "keras_model.h5").write_bytes(b"")
    assert carried_labels(tmp_path / "keras_model.h5") == NAMES


def test_numbers_that_are_no_positions_belong_to_the_names(tmp_path):
    (tmp_path / "labels.txt").write_text("1 angry\n2 happy\n")
    assert carried_labels(tmp_path / "m.keras") == ("1 angry", "2 happy")


def test_a_saved_model_has_them_among_its_assets(tmp_path):
    (tmp_path / "saved" / "assets.extra").mkdir(parents=True)
    (tmp_path / "saved" / "assets.extra" / "labels.txt").write_text("angry\nhappy\nsad\n")
    assert carried_labels(tmp_path / "saved") == NAMES


def test_without_any_there_are_none(tmp_path):
    assert carried_labels(tmp_path / "m.keras") is None


@given(st.text(max_size=200))
def test_any_text_is_read_as_names_or_as_none(text):
    names = _from_text(text)
    assert all(isinstance(name, str) for name in names)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=9))
def test_a_list_in_python_or_json_gives_its_names(names):
    assert _from_text(repr(names)) == tuple(names)


@pytest.mark.parametrize(
    "text",
    [
        '{"angry": 0, "happy": 2}',
        '{"0": "angry", "x": "happy"}',
        '["angry", "happy"',
        "{1e999: 'angry'}",
        "{'angry', 'sad'}",
    ],
)
def test_what_is_no_list_is_not_cut_at_its_commas(text):
    assert _from_text(text) == ()


@pytest.mark.parametrize("text", ["1 happy\n0 angry\n2 sad", "\ufeffangry\nhappy\nsad"])
def test_a_labels_file_goes_by_its_numbers(tmp_path, text):
    (tmp_path / "labels.txt").write_text(text, encoding="utf-8")
    assert carried_labels(tmp_path / "m.pt2") == NAMES


@pytest.mark.parametrize("value", [7, [1, 2], [[b"angry"], [b"happy"]]])
def test_attributes_of_other_kinds_are_no_labels(tmp_path, value):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["classes"] = value
    assert carried_labels(tmp_path / "m.h5") is None


@pytest.mark.parametrize(("member", "directory", "byte"), [(6, 8, 1), (8, 10, 77), (14, 16, 0)])
def test_a_damaged_or_encrypted_list_is_no_labels(tmp_path, member, directory, byte):
    path = tmp_path / "m.tflite"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "angry\nhappy\nsad\n")
    content = bytearray(path.read_bytes())
    content[member] = byte  # the flags, the way of compression, the checksum
    content[content.index(b"PK\x01\x02") + directory] = byte
    path.write_bytes(content)
    assert carried_labels(path) is None
