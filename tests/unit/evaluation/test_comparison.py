from __future__ import annotations

import csv
import json
import os
from contextlib import ExitStack

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[eval]'")

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput, SinkError
from edge_fer.evaluation import comparison, conditions
from edge_fer.evaluation.classification import evaluate
from edge_fer.evaluation.comparison import SystemComparison, SystemResult
from edge_fer.evaluation.conditions import ORIGINAL, Condition
from edge_fer.evaluation.face_set import LabelledFaces
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.systems import CsvSystem, SystemBase, open_all
from edge_fer.progress import ProgressListener

NAMES = ("a", "b", "c")
TWO = LabelledFaces(np.zeros((2, 4, 4), np.uint8), np.array([0, 2]), ("first", "second"), NAMES)


def saved(folder, scores, condition=ORIGINAL):
    """The answers in ``answers.npz`` after a system gave *scores* of two faces under *condition*."""
    report = evaluate(scores, TWO.labels, NAMES)
    result = SystemResult("mine", condition, report, scores, None)
    SystemComparison("drawn", TWO, (result,)).save(folder)
    with np.load(folder / "answers.npz") as arrays:
        assert arrays["labels"].tolist() == [0, 2]
        return arrays[f"mine/{condition.name}"]


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
def test_scores_are_saved_with_the_winner_that_was_evaluated(tmp_path_factory, row):
    scores = np.array([row, [0.33339, 0.33341, 0.3332]], np.float32)  # the second is a tie in float16
    kept = saved(tmp_path_factory.mktemp("eval"), scores)
    assert kept.dtype == np.float16
    assert kept.argmax(axis=1).tolist() == scores.argmax(axis=1).tolist()
    assert np.allclose(kept, scores, atol=1e-3)


def test_only_the_winners_are_saved_under_other_conditions(tmp_path):
    scores = np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]], np.float32)
    kept = saved(tmp_path, scores, Condition("blur", 1.0))
    assert kept.dtype == np.int8
    assert kept.tolist() == [2, 0]


def test_the_saved_figures_are_those_of_the_comparison(faces, write_answers, tmp_path):
    write_answers(tmp_path / "service.csv", faces)
    with ExitStack() as stack:
        found = comparison.compare_systems(open_all([str(tmp_path / "service.csv")], 1, stack), faces, "drawn")
    found.save(tmp_path / "out")
    report = json.loads((tmp_path / "out" / "eval.json").read_text())
    assert report["images"] == 28
    (judged,) = report["judged"]
    assert judged["system"] == "service"
    assert judged["accuracy"] == found.reports()["service"].accuracy == 1


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"cannot be written: .*; choose another with --out"):
        SystemComparison("drawn", TWO, ()).save(tmp_path / "file")
    with pytest.raises(SinkError, match=r"cannot be created: .*; choose another folder"):
        comparison.export(TWO, [ORIGINAL], tmp_path / "file")


def test_faces_are_exported_for_another_program_to_answer(faces, tmp_path):
    table = comparison.export(faces, conditions.of_sweeps(["resolution"]), tmp_path / "ask")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 28 * 6
    assert cv2.imread(str(table.parent / rows[-1]["image"]), cv2.IMREAD_GRAYSCALE).shape == (48, 48)
    with table.open("w", newline="") as file:
        filled = csv.DictWriter(file, rows[0].keys())
        filled.writeheader()
        filled.writerows({**row, "label": "happy"} for row in rows)
    with ExitStack() as stack:
        systems = open_all([str(table)], 1, stack)
        found = comparison.compare_systems(systems, faces, "drawn", conditions.of_sweeps(["resolution", "blur"]))
    assert [result.condition.kind for result in found.results] == ["original"] + ["resolution"] * 5
    assert found.reports()["answers"].accuracy == pytest.approx(1 / 7)


def test_exported_faces_are_for_their_owner_alone(tmp_path):
    comparison.export(TWO, [ORIGINAL], tmp_path / "new" / "ask")
    folder = tmp_path / "new" / "ask" / "original"
    picture = folder / "000000.png"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    (folder / "000001.png").unlink()
    (folder / "000001.png").symlink_to(elsewhere)
    picture.chmod(0o644)
    comparison.export(TWO, [ORIGINAL], tmp_path / "new" / "ask", overwrite=True)
    assert {path.name: path.lstat().st_mode & 0o777 for path in folder.iterdir()} == {
        "000000.png": 0o600,
        "000001.png": 0o600,
    }
    assert [parent.stat().st_mode & 0o777 for parent in (folder, folder.parent, folder.parent.parent)] == [0o700] * 3
    assert elsewhere.read_text() == "kept"


def test_faces_without_a_near_copy_are_evaluated_on_their_own(faces, write_answers, tmp_path):
    write_answers(tmp_path / "service.csv", faces)
    deduplicated = np.zeros(len(faces), bool)
    deduplicated[:3] = True
    with ExitStack() as stack:
        systems = open_all([str(tmp_path / "service.csv")], 1, stack)
        found = comparison.compare_systems(systems, faces, "drawn", deduplicated=deduplicated)
    (result,) = found.originals
    assert result.report.images == 28
    assert result.deduplicated.images == 3


def test_a_name_that_is_not_utf8_is_found_again_in_the_answers(tmp_path):
    (tmp_path / "happy").mkdir()
    for name in (b"\xe8.png", b"\xe9.png"):
        (tmp_path / "happy" / os.fsdecode(name)).write_bytes(
            cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
        )
    faces = load_faces(tmp_path, FER2013)
    table = comparison.export(faces, [ORIGINAL], tmp_path / "ask")
    rows = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([rows[0], *(f"{row}happy" for row in rows[1:])]), encoding="utf-8")
    scores = CsvSystem(table).scores(faces, ORIGINAL.name)
    assert scores.argmax(axis=1).tolist() == faces.labels.tolist()


def test_filled_answers_are_not_blanked(tmp_path):
    table = comparison.export(TWO, [ORIGINAL], tmp_path)
    table.write_text("filled")
    with pytest.raises(BadInput, match=r"answers\.csv exists; pass another --export, or --force"):
        comparison.export(TWO, [ORIGINAL], tmp_path)
    assert table.read_text() == "filled"
    comparison.export(TWO, [ORIGINAL], tmp_path, overwrite=True)
    assert table.read_text().startswith("condition,path")
    table.unlink()
    with pytest.raises(BadInput, match="original exists"):
        comparison.export(TWO, [ORIGINAL], tmp_path)


def test_answers_that_fit_another_order_are_a_warning(faces):
    class Permuted(SystemBase):
        name = "permuted"

        def scores(self, faces, condition):
            return np.eye(7)[np.array([0, 1, 2, 3, 5, 6, 4])[faces.labels]]

    class Listener(ProgressListener):
        def __init__(self):
            self.warnings = []

        def warn(self, message):
            self.warnings.append(message)

    listener = Listener()
    comparison.compare_systems([Permuted()], faces, "drawn", progress=listener)
    (warning,) = listener.warnings
    assert "permuted fit much better if sad means neutral, surprise means sad, neutral means surprise" in warning
