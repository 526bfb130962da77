from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import socket
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer import bundle
from edge_fer.bundle import Bundle, load
from edge_fer.errors import BadBundle
from edge_fer.manifest import MANIFEST, Manifest
from edge_fer.options import DEFAULT_MODEL

TINY = Path(__file__).parents[1] / "golden" / "tiny"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "copy"))


def zipped(folder: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    return to


def edit(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def replace_golden(folder: Path, content: bytes) -> None:
    (folder / "golden.npz").write_bytes(content)
    edit(
        folder,
        golden={"file": "golden.npz", "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)},
    )


def read_all(loaded: Bundle) -> None:
    assert loaded.signature is None
    for target in loaded.manifest.targets:
        loaded.read(target)
    loaded.golden()


def test_folder_and_zip_are_the_same_bundle(tmp_path):
    folder, archive = load(TINY), load(zipped(TINY, tmp_path / "tiny.zip"))
    assert folder.manifest == archive.manifest
    for target in folder.manifest.targets:
        assert folder.read(target) == archive.read(target)
    assert np.array_equal(folder.golden().inputs, archive.golden().inputs)


def test_the_first_target_is_the_recommended_one(tiny):
    assert tiny.target().name == "litert-int8"
    assert tiny.target("litert-float32").precision == "float32"
    with pytest.raises(BadBundle, match=r"no target 'litert-int4'; it has: litert-int8, litert-float32"):
        tiny.target("litert-int4")


def test_a_missing_bundle_is_an_error_that_names_the_shipped_ones():
    with pytest.raises(BadBundle, match=r"no bundle at nowhere; pass .* cnn-1, cnn-1-votes, compact"):
        load("nowhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "format version None"),
        (b"null", "format version None"),
        (b'{"format_version": 2}', "format version 2"),
        (b'{"format_version": "1"}', "format version '1'"),
        (b'{"format_version": true}', "format version True"),
        (b'{"format_version": 1}', "Field required"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(copy, content, message):
    (copy / MANIFEST).write_bytes(content)
    with pytest.raises(BadBundle, match=message):
        load(copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ["a"]},
        {"labels": ["a", "a", "b"]},
        {"labels": ["a", "unknown", "b"]},
        {"name": "../up"},
        {"name": ""},
        {"targets": []},
        {"extra": 1},
        {"preprocess": {"size_px": 10**9}},
        {"preprocess": {"size_px": 16, "low": "NaN"}},
        {"golden": {"file": "../../etc/passwd", "sha256": "0" * 64, "size_bytes": 1}},
        {"golden": {"file": "/etc/passwd", "sha256": "0" * 64, "size_bytes": 1}},
        {"golden": {"file": "golden.npz", "sha256": "0" * 64, "size_bytes": 10**12}},
        {"golden": {"file": "golden.npz", "sha256": "nonsense", "size_bytes": 1}},
        {"golden": {"file": "litert-int8.tflite", "sha256": "0" * 64, "size_bytes": 1}},
        {"golden": {"file": "manifest.sig", "sha256": "0" * 64, "size_bytes": 1}},
        {"labels": ["a", "b\x1b[2J"]},
        {"labels": ["a", "b\u202e"]},
        {"labels": ["a", "b\n"]},
        {"labels": ["a", "b" * 101]},
        {"labels": ["a", ""]},
        {"licence": "x" * 5000},
        {"description": "\x07"},
        {"calibration": {"data": "\x1b", "images": 1, "seed": 0, "sha256": "0" * 64, "tools": {}}},
    ],
    ids=str,
)
def test_a_manifest_with_impossible_values_is_refused(copy, changes):
    edit(copy, **changes)
    with pytest.raises(BadBundle, match="cannot be used"):
        load(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"drop_points": float("nan")}, "finite"),
        ({"drop_points": float("inf")}, "finite"),
        ({"drop_interval_points": [float("-inf"), 0]}, "finite"),
        ({"f1_drop_interval_points": [0, float("nan")]}, "finite"),
        ({"fresh_images": 6}, "than the 5 images"),
        ({"votes": 6}, "than the 5 images"),
        ({"split": "\x1b]0;x\x07"}, "cannot be printed"),
        ({"accuracy": 2}, "less than or equal to 1"),
    ],
)
def test_an_evaluation_with_impossible_figures_is_refused(copy, changes, message):
    evaluation = {"data": "faces", "split": "test", "images": 5, **changes}
    if "votes" in changes:
        names = ("accuracy_8_classes", "accuracy_7_classes", "macro_recall", "calibration_error", "drop_points")
        evaluation["votes"] = {"images": changes["votes"], **dict.fromkeys(names, 0.5)}
    targets = json.loads((copy / MANIFEST).read_text())["targets"]
    edit(copy, targets=[{**targets[0], "evaluation": evaluation}])
    with pytest.raises(BadBundle, match=message):
        load(copy)


def test_labels_of_other_scripts_are_labels(copy):
    # Persian and Hindi need joiners that have no width.
    labels = ["می‌خندد", "क्‍ष", "高兴"]
    edit(copy, labels=labels)
    assert list(load(copy).manifest.labels) == labels


def special(path: Path, kind: str) -> None:
    """Make *path* something that is no file."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound, contextlib.chdir(path.parent):  # addresses are short
            bound.bind(path.name)
    else:
        path.symlink_to({"circle": path.name, "device": "/dev/zero", "nothing": "missing"}[kind])


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "circle", "device", "nothing"])
@pytest.mark.parametrize("name", [MANIFEST, "golden.npz", "litert-int8.tflite", "manifest.sig"])
def test_what_is_no_file_is_refused_at_once(copy, kind, name):
    (copy / name).unlink(missing_ok=True)
    special(copy / name, kind)
    with pytest.raises(BadBundle, match=rf"{name} (cannot be read \(|is a link out of)") as error:
        read_all(load(copy))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["pipe", "socket", "circle", "device"])
def test_what_is_neither_folder_nor_file_is_no_bundle(tmp_path, kind):
    special(tmp_path / "bundle.zip", kind)
    with pytest.raises(BadBundle, match=r"it is a (pipe|device), not a file|no bundle at|No such"):
        load(tmp_path / "bundle.zip")


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "/proc/self/mem"])
def test_a_path_that_cannot_be_is_one_line(path):
    with pytest.raises(BadBundle, match=r"no bundle|neither a folder nor"):
        load(path)


def test_a_cut_off_golden_file_is_told_from_a_wrong_one(copy):
    (copy / "golden.npz").write_bytes(b"P")
    bundle = load(copy)
    with pytest.raises(BadBundle, match=r"the bundle is damaged") as error:
        bundle.golden()
    assert "write it again" not in str(error.value)


@pytest.mark.parametrize("name", ["litert-int8.tflite", "golden.npz", MANIFEST])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(BadBundle, match=rf"{name} cannot be read \(No such file"):
        read_all(load(copy))


@pytest.mark.parametrize("name", ["litert-int8.tflite", "golden.npz"])
def test_a_flipped_byte_is_found(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BadBundle, match="sha256"):
        read_all(load(copy))


@pytest.mark.parametrize("grow", [b"", b"more"])
def test_a_file_of_another_size_is_found(copy, grow):
    path = copy / "litert-int8.tflite"
    path.write_bytes(path.read_bytes() + grow if grow else path.read_bytes()[:-1])
    with pytest.raises(BadBundle, match="the manifest says"):
        read_all(load(copy))


def test_a_link_out_of_the_bundle_is_refused(copy, tmp_path):
    outside = tmp_path / "outside"
    (copy / "litert-int8.tflite").rename(outside)
    (copy / "litert-int8.tflite").symlink_to(outside)
    with pytest.raises(BadBundle, match="link out of the bundle"):
        read_all(load(copy))


@pytest.mark.parametrize("name", ["../evil", "/evil", "sub/manifest.json", "..", "C:\\evil", "a\nb"])
def test_a_zip_with_other_than_plain_names_is_refused(tmp_path, name):
    path = zipped(TINY, tmp_path / "evil.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(BadBundle, match="plain files only"):
        load(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["evil.zip"]


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(MANIFEST, "w") as member:
        for _ in range(64):
            member.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 17
    with pytest.raises(BadBundle, match="larger than"):
        load(path)


def test_a_bomb_behind_a_small_size_is_not_unpacked(copy, tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(copy / MANIFEST, MANIFEST)
        archive.writestr("golden.npz", bytes(64 << 20))
    with pytest.raises(BadBundle, match="the manifest says"):
        load(path).golden()


def entries(path: Path, offset: int, value: int, size: int = 2) -> None:
    """Set a field of every entry of the zip's directory."""
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + offset : at + offset + size] = value.to_bytes(size, "little")
        at = content.find(b"PK\x01\x02", at + 1)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (6, 64, "zip file version 6.4"),
        (8, 1, "is encrypted"),
        (10, zipfile.ZIP_LZMA, "packed by method 14"),
        (10, zipfile.ZIP_BZIP2, "packed by method 12"),
        (10, 93, "packed by method 93"),
    ],
)
def test_a_zip_that_needs_more_than_usual_is_refused(tmp_path, offset, value, message):
    path = zipped(TINY, tmp_path / "tiny.zip")
    entries(path, offset, value)
    with pytest.raises(BadBundle, match=message) as error:
        read_all(load(path))
    assert "\n" not in str(error.value)


def test_a_name_that_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "tiny.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("é", b"")
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xc3\xc3"))
    with pytest.raises(BadBundle, match="codec"):
        load(path)


@pytest.mark.parametrize(("graph", "weights"), [(33, 1), (1, 255), (20, 240)])
def test_a_target_is_bounded_as_a_whole(copy, graph, weights):
    targets = json.loads((copy / MANIFEST).read_text())["targets"]
    (target,) = (entry for entry in targets if entry["name"] == "openvino-int8")
    target["size_bytes"] = (graph << 20) + 1
    target["weights"]["size_bytes"] = weights << 20
    edit(copy, targets=[target])
    with pytest.raises(BadBundle, match="its files are larger than"):
        load(copy)


def test_a_zip_with_thousands_of_files_is_refused(tmp_path):
    path = zipped(TINY, tmp_path / "many.zip")
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(1000):
            archive.writestr(f"{number}", b"")
    with pytest.raises(BadBundle, match="holds 1010 files, more than the 1000 allowed"):
        load(path)


def test_a_zip_that_holds_a_file_twice_is_refused(tmp_path):
    path = zipped(TINY, tmp_path / "twice.zip")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(MANIFEST, b"{}")
    with pytest.raises(BadBundle, match=r"holds manifest\.json twice"):
        load(path)


def test_a_zip_of_very_many_files_is_not_listed(tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, b"{}")
    # The directory claims 2 MB, which are there.
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    directory = content[content.index(b"PK\x01\x02") : end]
    many = directory * (2_000_000 // len(directory))
    content[end : end + 22] = content[end : end + 12] + len(many).to_bytes(4, "little") + content[end + 16 : end + 22]
    path.write_bytes(content[: end - len(directory)] + many + content[end:])
    with pytest.raises(BadBundle, match="more than the 1048576 allowed"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_zip_is_refused(tmp_path, content):
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)
    with pytest.raises(BadBundle):
        load(path)


@given(st.data())
def test_a_zip_with_any_byte_changed_loads_whole_or_not_at_all(tmp_path_factory, data):
    path = zipped(TINY, tmp_path_factory.mktemp("flip") / "tiny.zip")
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with contextlib.suppress(BadBundle):
        read_all(load(path))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_a_manifest_or_a_clear_error(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("json")
    content = {"format_version": 1, **value} if isinstance(value, dict) else value
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BadBundle):
        load(folder)


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


ANSWERS = np.full((2, 3), 0.3, np.float32)


@pytest.mark.parametrize(
    "content",
    [
        b"no npz",
        npz(inputs=np.zeros((2, 16, 16), np.uint8)),
        npz(inputs=np.zeros((2, 8, 8), np.uint8), a=ANSWERS),
        npz(inputs=np.zeros((2, 16, 16), np.float32), a=ANSWERS),
        npz(inputs=np.zeros((0, 16, 16), np.uint8), a=ANSWERS[:0]),
        npz(inputs=np.zeros((2, 16, 16), np.uint8), a=ANSWERS[:, :2]),
        npz(inputs=np.zeros((2, 16, 16), np.uint8), a=ANSWERS * np.nan),
        npz(inputs=np.array([{"pickled": "code"}], object), a=ANSWERS),
        npz(inputs=np.zeros((2, 16, 16), np.uint8), a=np.full((2, 3), "x")),
        npz(inputs=np.uint8(7), a=ANSWERS),
    ],
    ids=range(10),
)
def test_golden_vectors_that_do_not_fit_are_refused(copy, content):
    replace_golden(copy, content)
    with pytest.raises(BadBundle, match=r"golden.npz"):
        load(copy).golden()


@pytest.mark.parametrize(
    ("count", "message"), [(11_000, "does not fit the manifest"), (20_000, "more than the")], ids=["many", "too many"]
)
def test_golden_vectors_are_bounded_before_they_are_unpacked(copy, count, message):
    packed = io.BytesIO()
    np.savez_compressed(packed, inputs=np.zeros((count, 16, 16), np.uint8), a=np.zeros((count, 3), np.float32))
    replace_golden(copy, packed.getvalue())
    with pytest.raises(BadBundle, match=message):
        load(copy).golden()


def test_a_manifest_survives_its_own_json(tiny):
    assert Manifest.model_validate_json(tiny.manifest.model_dump_json()) == tiny.manifest


@pytest.mark.parametrize("name", bundle.shipped())
def test_every_shipped_bundle_is_whole(name):
    shipped = load(name)
    read_all(shipped)
    assert shipped.manifest.name == name
    assert {target.name for target in shipped.manifest.targets} <= shipped.golden().answers.keys()


def test_the_default_bundle_and_the_papers_are_shipped():
    assert {DEFAULT_MODEL, "cnn-1"} <= set(bundle.shipped())


def test_a_model_card_is_text_or_none(copy, tiny):
    assert load("cnn-1").model_card().startswith("# ")
    edit(copy, card=None)
    assert load(copy).model_card() is None


def test_a_model_card_that_is_not_text_is_refused(copy):
    content = b"\xff\xfe\x00"
    (copy / "MODEL_CARD.md").write_bytes(content)
    entry = {"file": "MODEL_CARD.md", "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    edit(copy, card=entry)
    with pytest.raises(BadBundle, match=r"MODEL_CARD.md is not UTF-8 text"):
        load(copy).model_card()
