from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

for module in ("sklearn", "matplotlib", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[eval]'")

from edge_fer.cli import main  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.evaluation.votes import VOTE_OF_CLASS, VOTES  # noqa: E402


def run_eval(*arguments, code=0):
    done = CliRunner().invoke(main, ["eval", *map(str, arguments)])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


def test_another_programs_answers_are_evaluated_beside_ours(faces, drawn_zip, write_answers, tmp_path, monkeypatch):
    write_answers(tmp_path / "labels.csv", faces)
    write_answers(tmp_path / "scores.csv", faces, scored=True)
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def classify(faces, names):\n"
        "    return np.full((len(faces), len(names)), 1 / len(names))\n"
    )
    monkeypatch.chdir(tmp_path)
    systems = ["cnn-1@litert-int8", "labels.csv", "scores.csv", "mine:classify"]
    done = run_eval(*systems, "--data", drawn_zip, "--train", drawn_zip, "--out", "eval", "--json")
    report = json.loads(done.stdout)
    original = {entry["system"]: entry for entry in report["judged"] if entry["condition"] == "original"}
    assert len(original) == 4
    assert original["labels"]["accuracy"] == original["scores"]["accuracy"] == 1
    assert original["labels"]["macro_average_precision"] is None
    assert original["scores"]["macro_average_precision"] == 1
    assert all(entry["fresh"] is None for entry in original.values())  # the training set has a copy of every face
    degraded = {entry["system"] for entry in report["judged"] if entry["condition"] == "resolution-12"}
    assert degraded == set(original) - {"labels", "scores"}  # a csv has no answers for faces that were not exported
    with np.load("eval/answers.npz") as kept:
        assert kept["labels"].tolist() == faces.labels.tolist()
        assert kept["scores/original"].shape == (28, 7)
    html = (tmp_path / "eval" / "report.html").read_text()
    assert "Face++" in html
    assert html.count("<img") == 3 + 1 + 4
    assert "http" not in html.replace("http://www.w3.org", "")


def test_export_writes_the_faces_and_a_csv(drawn_zip, tmp_path):
    done = run_eval("--data", drawn_zip, "--export", tmp_path / "ask", "--sweeps", "resolution", "--limit", 5)
    assert str(tmp_path / "ask" / "answers.csv") in done.stdout
    assert len(list((tmp_path / "ask").rglob("*.png"))) == 5 * 6


def test_a_system_is_needed(drawn_zip):
    run_eval("--data", drawn_zip, code=2)


@pytest.fixture
def votes_csv(faces, tmp_path):
    """Votes on all faces but the first four, which are angry: neutral for the next four, as labelled for the others."""
    path = tmp_path / "ferplus.csv"
    rows = [",".join(["path", *VOTES])]
    for index in range(4, 28):
        vote = "neutral" if index < 8 else VOTE_OF_CLASS[FER2013[faces.labels[index]]]
        rows.append(",".join([faces.paths[index], *["8" if vote == name else "0" for name in VOTES]]))
    path.write_text("\n".join(rows))
    return path


def test_votes_are_a_second_truth_beside_the_labels(faces, drawn_zip, votes_csv, write_answers, tmp_path):
    write_answers(tmp_path / "labels.csv", faces)
    write_answers(tmp_path / "scores.csv", faces, scored=True)
    systems = [tmp_path / "labels.csv", tmp_path / "scores.csv"]
    arguments = [*systems, "--data", drawn_zip, "--sweeps", "none", "--votes", votes_csv]
    report = json.loads(run_eval(*arguments, "--json", "--out", tmp_path / "eval").stdout)
    labels, scores = report["judged"]
    assert labels["accuracy"] == scores["accuracy"] == 1
    assert labels["votes"]["accuracy_8_classes"] == scores["votes"]["accuracy_8_classes"] == pytest.approx(20 / 24)
    assert labels["votes"]["images"] == 24
    assert labels["votes"]["annotator_agreement"] == 1
    assert labels["votes"]["brier_score"] is None  # labels alone are no probabilities
    assert 0 < scores["votes"]["brier_score"] < 2
    assert labels["votes"]["calibration_error"] is None
    assert 0 < scores["votes"]["calibration_error"] < 1
    html = (tmp_path / "eval" / "report.html").read_text()
    assert "By the votes of FER+" in html
    assert html.count("83.33%") >= 2
    assert "FER+" in run_eval(*arguments).stdout


def test_without_votes_nothing_is_said_of_them(faces, drawn_zip, write_answers, tmp_path):
    write_answers(tmp_path / "labels.csv", faces)
    arguments = (tmp_path / "labels.csv", "--data", drawn_zip, "--sweeps", "none")
    assert "FER+" not in run_eval(*arguments).stdout
    assert "votes" not in run_eval(*arguments, "--json").stdout


def test_votes_on_other_faces_are_refused(faces, drawn_zip, votes_csv, write_answers, tmp_path):
    write_answers(tmp_path / "labels.csv", faces)
    votes_csv.write_text(",".join(["path", *VOTES]))
    arguments = (tmp_path / "labels.csv", "--data", drawn_zip, "--sweeps", "none", "--votes", votes_csv)
    assert "none of the 28 faces to evaluate has a majority" in run_eval(*arguments, code=3).stderr


def test_a_report_that_cannot_be_written_is_a_clear_error(faces, drawn_zip, write_answers, tmp_path):
    write_answers(tmp_path / "service.csv", faces)
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    arguments = (tmp_path / "service.csv", "--data", drawn_zip, "--sweeps", "none", "--out", tmp_path / "out")
    assert "report.html exists; pass another --out" in run_eval(*arguments, code=3).stderr
    assert "cannot be written" in run_eval(*arguments, "--force", code=6).stderr


def test_what_is_there_is_kept_unless_forced(faces, drawn_zip, write_answers, tmp_path):
    write_answers(tmp_path / "service.csv", faces)
    arguments = (tmp_path / "service.csv", "--data", drawn_zip, "--sweeps", "none", "--out", tmp_path / "out")
    run_eval(*arguments)
    (tmp_path / "out" / "eval.json").write_text("mine")
    said = run_eval(*arguments, "--data", tmp_path / "nowhere", code=3).stderr
    assert "eval.json exists; pass another --out, or --force to replace it" in said  # before anything is read
    assert (tmp_path / "out" / "eval.json").read_text() == "mine"
    run_eval(*arguments, "--force")
    assert (tmp_path / "out" / "eval.json").read_text() != "mine"
    exported = ("--data", drawn_zip, "--sweeps", "none", "--export", tmp_path / "ask")
    run_eval(*exported)
    (tmp_path / "ask" / "answers.csv").write_text("filled")
    assert "answers.csv exists" in run_eval(*exported, code=3).stderr
    assert (tmp_path / "ask" / "answers.csv").read_text() == "filled"


def test_a_place_that_cannot_be_written_is_refused_before_the_work(drawn_zip, tmp_path, monkeypatch):
    monkeypatch.setattr("edge_fer.evaluation.labelled.load_faces", None)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "answers.csv").symlink_to(tmp_path / "nowhere")
    for option in ("--out", "--export"):
        for name in ("file", "file/below", "link", "folder"):
            said = run_eval("cnn-1", "--data", drawn_zip, option, tmp_path / name, "--force", code=6).stderr
            assert "cannot be written: " in said
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "Permission denied" in run_eval("cnn-1", "--data", drawn_zip, "--out", tmp_path / "new", code=6).stderr
    assert not (tmp_path / "nowhere").exists()


def test_bad_answers_are_refused_before_the_work(faces, drawn_zip, write_answers, tmp_path):
    write_answers(tmp_path / "service.csv", faces)
    text = (tmp_path / "service.csv").read_text().replace("happy\n", "glad\n", 1)
    (tmp_path / "service.csv").write_text(text)
    said = run_eval("cnn-1", tmp_path / "service.csv", "--data", drawn_zip, "--train", drawn_zip, code=3).stderr
    assert "has label 'glad'" in said
    assert "near-copies" not in said


def test_faces_without_labels_are_refused_before_the_work(tmp_path):
    np.savez(tmp_path / "bare.npz", images=np.zeros((2, 48, 48), np.uint8))
    assert "has faces without labels" in run_eval("cnn-1", "--data", tmp_path / "bare.npz", code=3).stderr
