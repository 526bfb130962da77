from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

for module in ("sklearn", "matplotlib", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[eval]'")

from edge_fer.cli import main  # noqa: E402


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
    assert "Face++, published" in html
    assert html.count("<img") == 3 + 1 + 4
    assert "http" not in html.replace("http://www.w3.org", "")


def test_export_writes_the_faces_and_a_csv(drawn_zip, tmp_path):
    done = run_eval("--data", drawn_zip, "--export", tmp_path / "ask", "--sweeps", "resolution", "--limit", 5)
    assert str(tmp_path / "ask" / "answers.csv") in done.stdout
    assert len(list((tmp_path / "ask").rglob("*.png"))) == 5 * 6


def test_a_system_is_needed(drawn_zip):
    run_eval("--data", drawn_zip, code=2)


def test_a_report_that_cannot_be_written_is_a_clear_error(faces, drawn_zip, write_answers, tmp_path):
    write_answers(tmp_path / "service.csv", faces)
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    arguments = (tmp_path / "service.csv", "--data", drawn_zip, "--sweeps", "none", "--out", tmp_path / "out")
    assert "cannot be written" in run_eval(*arguments, code=6).stderr
