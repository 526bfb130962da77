from __future__ import annotations

import contextlib
import io
import zipfile

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import load_faces
from edge_fer.preprocess import Preprocess

PNG = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
GREY = np.full((48, 48), 90, np.uint8)


def test_a_zip_in_kaggles_layout_is_read_in_order(drawn_zip):
    faces = load_faces(drawn_zip)
    assert faces.images.shape == (28, 48, 48)
    assert list(faces.paths) == sorted(faces.paths)
    assert [faces.names[label] for label in faces.labels] == [path.split("/")[1] for path in faces.paths]
    assert faces.crops(Preprocess(size_px=24)).shape == (28, 24, 24)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "holds no faces"),
        ({"train/happy/readme.txt": b"x"}, "holds no faces"),
        ({"train/happy/1.png": b""}, "1 of 1 picture cannot be read, the first: train/happy/1.png is empty"),
        ({"train/happy/1.png": b"nonsense"}, r"1.png \(8 bytes\) is not an image"),
        ({"train/happy/1.png": b"P5 60000 60000 255 "}, "1.png has 60000x60000 pixels"),
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


def test_a_member_without_a_name_is_passed_over(tmp_path):
    path = tmp_path / "faces.zip"
    # zipfile ends a name at a NUL.
    path.write_bytes(_archive(".zip").replace(b"train/sad/2.png", b"\0rain/sad/2.png"))
    assert load_faces(path).paths == ("train/happy/1.png",)


def test_a_file_of_another_form_is_refused(tmp_path):
    path = tmp_path / "faces.zip"
    path.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="is of no form that faces are read from; pass a folder or"):
        load_faces(path)


def test_a_class_that_the_model_does_not_know_is_named(write_images):
    folder = write_images({"bored/1.png": GREY, "happy/2.png": GREY})
    with pytest.raises(BadInput, match=r"bored/1\.png lies in class 'bored'; known classes are"):
        load_faces(folder, FER2013)


def test_classes_of_ones_own_are_in_alphabetical_order(write_images):
    faces = load_faces(write_images({"yes/1.png": GREY, "no/2.png": GREY}))
    assert faces.names == ("no", "yes")
    assert faces.labels.tolist() == [0, 1]


@pytest.mark.parametrize("members", [("1.png", "2.png"), ("faces/1.png", "faces/2.png")])
def test_images_in_no_class_have_no_label(write_images, members):
    faces = load_faces(write_images(dict.fromkeys(members, GREY)))
    assert not faces.labelled
    assert len(faces) == 2


def test_a_part_of_a_folder_is_its_first_folder(write_images):
    folder = write_images({"train/happy/1.png": GREY, "test/sad/2.png": GREY})
    assert load_faces(f"{folder}#test").paths == ("test/sad/2.png",)
    with pytest.raises(BadInput, match="has no folder 'validation' with images; its folders are: happy, sad, test, tr"):
        load_faces(f"{folder}#validation")


def test_a_part_may_have_one_folder_more_around_it(write_images):
    folder = write_images({"archive/train/happy/1.png": GREY, "archive/test/sad/2.png": GREY})
    assert load_faces(f"{folder}#test").paths == ("archive/test/sad/2.png",)


def test_folders_in_any_spelling_are_classes(write_images):
    faces = load_faces(write_images({"Anger/1.png": GREY, "angry/2.png": GREY, "0_SCARED/3.png": GREY}))
    assert faces.names == FER2013
    assert [faces.names[label] for label in faces.labels] == ["fear", "angry", "angry"]
    with pytest.raises(BadInput, match=r"3\.png lies in class 'fear'; known classes are Anger, Joy"):
        load_faces(write_images({}), ("Anger", "Joy"))


def test_numbered_folders_are_no_classes_of_a_model(write_images):
    folder = write_images({"1/a.png": GREY, "2/b.png": GREY})
    assert load_faces(folder).names == ("1", "2")
    with pytest.raises(BadInput, match=r"class '1'; .* a number names no class, so rename each folder"):
        load_faces(folder, FER2013)


def test_the_same_tree_twice_is_read_once(write_images, caplog):
    other = np.full((48, 48), 120, np.uint8)
    faces = load_faces(
        write_images(
            {"train/happy/1.png": GREY, "copy/train/happy/1.png": GREY, "copy/train/happy/2.png": GREY,
             "more/train/happy/1.png": other, "test/happy/1.png": GREY}
        )
    )  # fmt: skip
    assert faces.paths == (
        "copy/train/happy/1.png", "copy/train/happy/2.png", "more/train/happy/1.png", "test/happy/1.png",
    )  # fmt: skip
    assert "one image lies there twice" in caplog.text


@pytest.mark.parametrize("name", ["nowhere", "faces.csv", "faces.npz"])
def test_a_path_that_does_not_exist_is_named(tmp_path, name):
    with pytest.raises(BadInput, match=f"{name} is not there; pass a folder or"):
        load_faces(tmp_path / name)


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(BadInput, match="cannot be read: File name too long"):
        load_faces("a" * 5000)
