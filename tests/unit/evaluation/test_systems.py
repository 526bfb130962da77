from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest

from edge_fer.emotions import FER2013
from edge_fer.errors import BackendError, BadInput
from edge_fer.evaluation.systems import NoAnswer, open_all, open_system


def test_systems_of_one_name_are_numbered():
    with ExitStack() as stack:
        names = [system.name for system in open_all(["cnn-1@litert-int8"] * 3, 1, stack)]
    assert names == ["cnn-1@litert-int8", "cnn-1@litert-int8 #2", "cnn-1@litert-int8 #3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label\nx,happy\n", "has no row for"),
        ("path,label\n{path},bored\n", "has label 'bored' for .*; it should be one of: angry"),
        ("file,label\nx,happy\n", "is no table of answers .*: no column path"),
        ("path," + ",".join(FER2013) + "\n{path},a,b,c,d,e,f,g\n", "are not numbers"),
    ],
)
def test_a_csv_without_usable_answers_is_refused(faces, tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_text(content.format(path=faces.paths[0]))
    with pytest.raises(BadInput, match=message):
        open_system(str(path)).scores(faces, "original")


def test_a_csv_has_no_answer_under_a_condition_that_it_does_not_name(faces, write_answers, tmp_path):
    write_answers(tmp_path / "labels.csv", faces)
    system = open_system(str(tmp_path / "labels.csv"))
    assert system.scores(faces, "original").argmax(axis=1).tolist() == faces.labels.tolist()
    with pytest.raises(NoAnswer):
        system.scores(faces, "blur-1")


def test_a_bundle_is_released_when_its_with_block_ends(faces):
    with open_system("cnn-1") as system:
        system.scores(faces, "original")
    with pytest.raises(BackendError, match="closed"):
        system.scores(faces, "original")


@pytest.mark.parametrize("spec", ["nowhere:classify", "json:nothing"])
def test_a_function_that_cannot_be_imported_is_refused(spec):
    with pytest.raises(BadInput, match="cannot be imported"):
        open_system(spec)


def test_a_function_of_the_current_folder_is_a_system(faces, tmp_path, monkeypatch):
    (tmp_path / "a_classifier_of_ones_own.py").write_text(
        "def classify(faces, names):\n    return [[len(names)] * len(names) for face in faces]\n"
    )
    monkeypatch.chdir(tmp_path)
    system = open_system("a_classifier_of_ones_own:classify")
    assert np.array_equal(system.scores(faces, "original"), np.full((28, 7), 7.0))


def test_a_bundle_refuses_faces_of_classes_that_it_does_not_know(faces):
    other = type(faces)(faces.images, faces.labels, faces.paths, (*FER2013[:6], "contempt"))
    with ExitStack() as stack:
        (system,) = open_all(["cnn-1"], 1, stack)
        with pytest.raises(BadInput, match="not contempt"):
            system.scores(other, "original")
