"""The protocol by which peers answer the harness, and the workers that run without their programs."""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from edge_fer import bundle as bundles
from edge_fer.errors import BackendError
from edge_fer.progress import ProgressListener
from edge_fer_bench import coverage, table
from edge_fer_bench.candidates import Candidate, WorkerProcess, candidates_of_bundle
from edge_fer_bench.harness import Harness
from edge_fer_bench.results import Following, load_run, save_run
from edge_fer_bench.scene import Scene
from edge_fer_bench.suites import Suite

PEERS = Path(__file__).parents[3] / "benchmarks" / "peers"
TINY = str(Path(__file__).parents[2] / "golden" / "tiny")
ONE_BLOCK = Suite("short", 5, 1, 0.0, 0.0, 1, 0, 0.0, 0.0)
pytestmark = pytest.mark.skipif(not PEERS.is_dir(), reason="benchmarks/peers is not part of the wheel")

TOY = """
import sys, time
sys.path.insert(0, {peers!r})
from protocol import arguments, serve

def frame(picture):
    time.sleep(0.0001)  # no program takes a frame in no time
    return {boxes}

serve(arguments(), "numpy", frame, lambda face: int(face.mean() > 100))
"""


ASKED = frozenset({"frames", "classify", "report_faces"})
#: Says that a face fills each colour picture of the right size.
SEES_ONE = "[picture.shape[1::-1] * 2] if picture.shape == (240, 320, 3) else []"


def toy_that(boxes, name="toy"):
    command = (sys.executable, "-c", TOY.format(peers=str(PEERS), boxes=boxes))
    return Candidate(name, command, 1, "peer", bundle=name, capabilities=ASKED)


@pytest.fixture
def toy():
    return toy_that(SEES_ONE)


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.npy"
    Scene(width_px=320, height_px=240, frames=5).draw(path)
    return path


def test_a_peer_says_hello_times_frames_and_labels_faces(toy, film, tmp_path):
    np.savez(tmp_path / "faces.npz", images=np.stack([np.full((48, 48), tone, np.uint8) for tone in (20, 200)]))
    with WorkerProcess(toy, ["--scene", str(film)]) as worker:
        assert worker.hello["runtime"]["runtime"] == "numpy"
        assert worker.hello["runtime"]["faces_in_first_frame"] == 1
        assert len(worker.ask("frames", seconds=0.0, turn=12)["frame_ms"]) == 12
        assert worker.ask("report_faces", frames=2)["faces"] == [[[320, 240, 320, 240]]] * 2
        assert worker.ask("classify", data=str(tmp_path / "faces.npz"))["predicted"] == [0, 1]
        assert worker.cpu_s > 0


def test_the_harness_measures_a_peer_as_it_measures_edge_fer(toy, tmp_path):
    suite = Suite("short", 3, 2, 0.05, 0.3, 1, 1, 0.2, 2.0)
    scene = Scene(width_px=320, height_px=240, frames=5)
    run = Harness(suite, tmp_path, ProgressListener(), scene).run([toy], "x")
    (measurement,) = run.measurements
    assert measurement.kind == "peer"
    assert len(measurement.free) == 2
    assert measurement.paced == ()
    assert measurement.golden is measurement.behaviour is None


def test_coverage_stands_beside_speed(toy, tmp_path):
    scene = Scene(width_px=320, height_px=240, frames=5)
    tiny = candidates_of_bundle(TINY, bundles.load(TINY), [1], "litert-int8")[0]
    tiny = replace(tiny, capabilities=tiny.capabilities | {"report_faces"})
    silent = toy_that("None", "silent")
    run = Harness(ONE_BLOCK, tmp_path, ProgressListener(), scene).run([toy, silent, tiny], "x")
    by_name = {measurement.name: measurement for measurement in run.measurements}
    assert by_name["toy"].following.visible == {"frontal": 5}
    assert by_name["toy"].following.false == 5
    assert coverage.figures(by_name["toy"])["ids_a_person"] is None
    assert coverage.figures(by_name[tiny.name])["coverage"] == 1
    assert by_name["silent"].failed == ""
    assert coverage.figures(by_name["silent"]) is None
    rows = {cells[0]: cells[1:] for cells in coverage.rows(run.measurements)}
    assert rows["silent"] == ("–",) * 7
    assert rows["toy"] == ("0.0%", "0.0%", "–", "–", "–", "100.0", "–")
    assert rows["tiny"] == ("100.0%", "100.0%", "–", "–", "–", "0.0", "1.00")
    assert "\nfaces   coverage" in table.render(run)
    save_run(run, tmp_path / "run.json")
    assert load_run(tmp_path / "run.json") == run


def test_without_being_asked_nobody_reports_faces(toy, tmp_path):
    timed = replace(toy, capabilities=frozenset({"frames"}))
    scene = Scene(width_px=320, height_px=240, frames=5)
    run = Harness(ONE_BLOCK, tmp_path, ProgressListener(), scene).run([timed], "x")
    assert coverage.rows(run.measurements) == []


def test_counts_that_contradict_each_other_are_refused():
    with pytest.raises(ValidationError, match="2 of 1 frontal faces were reported"):
        Following(frames=1, visible={"frontal": 1}, covered={"frontal": 2}, false=0)
    with pytest.raises(ValidationError, match="no frame was shown"):
        Following(frames=0, visible={}, covered={}, false=0)


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(str(PEERS))
    return importlib.import_module("compare")


def test_another_version_is_compared_in_its_own_name(compare, tmp_path):
    root = tmp_path / "other"
    (root / "edge_fer").mkdir(parents=True)
    (root / "edge_fer" / "__init__.py").touch()
    options = argparse.Namespace(threads=None, target="litert-int8", against=str(root))
    this, other = compare.ours(options, {TINY: bundles.load(TINY)}, tmp_path)
    assert (this.name, other.name) == ("tiny litert-int8 x1", "tiny litert-int8 x1 of other")
    assert other.bundle != this.bundle
    assert other.environment["PYTHONPATH"].startswith(str(root))
    assert other.command[1] == "-P"
    # What it reports is asked in a way that it may not know.
    assert "report_faces" in this.capabilities - other.capabilities


def test_a_peer_that_is_not_installed_is_a_clear_failure(film):
    command = (sys.executable, str(PEERS / "worker_emotiefflib.py"))
    with pytest.raises(BackendError, match="No module named"):
        WorkerProcess(Candidate("emotiefflib", command, 1, "peer"), ["--scene", str(film)])
