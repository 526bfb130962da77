"""``benchmarks/live.py``: films behind a camera, in a process for each version."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks"
pytestmark = pytest.mark.skipif(not (FOLDER / "live.py").is_file(), reason="the scripts are not part of the wheel")

#: A version of edge-fer that takes 2 and 8 ms for a frame, and a quarter of a core.
OTHER = """
import json, sys
print("{}", flush=True)
for line in sys.stdin:
    play = {"frame_ms": [2.0, 8.0], "faces": 1, "dropped": 3, "cpu_s": 0.25, "wall_s": 1.0}
    print(json.dumps({"played": play}), flush=True)
"""


@pytest.fixture
def live(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("live")


def test_a_still_picture_changes_by_the_noise_alone(live):
    even = live.still(0.0)
    assert even[0].shape == (480, 640)
    first, second = (frame.astype(float) for frame in even[:2])
    assert 0.5 < np.abs(first - second).mean() < 4
    assert abs(first.mean() - second.mean()) < 0.1


def test_lamps_that_flicker_change_bands_of_the_picture(live):
    first, second = (cv2.blur(frame, (641, 9)).astype(float).mean(axis=1) for frame in live.still(0.1)[:2])
    assert np.abs(first - second).max() > 8


def test_the_figures_leave_nothing_out(live):
    play = {"frame_ms": [1.0] * 98 + [5.0, 50.0], "faces": 100, "dropped": 1, "cpu_s": 0.2, "wall_s": 4.0}
    figures = live.figures([play, {**play, "faces": 0, "cpu_s": 0.6}])
    assert figures["p50_ms"] == 1
    assert figures["max_ms"] == 50
    assert figures["p99_ms"] > 5
    assert figures["core"] == pytest.approx(0.1)
    assert figures["with_faces"] == 0.5
    assert figures["dropped"] == 2


def test_another_version_takes_turns_with_this_one(live, monkeypatch, tmp_path, capsys):
    root = tmp_path / "other"
    (root / "edge_fer").mkdir(parents=True)
    (root / "edge_fer" / "__init__.py").touch()
    (tmp_path / "worker.py").write_text(OTHER)
    made = live.candidates

    def replaced(options, temporary):
        other, this = made(options, temporary)
        assert other.environment["PYTHONPATH"].startswith(str(root))
        return [live.Candidate(other.name, (sys.executable, str(tmp_path / "worker.py")), 1), this]

    monkeypatch.setattr(live, "candidates", replaced)
    monkeypatch.setattr(live, "SCENE_FRAMES", 16)
    values = tmp_path / "live.json"
    arguments = ["--film", "easy", "--rounds", "1", "--seconds", "0.3", "--against", root, "--json", values]
    monkeypatch.setattr(sys, "argv", ["benchmarks/live.py", *map(str, arguments)])
    live.main()
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split()[:2] == ["easy", "other"]
    assert shown[1].split()[-3:] == ["25.0%", "50%", "3"]
    saved = json.loads(values.read_text())
    (play,) = saved["films"]["easy"]["this"]
    assert len(play["frame_ms"]) >= 2
    assert play["faces"] == len(play["frame_ms"])
    assert play["cpu_s"] > 0
    assert play["wall_s"] >= 0.3


def test_nothing_to_play_is_refused(live, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks/live.py", "--rounds", "0"])
    with pytest.raises(live.BadInput, match="pass values greater than 0"):
        live.main()
