from __future__ import annotations

import contextlib
import io
import zipfile
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import load_faces, near_copies
from edge_fer.evaluation.metrics import accuracy, confusion, macro_f1
from edge_fer.preprocess import Preprocess

if TYPE_CHECKING:
    from pathlib import Path

PNG = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
GREY = np.full((48, 48), 90, np.uint8)
LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50)


def test_a_zip_in_kaggles_layout_is_read_in_order(drawn_zip):
    faces = load_faces(drawn_zip)
    assert faces.images.shape == (28, 48, 48)
    assert list(faces.paths) == sorted(faces.paths)
    assert [faces.names[label] for label in faces.labels] == [path.split("/")[1] for path in faces.paths]
    assert faces.crops(Preprocess(size_px=24)).shape == (28, 24, 24)


def test_a_sample_is_the_same_for_the_same_seed(drawn_zip):
    faces = load_faces(drawn_zip)
    assert faces.sample(10, 1).paths == faces.sample(10, 1).paths != faces.sample(10, 2).paths
    assert len(faces.sample(1000, 1)) == len(faces)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "holds no faces"),
        ({"train/happy/readme.txt": b"x"}, "holds no faces"),
        ({"train/happy/1.png": b""}, "not a readable image"),
        ({"train/happy/1.png": b"nonsense"}, "not a readable image"),
        ({"train/happy/1.png": b"P5 60000 60000 255 "}, "not a readable image"),  # too large for OpenCV
    ],
)
def test_a_zip_that_cannot_be_used_says_why(tmp_path, members, message):
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(BadInput, match=message):
        load_faces(path)


def _archive(suffix: str) -> bytes:
    written = io.BytesIO()
    if suffix == ".npz":
        np.savez_compressed(written, images=np.stack([GREY, 255 - GREY]), labels=np.array([0, 3]))
    else:
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("train/happy/1.png", PNG)
            archive.writestr("train/sad/2.png", PNG)
    return written.getvalue()


@pytest.mark.parametrize("suffix", [".zip", ".npz"])
@given(data=st.data())
def test_a_damaged_archive_is_read_or_refused(tmp_path_factory, suffix, data):
    """Whatever happened to its bytes, there is no other error."""
    path = tmp_path_factory.mktemp("damaged") / f"faces{suffix}"
    content = bytearray(_archive(suffix))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: len(content) - data.draw(st.integers(0, 9)) ** 2])
    with contextlib.suppress(BadInput):
        load_faces(path)


def test_what_is_no_zip_is_refused(tmp_path):
    path = tmp_path / "faces.zip"
    path.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="is neither of what faces are read from"):
        load_faces(path)


def _folder(root: Path, members: dict[str, np.ndarray]) -> Path:
    for name, image in members.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), image)
    return root


def test_a_class_that_the_model_does_not_know_is_named(tmp_path):
    _folder(tmp_path, {"bored/1.png": GREY, "happy/2.png": GREY})
    with pytest.raises(BadInput, match=r"bored/1\.png lies in class 'bored'; known classes are"):
        load_faces(tmp_path, FER2013)


def test_classes_of_ones_own_are_in_the_order_of_the_alphabet(tmp_path):
    faces = load_faces(_folder(tmp_path, {"yes/1.png": GREY, "no/2.png": GREY}))
    assert faces.names == ("no", "yes")
    assert faces.labels.tolist() == [0, 1]


@pytest.mark.parametrize("members", [("1.png", "2.png"), ("faces/1.png", "faces/2.png")])
def test_images_in_no_class_have_no_label(tmp_path, members):
    faces = load_faces(_folder(tmp_path, dict.fromkeys(members, GREY)))
    assert not faces.labelled
    assert len(faces) == 2


def test_images_of_several_sizes_go_through_the_spec(tmp_path):
    faces = load_faces(_folder(tmp_path, {"happy/1.png": GREY, "sad/2.png": np.zeros((9, 12), np.uint8)}))
    assert [image.shape for image in faces.images] == [(48, 48), (9, 12)]
    assert faces.crops(Preprocess(size_px=16)).shape == (2, 16, 16)
    assert faces.take(np.array([1])).images[0].shape == (9, 12)


def test_a_part_of_a_folder_or_zip(tmp_path):
    _folder(tmp_path, {"train/happy/1.png": GREY, "test/sad/2.png": GREY})
    assert load_faces(f"{tmp_path}#test").paths == ("test/sad/2.png",)
    with pytest.raises(BadInput, match="holds no faces"):
        load_faces(f"{tmp_path}#validation")


def test_the_same_pixels_have_the_same_digest_whatever_the_file(tmp_path):
    _folder(tmp_path, {"happy/1.png": GREY, "happy/2.bmp": GREY, "sad/3.png": GREY[:24]})
    first, second, other = load_faces(tmp_path).digests()
    assert first == second != other


def _csv(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return path


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6)), st.data())
def test_a_csv_holds_what_was_written(tmp_path_factory, images, data):
    side = min(images.shape[1:])
    images = images[:, :side, :side]
    labels = data.draw(st.lists(st.integers(0, 6), min_size=len(images), max_size=len(images)))
    rows = [
        f"{label},{' '.join(map(str, image.ravel()))},Training" for label, image in zip(labels, images, strict=True)
    ]
    faces = load_faces(_csv(tmp_path_factory.mktemp("csv") / "faces.csv", *rows))
    assert np.array_equal(faces.images, images)
    assert faces.labels.tolist() == labels
    assert faces.names == FER2013


def test_a_csvs_usage_is_its_part(tmp_path):
    path = _csv(tmp_path / "fer.csv", "3,0 1 2 3,Training", "4,4 5 6 7,PublicTest")
    assert load_faces(f"{path}#PublicTest").labels.tolist() == [4]
    assert load_faces(path).paths == ("Training/line 2", "PublicTest/line 3")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("9,0 1 2 3,Training", "emotion is 9"),
        ("x,0 1 2 3,Training", "invalid literal"),
        ("3,0 1 2,Training", "not a square"),
        ("3,0 1 2 300,Training", "not a square of 0 to 255"),
        ("3,,Training", "not a square"),
        ("3,0 1 2 99999999999999999999,Training", "line 2"),
        ("3", "line 2"),
    ],
)
def test_a_csv_that_cannot_be_used_names_the_line(tmp_path, row, message):
    with pytest.raises(BadInput, match=message):
        load_faces(_csv(tmp_path / "fer.csv", row))


def test_a_csv_of_kaggles_challenge_has_spaces_in_its_head(tmp_path):
    path = tmp_path / "icml_face_data.csv"
    path.write_text("emotion, Usage, pixels\n3, Training, 0 1 2 3\n4, PublicTest, 4 5 6 7\n")
    faces = load_faces(f"{path}#PublicTest")
    assert faces.labels.tolist() == [4]
    assert faces.images.ravel().tolist() == [4, 5, 6, 7]


def test_a_csv_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="is no csv in FER2013's form: no column emotion, pixels; its columns are: a, b"):
        load_faces(path)


def test_an_npz_with_and_without_labels(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([0, 2, 6]))
    np.savez(tmp_path / "b.npz", images=images[..., None])
    labelled, bare = load_faces(tmp_path / "a.npz"), load_faces(tmp_path / "b.npz")
    assert labelled.labelled
    assert labelled.labels.tolist() == [0, 2, 6]
    assert not bare.labelled
    assert np.array_equal(bare.images, images)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"images": np.zeros((2, 8, 8), np.float32)},
        {"images": np.zeros((2, 8), np.uint8)},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0, 7])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array(["happy", "sad"])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([np.nan, 1])},
        {"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([0, 1]), "names": np.array("happy")},
        {"images": np.zeros((2, 0, 0), np.uint8), "labels": np.array([0, 1])},
        {"images": np.zeros((0, 8, 8, 3), np.uint8)},
    ],
)
def test_an_npz_that_cannot_be_used_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadInput, match=r"a\.npz"):
        load_faces(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["nowhere", "faces.csv", "faces.npz"])
def test_what_is_not_there_is_named(tmp_path, name):
    with pytest.raises(BadInput, match="is not there"):
        load_faces(tmp_path / name)


def test_a_brighter_copy_is_a_copy_and_another_face_is_not(drawn_zip):
    faces = load_faces(drawn_zip)
    brighter = faces.take(np.arange(3))
    lifted = np.clip(brighter.images.astype(int) // 2 + 60, 0, 255).astype(np.uint8)
    copies = type(faces)(lifted, brighter.labels, brighter.paths)
    assert near_copies(copies, faces).all()
    assert not near_copies(faces.take(np.arange(3)), faces.take(np.arange(20, 28))).any()


@given(LABELS)
def test_confusion_counts_every_pair(pairs):
    predicted, true = np.array(pairs).T
    table = confusion(predicted, true, 4)
    assert table.sum() == len(pairs)
    assert np.trace(table) / len(pairs) == pytest.approx(accuracy(predicted, true))


@given(LABELS)
def test_macro_f1_is_the_mean_of_each_class_that_occurs(pairs):
    predicted, true = np.array(pairs).T
    expected = []
    for label in range(4):
        hit = int(((predicted == label) & (true == label)).sum())
        wrong = int(((predicted == label) != (true == label)).sum())
        if hit or wrong:
            expected.append(2 * hit / (2 * hit + wrong))
    assert macro_f1(predicted, true, 4) == pytest.approx(float(np.mean(expected)))
