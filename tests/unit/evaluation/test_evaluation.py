"""What classifiers are worth, side by side."""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

for module in ("sklearn", "matplotlib", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[eval]'")

from sklearn.metrics import f1_score  # noqa: E402

from edge_fer.cli import main  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.evaluation import comparison, conditions, page, published  # noqa: E402
from edge_fer.evaluation.classification import evaluate  # noqa: E402
from edge_fer.evaluation.conditions import ORIGINAL, Condition  # noqa: E402
from edge_fer.evaluation.labelled import load_faces  # noqa: E402
from edge_fer.evaluation.metrics import macro_f1  # noqa: E402
from edge_fer.evaluation.systems import open_all  # noqa: E402

NAMES = ("a", "b", "c")
answers = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


def sure(predicted) -> np.ndarray:
    return np.eye(3)[np.array(predicted)]


@given(answers)
def test_figures_agree_with_scikit_learns(pairs):
    """There is one macro-F1: scikit-learn's, the mean over the classes that occur in labels or predictions."""
    labels, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    report = evaluate(sure(predicted), labels, NAMES)
    assert report.accuracy == pytest.approx((labels == predicted).mean())
    assert np.sum(report.confusion) == len(pairs)
    expected = f1_score(labels, predicted, average="macro", zero_division=0)
    assert macro_f1(predicted, labels, 3) == pytest.approx(expected)
    assert report.mean("f1") == pytest.approx(expected)
    assert report.mean("recall", weighted=True) == pytest.approx(report.accuracy)


def test_a_perfect_system_is_perfect_and_knows_it():
    labels = np.array([0, 1, 2, 2])
    report = evaluate(np.eye(3)[labels] * 0.98 + 0.01 / 1.5, labels, NAMES)
    assert [c.average_precision for c in report.classes] == [1, 1, 1]
    assert report.mean("f1") == 1
    assert report.calibration_error == pytest.approx(1 - 0.98 - 0.01 / 1.5)


def test_answers_without_scores_have_no_average_precision():
    report = evaluate(sure([0, 1, 1]), np.array([0, 1, 2]), NAMES)
    assert report.mean("average_precision") is None
    assert report.reliability == ()
    assert report.calibration_error is None


def test_a_class_without_images_does_not_count():
    report = evaluate(sure([0, 1]), np.array([0, 1]), NAMES)
    assert report.mean("recall") == 1
    assert report.classes[2].images == 0


def test_reliability_finds_overconfidence():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000)
    right = rng.random(3000) < 0.6
    scores = np.full((3000, 3), 0.05)
    scores[np.arange(3000), np.where(right, labels, (labels + 1) % 3)] = 0.9
    report = evaluate(scores, labels, NAMES)
    assert report.calibration_error == pytest.approx(0.3, abs=0.04)
    assert len(report.reliability) == 1


@pytest.mark.parametrize(
    ("scores", "labels"), [(np.zeros((2, 2)), [0, 1]), (np.zeros((2, 3)), [0, -1]), (np.zeros((0, 3)), [])]
)
def test_what_cannot_be_judged_is_refused(scores, labels):
    with pytest.raises(BadInput):
        evaluate(scores, np.array(labels, np.int64), NAMES)


FACE = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)


@pytest.mark.parametrize("condition", [c for sweep in conditions.SWEEPS.values() for c in sweep], ids=lambda c: c.name)
def test_a_condition_keeps_the_shape_and_is_repeatable(condition):
    once, again = condition(FACE), condition(FACE)
    assert once.shape == FACE.shape
    assert once.dtype == np.uint8
    assert np.array_equal(once, again)
    if condition.name != "resolution-48":
        assert not np.array_equal(once, FACE)


def test_worse_is_further_from_the_face():
    for kind, sweep in conditions.SWEEPS.items():
        distances = [np.abs(condition(FACE).astype(int) - FACE).mean() for condition in sweep]
        assert distances == sorted(distances), kind


def test_a_sweep_that_is_none_is_refused():
    with pytest.raises(BadInput, match="no sweep 'rain'"):
        conditions.chosen(["rain"])


def test_published_f_scores_are_those_of_their_precision_and_recall():
    """Raza et al., KJMR 2025, Table I, was machine-read: where it holds, so does F = 2PR / (P + R)."""
    for classes in published.RAZA_2025.values():
        assert set(classes) == set(FER2013)
        for told in classes.values():
            whole = told.precision + told.recall
            f1 = 2 * told.precision * told.recall / whole if whole else 0
            assert told.f1 == pytest.approx(f1, abs=0.02)


@pytest.fixture
def faces(drawn_zip):
    return load_faces(drawn_zip)


def write_answers(path, faces, *, scored=False, condition=None) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", *(FER2013 if scored else ["label"]), *(["condition"] if condition else [])])
        for name, label in zip(faces.paths, faces.labels, strict=True):
            told = np.eye(7)[label] * 0.6 + 0.4 / 7 if scored else [FER2013[label]]
            rows.writerow([name, *told, *([condition] if condition else [])])


def test_another_programs_answers_are_judged_beside_ours(faces, drawn_zip, tmp_path, monkeypatch):
    write_answers(tmp_path / "labels.csv", faces)
    write_answers(tmp_path / "scores.csv", faces, scored=True)
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def classify(faces, names):\n"
        "    return np.full((len(faces), len(names)), 1 / len(names))\n"
    )
    monkeypatch.chdir(tmp_path)
    systems = ["cnn-1@litert-int8", "labels.csv", "scores.csv", "mine:classify"]
    done = CliRunner().invoke(
        main, ["eval", *systems, "--data", str(drawn_zip), "--train", str(drawn_zip), "--out", "eval", "--json"]
    )
    assert done.exit_code == 0, done.output + repr(done.exception)
    told = json.loads(done.stdout)
    original = {entry["system"]: entry for entry in told["judged"] if entry["condition"] == "original"}
    assert len(original) == 4
    assert original["labels"]["accuracy"] == original["scores"]["accuracy"] == 1
    assert original["labels"]["macro_average_precision"] is None
    assert original["scores"]["macro_average_precision"] == 1
    assert all(entry["fresh"] is None for entry in original.values())  # judged on what it was trained on
    degraded = {entry["system"] for entry in told["judged"] if entry["condition"] == "resolution-12"}
    assert degraded == set(original) - {"labels", "scores"}  # a file has no answer for faces nobody asked about
    with np.load("eval/answers.npz") as kept:
        assert kept["labels"].tolist() == faces.labels.tolist()
        assert kept["scores/original"].shape == (28, 7)
    html = (tmp_path / "eval" / "report.html").read_text()
    assert "Face++, published" in html
    assert html.count("<img") == 3 + 1 + 4
    assert "http" not in html.replace("http://www.w3.org", "")


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
def test_what_is_kept_has_the_winner_that_was_judged(row):
    scores = np.array([row, [0.33339, 0.33341, 0.3332]], np.float32)  # the second is a tie in float16
    entry = comparison.SystemResult("mine", ORIGINAL, None, scores, None)
    kept = comparison._kept(entry)
    assert kept.dtype == np.float16
    assert kept.argmax(axis=1).tolist() == scores.argmax(axis=1).tolist()
    assert np.allclose(kept, scores, atol=1e-3)


def test_faces_are_exported_to_be_asked_about_elsewhere(faces, drawn_zip, tmp_path):
    out = tmp_path / "ask"
    arguments = ["eval", "--data", str(drawn_zip), "--export", str(out), "--sweeps", "resolution"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    with (out / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 28 * 6
    assert cv2.imread(str(out / rows[-1]["image"]), cv2.IMREAD_GRAYSCALE).shape == (48, 48)
    with (out / "answers.csv").open("w", newline="") as file:
        filled = csv.DictWriter(file, rows[0].keys())
        filled.writeheader()
        filled.writerows({**row, "label": "happy"} for row in rows)
    with ExitStack() as stack:
        systems = open_all([str(out / "answers.csv")], 1, stack)
        found = comparison.compare_systems(systems, faces, "drawn", conditions.chosen(["resolution", "blur"]))
    assert [entry.condition.kind for entry in found.results] == ["original"] + ["resolution"] * 5
    assert found.reports()["answers"].accuracy == pytest.approx(1 / 7)


def test_the_table_has_measured_rows_first_and_says_which_are_published(faces, tmp_path):
    write_answers(tmp_path / "service.csv", faces)
    with ExitStack() as stack:
        found = comparison.compare_systems(open_all([str(tmp_path / "service.csv")], 1, stack), faces, "drawn")
    rows = page.raza_table(found).splitlines()
    assert rows[2].startswith("| service, measured | angry | 100.00 | 100.00 | – | 100.00 |")
    assert sum("published" in row for row in rows) == 3
    assert len(rows) == 2 + 7 * 4


def test_two_systems_of_one_name_are_told_apart():
    with ExitStack() as stack:
        names = [system.name for system in open_all(["cnn-1@litert-int8"] * 2, 1, stack)]
    assert len(set(names)) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no row for"),
        ("path,label\n{path},bored\n", "says 'bored' of"),
        ("file,label\nx,happy\n", "is no table of answers .*: no column path"),
        ("path," + ",".join(FER2013) + "\n{path},a,b,c,d,e,f,g\n", "are no numbers"),
    ],
)
def test_a_csv_that_does_not_answer_is_told(faces, tmp_path, content, words):
    path = tmp_path / "bad.csv"
    path.write_text(content.format(path=faces.paths[0]) or "path,label\nx,happy\n")
    with pytest.raises(BadInput, match=words), ExitStack() as stack:
        comparison.compare_systems(open_all([str(path)], 1, stack), faces, "drawn")


@pytest.mark.parametrize("spec", ["nowhere:classify", "json:nothing"])
def test_a_function_that_is_not_there_is_told(spec):
    with pytest.raises(BadInput, match="cannot be imported"), ExitStack() as stack:
        open_all([spec], 1, stack)


def test_a_bundle_is_not_judged_on_classes_that_it_does_not_know(faces):
    strange = type(faces)(faces.images, faces.labels, faces.paths, (*FER2013[:6], "contempt"))
    with pytest.raises(BadInput, match="not contempt"), ExitStack() as stack:
        comparison.compare_systems(open_all(["cnn-1"], 1, stack), strange, "drawn")


def test_eval_without_a_system_is_wrong_usage(drawn_zip):
    assert CliRunner().invoke(main, ["eval", "--data", str(drawn_zip)]).exit_code == 2


def test_original_is_the_face_itself():
    assert np.array_equal(ORIGINAL(FACE), FACE)
    assert Condition("blur", 1.5).name == "blur-1.5"
