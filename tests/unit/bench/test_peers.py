"""The protocol by which peers answer the harness, and the workers that run without their programs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edge_fer.errors import BackendError
from edge_fer.progress import ProgressListener
from edge_fer_bench.candidates import Candidate, WorkerProcess
from edge_fer_bench.harness import Harness
from edge_fer_bench.scene import Scene
from edge_fer_bench.suites import Suite

PEERS = Path(__file__).parents[3] / "benchmarks" / "peers"
pytestmark = pytest.mark.skipif(not PEERS.is_dir(), reason="benchmarks/peers is not part of the wheel")

TOY = """
import sys, time
sys.path.insert(0, {peers!r})
from protocol import arguments, serve

def frame(picture):
    time.sleep(0.0001)  # no program takes a frame in no time
    return int(picture.shape == (240, 320, 3))

serve(arguments(), "numpy", frame, lambda face: int(face.mean() > 100))
"""


@pytest.fixture
def toy():
    command = (sys.executable, "-c", TOY.format(peers=str(PEERS)))
    return Candidate("toy", command, 1, "peer", bundle="toy", capabilities=frozenset({"frames", "classify"}))


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


def test_a_peer_that_is_not_installed_is_a_clear_failure(film):
    command = (sys.executable, str(PEERS / "worker_emotiefflib.py"))
    with pytest.raises(BackendError, match="No module named"):
        WorkerProcess(Candidate("emotiefflib", command, 1, "peer"), ["--scene", str(film)])
