"""Each loader on generated files in the layout that its data set is published in."""

from __future__ import annotations

import csv
import zipfile

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[convert]'")

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.face_set import LabelledFaces
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face
from edge_fer_train import datasets
from edge_fer_train.datasets import Dataset, splits


def png(seed: int = 0, height: int = 48, width: int = 48) -> bytes:
    image = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def write(root, names) -> None:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))


def test_fer2013_as_kaggles_folders(tmp_path):
    write(tmp_path, ["train/angry/a.png", "train/neutral/b.png", "test/angry/c.png"])
    dataset = datasets.load(tmp_path)
    assert dataset.name == "FER2013"
    assert dataset.faces.names == FER2013
    assert dict(zip(dataset.faces.paths, dataset.parts, strict=True)) == {
        "test/angry/c.png": "validation",  # Kaggle's test folder is all there is to validate on
        "train/angry/a.png": "train",
        "train/neutral/b.png": "train",
    }


def test_fer2013_with_validation_keeps_its_test(tmp_path):
    write(tmp_path, ["train/sad/a.png", "validation/sad/b.png", "test/sad/c.png"])
    dataset = datasets.load(tmp_path)
    assert sorted(dataset.parts) == ["test", "train", "validation"]


def test_fer2013_as_one_zip(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(["train/happy/a.png", "test/happy/b.png"]):
            archive.writestr(name, png(number))
    dataset = datasets.load(path)
    assert (dataset.name, dataset.parts) == ("FER2013", ("validation", "train"))


def test_fer2013_as_a_zip_a_part(tmp_path):
    for part, folder in (("train", "train"), ("public-test", "test"), ("private-test", "test")):
        with zipfile.ZipFile(tmp_path / f"fer2013-{part}.zip", "w") as archive:
            archive.writestr(f"{folder}/fear/{part}.png", png(len(part)))
        (tmp_path / f"._fer2013-{part}.zip").write_bytes(b"a resource fork")
    dataset = datasets.load(tmp_path)
    assert dict(zip(dataset.faces.paths, dataset.parts, strict=True)) == {
        "train/fear/train.png": "train",
        "test/fear/public-test.png": "validation",
        "test/fear/private-test.png": "test",
    }


def test_fer2013_as_its_original_csv(tmp_path):
    path = tmp_path / "fer2013.csv"
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["emotion", "pixels", "Usage"])
        for label, usage in ((0, "Training"), (6, "Training"), (3, "PublicTest"), (4, "PrivateTest")):
            rows.writerow([label, " ".join(map(str, rng.integers(0, 256, 48 * 48))), usage])
    dataset = datasets.load(path)
    assert dataset.faces.images.shape == (4, 48, 48)
    assert dataset.faces.labels.tolist() == [0, 6, 3, 4]
    assert dataset.parts == ("train", "train", "validation", "test")


def test_ck_plus_knows_whose_faces_they_are(tmp_path):
    write(tmp_path, ["anger/S010_004_00000017.png", "anger/S010_004_00000018.png", "contempt/S138_008_00000007.png"])
    dataset = datasets.load(tmp_path)
    assert dataset.name == "CK+"
    assert dataset.faces.names == ("angry", "contempt")
    assert dataset.persons == ("010", "010", "138")
    assert dataset.parts == ()


def test_kdef_reads_its_file_names_and_cuts_the_face_out(tmp_path):
    folder = tmp_path / "AF01"
    folder.mkdir()
    face = cv2.resize(draw_face(EXPRESSIONS["happy"]), (240, 240))
    picture = np.full((762, 562), 90, np.uint8)
    picture[200:440, 160:400] = face
    for name in ("AF01HAS", "BF01AFS", "AF01HAFL", "am05sus"):
        cv2.imwrite(str(folder / f"{name}.JPG"), picture)
    dataset = datasets.load(tmp_path)
    assert dataset.name == "KDEF"
    labels = [dataset.faces.names[label] for label in dataset.faces.labels]
    assert dict(zip(dataset.faces.paths, zip(labels, dataset.persons, strict=True), strict=True)) == {
        "AF01/AF01HAS.JPG": ("happy", "F01"),
        "AF01/BF01AFS.JPG": ("fear", "F01"),
        "AF01/am05sus.JPG": ("surprise", "M05"),
    }
    cut = dataset.faces.images[0]
    assert cut.shape == (192, 192)
    assert np.corrcoef(cut.ravel(), cv2.resize(face, (192, 192)).ravel())[0, 1] > 0.6


def test_sfew_takes_aligned_faces_where_there_are_any(tmp_path):
    write(
        tmp_path,
        ["Train/Train_Aligned_Faces/Angry/a.png", "Train/Train/Angry/whole.png", "Val/Val/Surprise/b.png",
         "Test/Test_Aligned_Faces/c.png"],
    )  # fmt: skip
    dataset = datasets.load(tmp_path)
    assert dataset.name == "SFEW"
    assert dict(zip(dataset.faces.paths, dataset.parts, strict=True)) == {
        "Train/Train_Aligned_Faces/Angry/a.png": "train",
        "Val/Val/Surprise/b.png": "validation",
    }
    assert dataset.faces.names[dataset.faces.labels[1]] == "surprise"


OWN_SPLITS = {
    "numbers": ("train/1/a.png", "train/2/b.png", "test/1/c.png"),
    "capitals": ("train/Angry/a.png", "train/Happy/b.png", "test/Angry/c.png"),
    "capital parts": ("Train/Angry/a.png", "Train/Happy/b.png", "Val/Angry/c.png"),
    "other words": ("Training/wut/a.png", "Training/Freude/b.png", "Testing/wut/c.png"),
    "a folder around": ("archive/train/angry/a.png", "archive/train/happy/b.png", "archive/test/angry/c.png"),
    "own classes": ("train/yes/a.png", "train/no/b.png", "valid/yes/c.png"),
    "files of CK+": ("train/anger/S010_004_00000017.png", "train/happy/S011_004_00000017.png",
                     "test/anger/S012_004_00000017.png"),
}  # fmt: skip


@pytest.mark.parametrize("names", OWN_SPLITS.values(), ids=OWN_SPLITS)
def test_a_split_of_ones_own_is_official(tmp_path, names):
    write(tmp_path, names)
    dataset = datasets.load(tmp_path)
    cut = splits.split(dataset)
    paths = np.array(dataset.faces.paths)
    assert sorted(paths[cut.train]) == sorted(names[:2])
    assert paths[cut.validation].tolist() == [names[2]]
    assert dataset.faces.images.shape == (3, 48, 48)  # nothing is cut out of a face
    for again in (lambda: splits.split(dataset, "50-50"), lambda: splits.folds(dataset, 2)):
        with pytest.raises(BadInput, match=r"comes split, and --.* would train on its test faces"):
            again()


def test_a_test_part_beside_a_validation_part_is_only_for_the_end(tmp_path):
    write(tmp_path, ["Train/1/a.png", "Valid/1/b.png", "Test/2/c.png", "samples/1/d.png"])
    dataset = datasets.load(tmp_path)
    cut = splits.split(dataset)
    paths = np.array(dataset.faces.paths)
    assert paths[cut.train].tolist() == ["Train/1/a.png"]
    assert paths[cut.test].tolist() == ["Test/2/c.png"]


def test_the_same_folders_twice_are_read_once(tmp_path):
    names = ["train/angry/a.png", "train/happy/b.png", "validation/angry/c.png"]
    for folder in ("images", "images/images"):
        write(tmp_path / folder, names)
    dataset = datasets.load(tmp_path)
    assert sorted(dataset.parts) == ["train", "train", "validation"]


def test_parts_without_class_folders_are_refused(tmp_path):
    write(tmp_path, ["train/a.png", "test/b.png"])
    with pytest.raises(BadInput, match="has images right in test and train; put each into the folder of its class"):
        datasets.load(tmp_path)


def test_classes_that_no_model_can_have_are_refused(tmp_path):
    write(tmp_path, ["happy/a.png", "unknown/b.png"])
    with pytest.raises(BadInput, match="unknown is the state of an uncertain face, not a class"):
        datasets.load(tmp_path)


def test_folders_of_one_class_are_joined(tmp_path):
    write(tmp_path, ["Angry/a.png", "anger/b.png", "happiness/c.png"])
    dataset = datasets.load(tmp_path)
    assert dataset.faces.names == FER2013
    assert dataset.faces.labels.tolist() == [0, 0, 3]


def test_class_folders_of_other_classes(tmp_path):
    write(tmp_path, ["bored/a.png", "keen/b.png"])
    dataset = datasets.load(tmp_path)
    assert dataset.faces.names == ("bored", "keen")
    with pytest.raises(BadInput, match="no official split"):
        splits.split(dataset)


@pytest.mark.parametrize("form", ["nonsense", "kdef"])
def test_a_format_that_does_not_fit_is_refused(tmp_path, form):
    write(tmp_path, ["bored/a.png"])
    with pytest.raises(BadInput):
        datasets.load(tmp_path, form)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="is no known data set"):
        datasets.load(tmp_path)
    with pytest.raises(BadInput, match="does not exist"):
        datasets.load(tmp_path / "absent")


def test_a_zip_with_a_damaged_directory_is_refused(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train/happy/a.png", png())
    content = path.read_bytes()
    # The end of the directory, by which a zip is known, stays; its first entry is overwritten.
    path.write_bytes(content.replace(b"PK\x01\x02", b"PK\xff\xff"))
    with pytest.raises(BadInput, match=r"archive\.zip cannot be read as a zip: .*; download it again"):
        datasets.load(path)


def test_only_some_classes(tmp_path):
    write(tmp_path, ["anger/S010_004_00000017.png", "contempt/S138_008_00000007.png", "happy/S011_004_00000017.png"])
    dataset = datasets.load(tmp_path).only(("Joy", "angry "))
    assert dataset.faces.names == ("Joy", "angry")
    assert dataset.faces.labels.tolist() == [1, 0]
    assert dataset.persons == ("010", "011")
    with pytest.raises(BadInput, match="has no faces of bored, scared; its classes are Joy, angry"):
        dataset.only(("bored", "angry", "scared"))


def made(labels: list[int], persons: tuple[str, ...] = ()) -> Dataset:
    images = np.zeros((len(labels), 8, 8), np.uint8)
    faces = LabelledFaces(images, np.array(labels), tuple(map(str, range(len(labels)))))
    return Dataset("made", faces, persons=persons)


@given(st.lists(st.integers(20, 60), min_size=2, max_size=7), st.sampled_from(["70-10-20", "50-50"]))
def test_splits_cover_every_face_once_and_keep_the_classes_shares(sizes, name):
    dataset = made([label for label, size in enumerate(sizes) for _ in range(size)])
    cut = splits.split(dataset, name)
    parts = [cut.train, cut.validation, cut.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(dataset.faces)))
    shares = (0.7, 0.1, 0.2) if name == "70-10-20" else (0.5, 0.5, 0.0)
    for part, share in zip(parts, shares, strict=True):
        counts = np.bincount(dataset.faces.labels[part], minlength=len(sizes))
        assert np.abs(counts - share * np.array(sizes)).max() <= 2


def test_a_split_is_the_same_for_the_same_seed():
    dataset = made([0, 1] * 50)
    one, again, other = (splits.split(dataset, "70-10-20", seed).train for seed in (42, 42, 43))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("count", [5, 10])
def test_every_face_is_a_validation_face_once(count):
    dataset = made([n % 7 for n in range(140)])
    cut = splits.folds(dataset, count)
    assert sorted(np.concatenate([fold.validation for fold in cut]).tolist()) == list(range(140))
    assert all(not set(fold.train) & set(fold.validation) for fold in cut)


def test_no_person_stands_on_both_sides_of_a_fold():
    persons = tuple(f"p{n // 7}" for n in range(140))
    dataset = made([n % 7 for n in range(140)], persons)
    for fold in splits.folds(dataset, 5):
        assert not {persons[at] for at in fold.train} & {persons[at] for at in fold.validation}


@pytest.mark.parametrize("count", [1, 30])
def test_folds_that_cannot_be_are_refused(count):
    with pytest.raises(BadInput, match="folds is"):
        splits.folds(made([0, 1] * 20), count)


@pytest.mark.parametrize("names", [["S010_004_00000017.png"], ["AF01ANS.JPG"]])
def test_hidden_files_and_bad_pictures_are_left_out_of_every_data_set(tmp_path, names, caplog):
    good = [f"anger/{name}" for name in names]
    write(tmp_path, [*good, *(f"fear/{name}" for name in names), *(f"sad/{name}" for name in names)])
    for name in names:
        (tmp_path / "sad" / name).write_bytes(b"")
        (tmp_path / "anger" / f"._{name}").write_bytes(b"a resource fork")
        (tmp_path / ".ipynb_checkpoints").mkdir()
        (tmp_path / ".ipynb_checkpoints" / name).write_bytes(png())
    dataset = datasets.load(tmp_path)
    assert dataset.name in {"CK+", "KDEF"}
    assert [path.split("/")[0] for path in dataset.faces.paths] == ["anger", "fear"]
    assert "2 of 3 faces; 1 skipped" in caplog.text
    assert "passed over: 1 resource fork (__MACOSX, ._), 1 hidden file" in caplog.text
