"""The real harness with real processes, on the tiny bundle."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_fer.bundle import load
from edge_fer.errors import BackendError
from edge_fer.evaluation.labelled import load_faces
from edge_fer.progress import ProgressListener
from edge_fer_bench import candidates
from edge_fer_bench.candidates import Candidate, WorkerProcess
from edge_fer_bench.harness import Harness, yardstick_ms
from edge_fer_bench.scene import Scene
from edge_fer_bench.suites import LEAST_ROUNDS, QUICK, Suite

TINY = str(Path(__file__).parents[2] / "golden" / "tiny")
SHORT = Suite("short", 3, 3, 0.05, 0.5, 2, 1, 0.4, 4.0)
SMALL = Scene(width_px=320, height_px=240, frames=20)

DIES = """
import json, sys
print(json.dumps({"runtime": {}}), flush=True)
sys.stdin.readline()
print(json.dumps({"frame_ms": [1.0] * 4}), flush=True)
sys.stdin.readline()
sys.exit("the model is too large")
"""


class Checked(ProgressListener):
    def step(self, words: str, share: float = 0.0) -> None:
        assert 0 <= share <= 1, words


def harness(tmp_path, **changes):
    return Harness(**{"suite": SHORT, "folder": tmp_path, "progress": Checked(), "scene": SMALL, **changes})


@pytest.fixture(scope="module")
def targets():
    return candidates.of_bundle(TINY, load(TINY), [1], "litert-int8") + candidates.of_bundle(
        TINY, load(TINY), [2], "litert-float32"
    )


def test_everything_is_measured(targets, tmp_path, shades):
    faces = load_faces(shades, load(TINY).manifest.labels)
    run = harness(tmp_path, data=(shades, faces)).run(targets, "edge-fer bench")
    assert [measurement.name for measurement in run.measurements] == [candidate.name for candidate in targets]
    assert not run.partial
    for measurement in run.measurements:
        assert not measurement.failed
        assert len(measurement.free) == 3
        assert all(len(block.frame_ms) % SMALL.turn == 0 < len(block.frame_ms) for block in measurement.free)
        assert set(measurement.free[0].stages_ms) == {"capture", "detect", "preprocess", "classify", "smooth", "sinks"}
        assert all(len(spent) == len(measurement.free[0].frame_ms) for spent in measurement.free[0].stages_ms.values())
        assert len(measurement.cold_start_s) == len(measurement.load_ms) == len(measurement.first_inference_ms) == 2
        assert len(measurement.peak_memory_mb) == 2
        assert all(30 < peak < 1000 for peak in measurement.peak_memory_mb)
        assert sum(len(block.frame_ms) for block in measurement.paced) >= 5
        assert measurement.golden.passed
        assert len(measurement.accuracy.predicted) == len(faces)
        assert measurement.accuracy.accuracy == (np.array(measurement.accuracy.predicted) == faces.labels).mean()
        assert measurement.behaviour.truth[0][0] == 0
        assert measurement.behaviour.data == shades.name
        assert measurement.files.keys() == {f"{measurement.target}.tflite"}
        assert measurement.runtime["threads"] == measurement.threads
    assert len(run.readings) == 2 * (3 + 1)


def test_a_suite_that_takes_too_long_has_fewer_rounds_but_enough(targets, tmp_path):
    slow = replace(SHORT, blocks=50, block_s=0.0, paced_blocks=0, behaviour_s=0.0, limit_s=0.0)
    run = harness(tmp_path, suite=slow).run(targets[:1], "x")
    assert len(run.measurements[0].free) == LEAST_ROUNDS
    assert not run.partial


def test_a_frame_is_about_the_sum_of_its_stages(targets, tmp_path):
    run = harness(tmp_path, suite=replace(SHORT, paced_blocks=0, behaviour_s=0.0)).run(targets[:1], "x")
    for block in run.measurements[0].free:
        for number, whole in enumerate(block.frame_ms):
            parts = sum(spent[number] for stage, spent in block.stages_ms.items() if stage != "capture")
            assert parts <= whole + 1e-3
            assert whole - parts < max(1.0, 0.3 * whole)
    assert run.measurements[0].behaviour is None
    assert run.paced_fps is None


def test_what_fails_fails_alone(targets, tmp_path):
    dies = Candidate("dies", (sys.executable, "-c", DIES), 1)
    never = Candidate("never", (sys.executable, "-c", "import sys; sys.exit('no such model')"), 1)
    run = harness(tmp_path).run([never, dies, *targets[:1]], "x")
    failed = {measurement.name: measurement.failed for measurement in run.measurements if measurement.failed}
    assert failed == {"never": "never ended with 1: no such model", "dies": "dies ended with 1: the model is too large"}
    assert len(run.measurements[-1].free) == 3


def test_what_is_not_installed_is_skipped_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "__init__.py").write_text("raise ImportError('gone')")
    run = harness(tmp_path).run(candidates.of_bundle(TINY, load(TINY), [1], "openvino-int8"), "x")
    assert run.measurements == ()
    assert "pip install" in run.skipped[0].why


def test_what_was_measured_before_an_interruption_is_kept(targets, tmp_path):
    class Impatient(ProgressListener):
        def step(self, words: str, share: float = 0.0) -> None:
            if words.startswith("frames, as fast") and share > 0.5:
                raise KeyboardInterrupt

    run = harness(tmp_path, progress=Impatient()).run(targets, "x")
    assert run.partial
    assert all(len(measurement.free) == 2 for measurement in run.measurements)


def test_the_order_is_that_of_the_seed(targets, tmp_path):
    def order(seed):
        made = harness(tmp_path, seed=seed)
        made._records = list(map(_contest, range(6)))
        return [record.candidate.name for _ in range(5) for record in made._shuffled("frames")]

    assert order(1) == order(1) != order(2)


def _contest(number):
    from edge_fer_bench.harness import _CandidateRecord

    return _CandidateRecord(Candidate(str(number), (), 1))


def test_a_worker_tells_its_own_errors(tmp_path):
    SMALL.draw(tmp_path / "film.npy")
    candidate = candidates.of_bundle(TINY, load(TINY), [1], "litert-int8")[0]
    with WorkerProcess(candidate, ["--scene", str(tmp_path / "film.npy")]) as worker:
        assert worker.cold_start_s > 0
        assert len(worker.ask("frames", seconds=0.0, turn=3)["frame_ms"]) == 3
        assert worker.cpu_s > 0
        with pytest.raises(BackendError, match=r"nothing\.zip"):
            worker.ask("judge", data=str(tmp_path / "nothing.zip"))


def test_the_yardstick_is_a_piece_of_work():
    assert yardstick_ms(1) > 0.01


def test_quick_is_quick():
    """Eight measurements of a board of four targets, and what they take at their slowest warm-up, without starting."""
    measurements = 8 * (QUICK.warm_up_s + QUICK.blocks * QUICK.block_s + QUICK.paced_blocks * QUICK.paced_s)
    assert measurements < 60
