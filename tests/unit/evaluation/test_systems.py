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
        ("path,label\n{path},bored\n", "line 2, has label 'bored' for .*; it should be one of: angry"),
        ("file,label\nx,happy\n", "is no table of answers .*: no column path"),
        ("path," + ",".join(FER2013) + "\n{path},a,b,c,d,e,f,g\n", "are not numbers"),
    ],
)
def test_a_csv_without_usable_answers_is_refused(faces, tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_text(content.format(path=faces.paths[0]))
    with pytest.raises(BadInput, match=message):
        open_system(str(path)).scores(faces.take(np.array([0])), "original")


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
        "def classify(faces, names):\n    return [[1 / len(names)] * len(names) for face in faces]\n"
    )
    monkeypatch.chdir(tmp_path)
    system = open_system("a_classifier_of_ones_own:classify")
    assert np.array_equal(system.scores(faces, "original"), np.full((28, 7), 1 / 7))


def test_a_bundle_refuses_faces_of_classes_that_it_does_not_know(faces):
    other = type(faces)(faces.images, faces.labels, faces.paths, (*FER2013[:6], "contempt"))
    with ExitStack() as stack:
        (system,) = open_all(["cnn-1"], 1, stack)
        with pytest.raises(BadInput, match="not contempt"):
            system.scores(other, "original")


@pytest.fixture
def function(tmp_path, monkeypatch):
    """Writes a module with the function ``classify(faces, names)`` and returns the system."""
    monkeypatch.chdir(tmp_path)

    def write(body):
        module = f"written_{abs(hash(body))}"
        (tmp_path / f"{module}.py").write_text(
            f"import numpy as np\ndef classify(faces, names):\n    n = len(faces)\n    {body}\n"
        )
        return open_system(f"{module}:classify")

    return write


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('weights\\nnot found')", r"raised KeyError: 'weights.*not found'; edge-fer --debug"),
        ("raise SystemExit(2)", "raised SystemExit: 2"),
        ("return None", r"returned object of shape \(\); it should return numbers of shape \(28, 7\)"),
        ("return np.ones((n, 3)) / 3", r"returned float64 of shape \(28, 3\)"),
        ("return [[1, 0], [1]]", "raised ValueError"),
        ("return np.full((n, 7), 'happy')", "returned <U5"),
        ("return np.full((n, 7), 1 + 1j)", "returned complex128"),
        ("return np.full((n, 7), np.nan)", "for train/angry/angry0.png: the scores nan, .* hold NaN"),
        ("return np.full((n, 7), -1.0)", "hold a negative number, as logits do; put them through a softmax"),
        ("return np.full((n, 7), 3.0)", "the scores sum to 21; they should sum to 1 in every row, or to 100"),
        ("return np.zeros((n, 7))", "are all 0; where a program finds no face"),
        ("s = np.ones((n, 7)) / 7; s[5] *= 100; return s", "angry5|disgust1.png: the scores sum to 100; "),
    ],
)
def test_a_function_that_returns_no_probabilities_is_refused(faces, function, body, message):
    with pytest.raises(BadInput, match=message):
        function(body).scores(faces, "original")


def test_a_function_may_return_percentages(faces, function):
    assert np.allclose(function("return np.full((n, 7), 100 / 7)").scores(faces, "original"), 1 / 7)


def test_a_function_cannot_change_the_faces_of_others(faces, function):
    before = faces.images.copy()
    function("[face.fill(0) for face in faces]; return np.ones((n, 7)) / 7").scores(faces, "original")
    assert np.array_equal(faces.images, before)


def test_a_module_that_cannot_be_run_is_refused(tmp_path, monkeypatch):
    (tmp_path / "not_runnable.py").write_text("1 / 0\n")
    (tmp_path / "no_function.py").write_text("classify = 3\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="cannot be imported: ZeroDivisionError"):
        open_system("not_runnable:classify")
    with pytest.raises(BadInput, match="is int, no function"):
        open_system("no_function:classify")


def test_a_bundle_knows_its_classes_by_any_of_their_names(faces):
    renamed = type(faces)(faces.images, faces.labels, faces.paths, ("anger", "Disgust", "scared", *FER2013[3:]))
    with open_system("cnn-1") as system:
        assert np.array_equal(system.scores(renamed, "original"), system.scores(faces, "original"))
