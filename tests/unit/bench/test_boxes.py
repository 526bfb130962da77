"""`benchmarks/boxes.py`: what it calls the same is the same, and what differs is counted."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_fer.errors import BadInput

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "boxes.py"
if not SCRIPT.is_file():
    pytest.skip("benchmarks/boxes.py is not part of the wheel", allow_module_level=True)


@pytest.fixture
def boxes(monkeypatch):
    """The script, with a film of six frames."""
    # It imports `script`, as every script of the folder does.
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.delitem(sys.modules, "script", raising=False)
    spec = importlib.util.spec_from_file_location("boxes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FRAMES", {"easy": (0, 1, 2), "hard": (150, 152, 154)})
    return module


@pytest.fixture
def run(boxes, monkeypatch, capsys):
    """Run the script with some arguments; return what it prints."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["boxes.py", *map(str, arguments)])
        boxes.main()
        return capsys.readouterr().out

    return run


def test_a_film_gives_the_same_boxes_twice(run, tmp_path):
    film = tmp_path / "film.npz"
    first = tmp_path / "first.json"
    second = tmp_path / "second.json"
    run("--film", film, "--json", first)
    printed = run("--film", film, "--against", first, "--json", second)
    assert "the same pixels in 6 of 6 frames" in printed
    assert "tracks: the same in 6 of 6 frames" in printed
    rows = json.loads(first.read_text())["rows"]
    assert json.loads(second.read_text())["rows"] == rows
    assert [row["frame"] for row in rows] == [0, 1, 2, 150, 152, 154]
    assert all(row["tracks"] and row["search"] for row in rows[:3])


def test_the_frames_are_those_of_the_film_and_not_drawn_again(run, tmp_path):
    film = tmp_path / "film.npz"
    run("--film", film, "--json", tmp_path / "drawn.json")
    with np.load(film) as stored:
        np.savez(film, easy=np.zeros_like(stored["easy"]), hard=stored["hard"])
    printed = run("--film", film, "--against", tmp_path / "drawn.json")
    assert "the same pixels in 3 of 6 frames" in printed
    assert "another number of faces in 3" in printed


@pytest.fixture
def rows():
    return [
        {"pixels": 1, "tracks": [[1, [10.0, 20.0, 50.0, 50.0], "found", 0.0]], "search": []},
        {"pixels": 2, "tracks": [], "search": [[[10.0, 20.0, 50.0, 50.0], 0.7, 25.0, False]]},
    ]


def test_a_box_that_is_off_is_counted_and_measured(boxes, rows):
    others = copy.deepcopy(rows)
    others[0]["tracks"][0][1][2] = 50.25
    others[1]["search"][0][2] = -25.0
    found = boxes.compared(rows, others)
    assert found["same_pixels"] == 2
    assert found["tracks"] == {
        "faces": 1, "same_frames": 1, "other_faces_frames": 0, "largest_px": 0.25, "largest_deg": 0.0,
    }  # fmt: skip
    assert found["search"]["same_frames"] == 1
    assert found["search"]["largest_deg"] == 50.0


@pytest.mark.parametrize("changed", [("tracks", 0, 0, 2), ("tracks", 0, 2, "bridged"), ("search", 1, 1, 0.6)])
def test_another_id_way_of_seeing_or_confidence_is_not_the_same(boxes, rows, changed):
    kind, row, field, value = changed
    others = copy.deepcopy(rows)
    others[row][kind][0][field] = value
    found = boxes.compared(rows, others)
    assert found[kind]["same_frames"] == 1
    assert found[kind]["largest_px"] == 0.0


def test_a_film_of_something_else_is_refused(boxes, tmp_path):
    np.savez(tmp_path / "film.npz", easy=np.zeros((1, 2, 2), np.uint8))
    with pytest.raises(BadInput, match="is not a film of this script"):
        boxes.film(tmp_path / "film.npz")


def test_boxes_of_another_film_are_refused(run, tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text('{"rows": []}')
    with pytest.raises(BadInput, match="holds boxes of 0 frames"):
        run("--against", path)


@pytest.mark.parametrize("content", [None, "no json", "[]", "{}"])
def test_boxes_of_something_else_are_refused(run, tmp_path, content):
    path = tmp_path / "boxes.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInput, match="holds no boxes of this script"):
        run("--against", path)
