from __future__ import annotations

import json

import numpy as np
import pytest

for module in ("sklearn", "matplotlib", "jinja2"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.evaluation.face_set import LabelledFaces  # noqa: E402
from edge_fer_train.report import lines, rates, windows, write  # noqa: E402


def epochs(accuracies: list[float]) -> list[dict[str, float]]:
    keys = ("accuracy", "loss", "validation_accuracy", "validation_loss")
    return [{"epoch": at, **dict.fromkeys(keys, value)} for at, value in enumerate(accuracies, start=1)]


def test_windows_leave_no_change_out():
    """Smelyakov et al., COLINS 2022, Table 2: epochs 1-5, 6-10, …"""
    history = epochs([0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.75])
    found = windows(history)
    assert [part["epochs"] for part in found] == [[1, 2, 3, 4, 5], [5, 6, 7]]
    changes = [part["mcr"]["accuracy"] * (len(part["epochs"]) - 1) for part in found]
    assert sum(changes) == pytest.approx(0.65)
    assert all(part["mofr"]["loss"] == 0 for part in found)


def test_epochs_without_a_figure_are_left_out():
    """Histories of 0.1.0 have no training accuracy."""
    history = [{"epoch": 1, "validation_accuracy": 0.3}, *epochs([0.4, 0.6])]
    assert rates(history)["mcr"]["accuracy"] == pytest.approx(0.2)
    assert rates([])["mcr"] == {"accuracy": None, "loss": None}


def test_what_each_network_says_alone_is_drawn_beside_what_they_say_together():
    first, second = epochs([0.5, 0.6])
    drawn = lines("accuracy", [first, {**second, "validation_accuracy_alone": [0.4, 0.55]}])
    assert drawn["validation"] == [0.5, 0.6]
    assert drawn["validation, network 1 alone"] == [None, 0.4]
    assert drawn["validation, network 2 alone"] == [None, 0.55]
    assert list(lines("loss", [first, second])) == ["training", "validation"]


def test_a_run_leaves_a_page_with_an_interval_beside_every_accuracy(tmp_path):
    labels = np.arange(70) % 7
    faces = LabelledFaces(np.zeros((70, 8, 8), np.uint8), labels, tuple(map(str, range(70))), FER2013)
    scores = np.eye(7, dtype=np.float32)[labels] * 0.6 + 0.1
    history = [{**entry, "seconds": 30.0, "size_px": 48} for entry in epochs([0.5, 0.6])]
    del history[0]["loss"]  # as in the histories of earlier versions
    report = write(tmp_path, "compact <1>", history, scores, faces, np.arange(70) > 10)
    assert report.accuracy == 1
    page = (tmp_path / "report.html").read_text()
    assert "compact &lt;1&gt;" in page
    assert "100.00% [94.8, 100.0]" in page
    assert "labels, without near-copies" in page
    assert page.count("<svg") == 2
    assert "<img" not in page
    assert "<td>–</td>" in page
    assert json.loads((tmp_path / "report.json").read_text())["epochs"] == 2
    assert (tmp_path / "confusion.png").exists()
