"""The real harness with real processes: workers of the tiny bundle, or scripted ones where only answers count."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_fer.bundle import load
from edge_fer.clock import FakeClock
from edge_fer.emotions import FER2013
from edge_fer.errors import BackendError, BadBundle, MissingDependency
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.votes import VOTE_OF_CLASS, VOTES, FerPlusVotes
from edge_fer.progress import ProgressListener
from edge_fer_bench.candidates import Candidate, WorkerProcess, candidates_of_bundle, fit_candidates
from edge_fer_bench.harness import Harness, reference_workload_ms
from edge_fer_bench.host_monitor import HostMonitor
from edge_fer_bench.scene import Scene
from edge_fer_bench.suites import MIN_ROUNDS, QUICK, Suite

TINY = str(Path(__file__).parents[2] / "golden" / "tiny")
SHORT = Suite("short", 3, 3, 0.05, 0.5, 2, 1, 0.4, 4.0)
SMALL = Scene(width_px=320, height_px=240, frames=20)
ONE_START = replace(SHORT, starts=1, warm_up_s=0.0, paced_blocks=0, behaviour_s=0.0)

DIES = """
import json, sys
print(json.dumps({"runtime": {}}), flush=True)
sys.stdin.readline()
print(json.dumps({"frame_ms": [1.0] * 4}), flush=True)
sys.stdin.readline()
sys.exit("the model is too large")
"""

#: Answers each request for frames with the next of its arguments, the last one again and again.
SCRIPTED = """
import json, sys
times = [float(argument) for argument in sys.argv[1].split(",")]
print(json.dumps({"runtime": {}}), flush=True)
for line in sys.stdin:
    print(json.dumps({"frame_ms": [times.pop(0) if len(times) > 1 else times[0]] * 4}), flush=True)
"""


class CheckedListener(ProgressListener):
    def step(self, message: str, share: float = 0.0) -> None:
        assert 0 <= share <= 1, message


def harness(tmp_path, **changes):
    return Harness(**{"suite": SHORT, "folder": tmp_path, "progress": CheckedListener(), "scene": SMALL, **changes})


def scripted(name, *frame_ms):
    command = (sys.executable, "-I", "-S", "-c", SCRIPTED, ",".join(map(str, frame_ms)))
    return Candidate(name, command, 1, capabilities=frozenset({"frames"}))


@pytest.fixture(scope="module")
def targets():
    int8 = candidates_of_bundle(TINY, load(TINY), [1], "litert-int8")
    float32 = candidates_of_bundle(TINY, load(TINY), [2], "litert-float32")
    return int8 + float32


def test_everything_is_measured(targets, tmp_path, shades):
    faces = load_faces(shades, load(TINY).manifest.labels)
    # Ten votes for the class of FER2013 that has the number of the face's label.
    columns = [VOTES.index(VOTE_OF_CLASS[FER2013[label]]) for label in faces.labels]
    counts = 10 * np.eye(len(VOTES), dtype=np.float32)[columns]
    counts[0] = 10 * np.eye(len(VOTES), dtype=np.float32)[VOTES.index("contempt")]
    counts[1] = 0
    votes = FerPlusVotes(counts)
    data = {"data": (shades, faces), "votes": (tmp_path / "ferplus.csv", votes)}
    run = harness(tmp_path, **data).run(targets, "edge-fer bench")
    assert [measurement.name for measurement in run.measurements] == [candidate.name for candidate in targets]
    assert not run.partial
    for measurement in run.measurements:
        assert not measurement.failed
        assert len(measurement.free) == 3
        assert all(len(block.frame_ms) % SMALL.turn == 0 < len(block.frame_ms) for block in measurement.free)
        assert set(measurement.free[0].stages_ms) == {"capture", "detect", "preprocess", "classify", "smooth", "sinks"}
        assert all(len(stage) == len(measurement.free[0].frame_ms) for stage in measurement.free[0].stages_ms.values())
        assert len(measurement.cold_start_s) == len(measurement.load_ms) == len(measurement.first_inference_ms) == 2
        assert len(measurement.peak_memory_mb) == 2
        assert all(30 < peak < 1000 for peak in measurement.peak_memory_mb)
        assert sum(len(block.frame_ms) for block in measurement.paced) >= 1
        assert measurement.golden.passed
        assert len(measurement.accuracy.predicted) == len(faces)
        assert measurement.accuracy.accuracy == (np.array(measurement.accuracy.predicted) == faces.labels).mean()
        by_votes = measurement.accuracy.by_votes
        right = (np.array(measurement.accuracy.predicted) == faces.labels)[2:].sum()
        assert (by_votes.votes, by_votes.images) == ("ferplus.csv", len(faces) - 1)
        assert by_votes.accuracy_8_classes == pytest.approx(right / (len(faces) - 1))
        assert by_votes.accuracy_7_classes == pytest.approx(right / (len(faces) - 2))
        assert 0 < by_votes.macro_recall <= 1
        assert measurement.behaviour.truth[0][0] == 0
        assert measurement.behaviour.data == shades.name
        assert measurement.files.keys() == {f"{measurement.target}.tflite"}
        assert measurement.runtime["threads"] == measurement.threads
    assert len(run.readings) == 2 * (3 + 1)


def test_a_suite_that_takes_too_long_has_fewer_rounds_but_enough(tmp_path):
    slow = replace(ONE_START, blocks=50, block_s=0.0, limit_s=0.0)
    run = harness(tmp_path, suite=slow).run([scripted("fast", 1.0)], "x")
    assert len(run.measurements[0].free) == MIN_ROUNDS
    assert not run.partial


def test_the_time_of_a_frame_contains_that_of_its_stages(targets, tmp_path):
    run = harness(tmp_path, suite=replace(ONE_START, blocks=1)).run(targets[:1], "x")
    (block,) = run.measurements[0].free
    stages = [block.stages_ms[stage] for stage in ("detect", "preprocess", "classify", "smooth", "sinks")]
    rounding_ms = 0.5e-3 * (len(stages) + 1)  # each value is rounded to a microsecond
    for frame_ms, *stages_ms in zip(block.frame_ms, *stages, strict=True):
        assert 0 <= sum(stages_ms) <= frame_ms + rounding_ms


def test_what_a_suite_leaves_out_is_not_in_the_run(tmp_path):
    run = harness(tmp_path, suite=ONE_START).run([scripted("fast", 1.0)], "x")
    assert run.measurements[0].behaviour is None
    assert run.measurements[0].paced == ()
    assert run.paced_fps is None


def test_the_warm_up_ends_when_frames_stop_getting_faster(tmp_path):
    suite = replace(ONE_START, warm_up_s=60.0, blocks=1)
    run = harness(tmp_path, suite=suite).run([scripted("settles", 9.0, 5.0, 3.0, 3.0, 7.0)], "x")
    (measurement,) = run.measurements
    assert measurement.steady
    assert measurement.warm_up_frames == 4 * 4
    assert measurement.free[0].frame_ms == (7.0,) * 4


def test_a_second_run_of_a_harness_begins_anew(tmp_path):
    measuring = harness(tmp_path, suite=replace(ONE_START, blocks=1))
    assert not (tmp_path / "film.npy").exists()
    first = measuring.run([scripted("one", 1.0)], "x")
    second = measuring.run([scripted("two", 1.0)], "x")
    assert [measurement.name for measurement in (*first.measurements, *second.measurements)] == ["one", "two"]
    assert len(first.readings) == len(second.readings) == 1


def test_a_warm_up_without_time_is_not_steady(tmp_path):
    run = harness(tmp_path, suite=ONE_START).run([scripted("fast", 1.0)], "x")
    assert not run.measurements[0].steady
    assert run.measurements[0].warm_up_frames == 0


def test_a_failure_ends_only_its_own_candidate(tmp_path):
    dies = Candidate("dies", (sys.executable, "-c", DIES), 1)
    never = Candidate("never", (sys.executable, "-c", "import sys; sys.exit('no such model')"), 1)
    suite = replace(ONE_START, warm_up_s=0.5)
    run = harness(tmp_path, suite=suite).run([never, dies, scripted("fast", 1.0)], "x")
    failed = {measurement.name: measurement.failed for measurement in run.measurements if measurement.failed}
    assert failed == {
        "never": "never ended with exit code 1: no such model",
        "dies": "dies ended with exit code 1: the model is too large",
    }
    assert len(run.measurements[-1].free) == 3


def test_a_candidate_that_lacks_a_package_is_skipped_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "__init__.py").write_text("raise ImportError('gone')")
    run = harness(tmp_path).run(candidates_of_bundle(TINY, load(TINY), [1], "openvino-int8"), "x")
    assert run.measurements == ()
    assert "OpenVINO cannot be loaded: gone" in run.skipped[0].why


def test_a_target_that_fails_its_trial_is_not_measured(monkeypatch, tmp_path):
    def check(loaded, target, contents, *, backend, threads):
        if target.name == "litert-int8":
            raise BadBundle("litert-int8 ends the process that runs it (SIGSEGV)")
        if target.name == "onnx-int8":
            raise MissingDependency("pip install it")

    monkeypatch.setattr("edge_fer.trial.check", check)
    loaded = load(TINY)
    fit, refused = fit_candidates(loaded, candidates_of_bundle(TINY, loaded, [1, 2]))
    assert {skipped.name: skipped.why for skipped in refused} == {
        f"tiny litert-int8 x{threads}": "litert-int8 ends the process that runs it (SIGSEGV)" for threads in (1, 2)
    }
    # A missing runtime is what the worker itself reports.
    others = ["litert-float32", "onnx-float32", "onnx-int8", "openvino-float32", "openvino-int8"]
    assert sorted({candidate.target for candidate in fit}) == others
    run = harness(tmp_path, suite=ONE_START, refused=refused).run([scripted("fast", 1.0)], "x")
    assert [skipped.name for skipped in run.skipped] == ["tiny litert-int8 x1", "tiny litert-int8 x2"]


def test_what_was_measured_before_an_interruption_is_kept(tmp_path):
    class Impatient(ProgressListener):
        def step(self, message: str, share: float = 0.0) -> None:
            if message.startswith("frames, as fast") and share > 0.5:
                raise KeyboardInterrupt

    candidates = [scripted("one", 1.0), scripted("two", 2.0)]
    measuring = harness(tmp_path, suite=ONE_START, progress=Impatient())
    run = measuring.run(candidates, "x")
    assert run.partial
    assert isinstance(measuring.interrupted_by, KeyboardInterrupt)
    assert [len(measurement.free) for measurement in run.measurements] == [2, 2]


def test_a_worker_whose_long_answer_nobody_reads_is_ended(tmp_path):
    """As after an interruption: more than a pipe holds."""
    talks = 'import sys; print("{}", flush=True); sys.stdin.readline(); print("x" * 1_000_000, flush=True)'
    worker = WorkerProcess(Candidate("talks", (sys.executable, "-I", "-S", "-c", talks), 1), [])
    worker._process.stdin.write("answer\n")
    worker._process.stdin.flush()
    assert worker.end() > 0


def test_the_seed_decides_the_order_of_the_blocks(tmp_path):
    def order(seed):
        candidates = [scripted(name, 1.0) for name in "abcd"]
        run = harness(tmp_path, suite=replace(ONE_START, blocks=5), seed=seed).run(candidates, "x")
        blocks = [(block.at_s, measurement.name) for measurement in run.measurements for block in measurement.free]
        return [name for _, name in sorted(blocks)]

    first = order(1)
    assert order(1) == first != order(2)
    rounds = [set(first[at : at + 4]) for at in range(0, 20, 4)]
    assert rounds == [set("abcd")] * 5


def test_a_worker_reports_its_own_errors(tmp_path):
    SMALL.draw(tmp_path / "film.npy")
    (candidate,) = candidates_of_bundle(TINY, load(TINY), [1], "litert-int8")
    with WorkerProcess(candidate, ["--scene", str(tmp_path / "film.npy")]) as worker:
        assert worker.cold_start_s > 0
        assert len(worker.ask("frames", seconds=0.0, turn=3)["frame_ms"]) == 3
        assert worker.cpu_s > 0
        with pytest.raises(BackendError, match=r"nothing\.zip"):
            worker.ask("classify", data=str(tmp_path / "nothing.zip"))


def test_the_reference_workload_is_timed_on_one_thread_which_is_then_undone():
    threads = cv2.getNumThreads()
    assert reference_workload_ms(repeats=1) > 0
    assert cv2.getNumThreads() == threads


def test_every_block_has_the_time_of_the_reference_workload_before_it(tmp_path, monkeypatch):
    times_ms = iter([5.0, 6.0, 7.0])
    monkeypatch.setattr("edge_fer_bench.harness.reference_workload_ms", lambda: next(times_ms))
    run = harness(tmp_path, suite=ONE_START).run([scripted("fast", 1.0)], "x")
    assert [block.yardstick_ms for block in run.measurements[0].free] == [5.0, 6.0, 7.0]


def test_the_quick_suite_begins_no_round_after_its_limit(tmp_path):
    class SlowBoard(ProgressListener):
        def step(self, message: str, share: float = 0.0) -> None:
            if message.startswith("frames, as fast"):
                clock.sleep(7.0)  # each round of blocks takes as long

    clock = FakeClock()
    slow = harness(tmp_path, suite=QUICK, progress=SlowBoard(), monitor=HostMonitor(clock=clock), clock=clock)
    run = slow.run([scripted("slow", 1.0)], "x")
    assert [block.at_s for block in run.measurements[0].free] == [7.0, 14.0, 21.0, 28.0, 35.0, 42.0]
    assert run.seconds == 42.0
    assert not run.partial
