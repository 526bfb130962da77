"""Runs a suite: each candidate in a process of its own, their blocks of frames in turn, in an order given by a seed.

Blocks take turns so that drift of the machine affects all candidates alike. Before each block a fixed reference
workload is timed: it shows whether the program or the machine became slower. A candidate that fails does not stop the
others, and an interruption loses nothing that has been measured.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer import __version__, host
from edge_fer.clock import SystemClock
from edge_fer.errors import BackendError, MissingDependency
from edge_fer.evaluation import metrics
from edge_fer_bench import coverage, results
from edge_fer_bench.candidates import WorkerProcess
from edge_fer_bench.detection import truth
from edge_fer_bench.host_monitor import HostMonitor
from edge_fer_bench.results import (
    Accuracy,
    Behaviour,
    Block,
    Detection,
    Golden,
    Measurement,
    Run,
    Skipped,
    VotesAccuracy,
)
from edge_fer_bench.scene import Scene
from edge_fer_bench.suites import MIN_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.clock import Clock
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.votes import FerPlusVotes
    from edge_fer.progress import ProgressListener
    from edge_fer_bench.candidates import Candidate
    from edge_fer_bench.suites import Suite


START_VALUES: Final = ("cold_start_s", "load_ms", "first_inference_ms", "peak_memory_mb")
"""Fields of a `Measurement` that get one value from each start of its process."""
WARM_UP_STRETCH_S: Final = 0.2
"""A stretch of frames has one median, and the warm-up compares the medians."""
SETTLED: Final = 0.98
"""Frames have stopped getting faster if a stretch takes more than this share of the fastest stretch before."""


@dataclass
class _CandidateRecord:
    """A candidate and what has been measured of it so far."""

    candidate: Candidate
    values: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(START_VALUES, ()))
    """Fields of its `Measurement`."""
    free: list[Block] = field(default_factory=list)
    paced: list[Block] = field(default_factory=list)
    worker: WorkerProcess = field(init=False)

    def start(self, arguments: Sequence[str]) -> None:
        """Start its process from cold and keep the times of the start."""
        self.worker = WorkerProcess(self.candidate, arguments)
        hello = self.worker.hello
        self.values["cold_start_s"] += (self.worker.cold_start_s,)
        for name in ("load_ms", "first_inference_ms"):
            if name in hello:  # peers do not time the parts of their start
                self.values[name] += (hello[name],)
        self.values["runtime"] = hello["runtime"]
        # Hashes of the files that the process has loaded.
        self.values["files"] = hello.get("files", {})

    def end(self) -> None:
        """End its process and keep its peak memory."""
        self.values["peak_memory_mb"] += (self.worker.end(),)

    @contextmanager
    def recording_failure(self) -> Iterator[None]:
        """Keep the reason if the worker fails inside, and continue after it."""
        try:
            yield
        except BackendError as exc:
            self.values["failed"] = str(exc)

    def measurement(self) -> Measurement:
        """Return what has been measured so far."""
        candidate = self.candidate
        return Measurement(
            name=candidate.name,
            kind=candidate.kind,
            bundle=candidate.bundle,
            target=candidate.target,
            threads=candidate.threads,
            detector=candidate.detector,
            size_bytes=candidate.size_bytes,
            stated=candidate.stated,
            free=tuple(self.free),
            paced=tuple(self.paced),
            **self.values,
        )


@dataclass
class Harness:
    """Measures candidates on one film."""

    suite: Suite
    folder: Path
    """Where the film is drawn; it is large."""
    progress: ProgressListener
    scene: Scene | None = None
    """By default one face, as long as the suite's film."""
    seed: int = 0
    """Seed of the order in which blocks take turns."""
    paced_fps: float = 30.0
    data: tuple[Path, LabelledFaces] | None = None
    """Labelled faces to measure accuracy on, and the file that they were loaded from."""
    votes: tuple[Path, FerPlusVotes] | None = None
    """Votes of FER+ on those faces, and the file that they were loaded from."""
    monitor: HostMonitor = field(default_factory=HostMonitor)
    refused: Sequence[Skipped] = ()
    """Candidates that the caller has found unfit; the run names them."""
    clock: Clock = field(default_factory=SystemClock)
    """Decides when the warm-up and the rounds end. Workers time their frames by the machine's own clock."""
    interrupted_by: KeyboardInterrupt | None = field(default=None, init=False)
    """What ended the last run early: Ctrl-C, or a signal that is handled alike."""

    def run(self, candidates: Sequence[Candidate], command: str) -> Run:
        """Measure *candidates* and return the run; *command* is kept in it.

        Ctrl-C ends the measurement, and what was measured until then is returned, marked as partial; `interrupted_by`
        is what to raise once it is kept.
        """
        self._prepare()
        started = results.now()
        facts = host.facts()  # before the load of the measurement changes clock and heat
        self.monitor.begin()
        self._began = self.clock.now()
        self.interrupted_by = None
        try:
            self._measure(candidates)
        except KeyboardInterrupt as exc:
            self.interrupted_by = exc
        return Run(
            edge_fer=__version__,
            suite=self.suite.name,
            command=command,
            started=started,
            seconds=self.clock.now() - self._began,
            seed=self.seed,
            partial=self.interrupted_by is not None,
            scene=asdict(self._scene),
            paced_fps=self.paced_fps if self.suite.paced_blocks else None,
            host=facts,
            readings=tuple(self.monitor.readings),
            measurements=tuple(record.measurement() for record in self._records),
            skipped=tuple(self._skipped),
        )

    def _measure(self, candidates: Sequence[Candidate]) -> None:
        with ExitStack() as workers:
            self._start(candidates, workers)
            self._warm_up()
            self._measure_free_running()
            self._measure_paced()
            self._ask_for_answers()

    def _prepare(self) -> None:
        """Draw the film, and forget what an earlier run has measured."""
        film = self.folder / "film.npy"
        self._scene = self.scene or Scene(frames=self.suite.film_frames)
        self._scene.draw(film)
        self._arguments = ["--scene", str(film), "--fps", str(self._scene.fps)]
        # One generator for the whole run: the same seed then gives the same order of all blocks.
        self._rng = np.random.default_rng(self.seed)
        self._skipped: list[Skipped] = list(self.refused)
        self._records: list[_CandidateRecord] = []

    def _start(self, candidates: Sequence[Candidate], workers: ExitStack) -> None:
        """Start every candidate; *workers* ends their processes, even after an interruption."""
        for number, candidate in enumerate(candidates):
            self.progress.step("starting", number / len(candidates))
            # The processes stay: starting one again before each block would make every block a cold one.
            record = _CandidateRecord(candidate)
            try:
                with record.recording_failure():
                    self._start_repeatedly(record, workers)
            except MissingDependency as exc:
                # Not a failure: nobody needs every runtime, and the reason says how to install it.
                self._skipped.append(Skipped(name=candidate.name, why=str(exc)))
                continue
            self._records.append(record)

    def _start_repeatedly(self, record: _CandidateRecord, workers: ExitStack) -> None:
        """Start the process of *record* as often as the suite wants; the last process is measured."""
        for number in range(self.suite.starts):
            if number > 0:
                record.end()
            record.start(self._arguments)
            workers.callback(record.worker.end)  # does nothing if it has been ended by then

    def _warm_up(self) -> None:
        for number, record in enumerate(self._working()):
            self.progress.step("warming up", number / len(self._records))
            with record.recording_failure():
                self._warm_up_one(record)

    def _warm_up_one(self, record: _CandidateRecord) -> None:
        """Process frames until they stop getting faster, or for as long as the suite allows."""
        fastest_ms = float("inf")
        frames = 0
        steady = False
        # Caches fill, memory is mapped and the clock rises in the first frames; how many depends on the board.
        end = self.clock.now() + self.suite.warm_up_s
        while not steady and self.clock.now() < end:
            answer = record.worker.ask("frames", seconds=WARM_UP_STRETCH_S, turn=self._scene.turn)
            median_ms = float(np.median(answer["frame_ms"]))
            frames += len(answer["frame_ms"])
            steady = median_ms > SETTLED * fastest_ms
            fastest_ms = min(fastest_ms, median_ms)
        record.values["warm_up_frames"] = frames
        record.values["steady"] = steady

    def _measure_free_running(self) -> None:
        parameters = {"seconds": self.suite.block_s, "turn": self._scene.turn}
        kept = self.suite.frames_kept(len(self._records), self._scene.turn)
        for number in range(self.suite.blocks):
            # Rounds are left out, not blocks: every candidate has the same number of blocks.
            if number >= MIN_ROUNDS and self.clock.now() - self._began > self.suite.limit_s:
                break
            for record in self._shuffled("frames"):
                self.progress.step("frames, as fast as possible", number / self.suite.blocks)
                with record.recording_failure():
                    block = self._block(record.worker, "frames", **parameters)
                    record.free.append(block.first(kept))

    def _measure_paced(self) -> None:
        parameters = {"seconds": self.suite.paced_s, "fps": self.paced_fps}
        for number in range(self.suite.paced_blocks):
            for record in self._shuffled("paced"):
                self.progress.step(f"frames, {self.paced_fps:g} a second", number / self.suite.paced_blocks)
                with record.recording_failure():
                    block = self._block(record.worker, "paced", **parameters)
                    record.paced.append(block)

    def _block(self, worker: WorkerProcess, do: str, **parameters: Any) -> Block:
        """Ask for one block of frames, with the pace of the machine before it and a reading after it."""
        # Neither is done during the block, when it would itself disturb what is measured.
        workload_ms = reference_workload_ms()
        cpu_s_before = worker.cpu_s
        at_s = self.monitor.elapsed_s()
        answer = worker.ask(do, **parameters)
        self.monitor.read(worker.cpu_s - cpu_s_before)
        return Block(at_s=at_s, yardstick_ms=workload_ms, **answer)

    def _ask_for_answers(self) -> None:
        """Ask each target, with each detector, once for its answers: they are the same with any threads."""
        answers: dict[tuple[str, str, str], dict[str, Any]] = {}
        for number, record in enumerate(self._working()):
            self.progress.step("answers", number / len(self._records))
            # Ended first, and another process asked: the labelled faces are not part of the memory of running frames.
            record.end()
            target = (record.candidate.bundle, record.candidate.target, record.candidate.detector)
            with record.recording_failure():
                if target not in answers:
                    answers[target] = self._answers(record.candidate)
                record.values.update(answers[target])

    def _answers(self, candidate: Candidate) -> dict[str, Any]:
        """Return the fields of a `Measurement` that do not depend on time, as far as *candidate* can answer."""
        golden = "golden" in candidate.capabilities
        accuracy = self.data is not None and "classify" in candidate.capabilities
        behaviour = self.suite.behaviour_s > 0 and "record_states" in candidate.capabilities
        detection = "detect" in candidate.capabilities
        follows = "report_faces" in candidate.capabilities
        if not (golden or accuracy or behaviour or detection or follows):
            return {}
        answers: dict[str, Any] = {}
        with WorkerProcess(candidate, self._arguments) as worker:
            if golden:
                answers["golden"] = Golden(**worker.ask("golden"))
            if accuracy:
                answers["accuracy"] = self._accuracy(worker)
            if behaviour:
                answers["behaviour"] = self._behaviour(worker)
            if detection:
                answers["detection"] = Detection(**worker.ask("detect", frames=truth(self._scene)))
            if follows:
                faces = worker.ask("report_faces", frames=self._scene.frames)["faces"]
                answers["following"] = coverage.score(self._scene, faces)
        return answers

    def _accuracy(self, worker: WorkerProcess) -> Accuracy | None:
        if self.data is None:
            return None
        path, faces = self.data
        answer = worker.ask("classify", data=str(path))
        # The worker sends labels only, so that edge-fer and peers are scored by the same code.
        predicted = np.array(answer["predicted"], np.int64)
        classes = len(faces.names)
        confusion = metrics.confusion(predicted, faces.labels, classes)
        # A class without images has a recall of 0, as in scikit-learn's zero_division, not a division by zero.
        recall = np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)
        return Accuracy(
            data=path.name,
            images=len(faces),
            accuracy=metrics.accuracy(predicted, faces.labels),
            macro_f1=metrics.macro_f1(predicted, faces.labels, classes),
            names=faces.names,
            recall=tuple(recall.tolist()),
            predicted=tuple(predicted.tolist()),
            by_votes=self._by_votes(predicted),
        )

    def _by_votes(self, predicted: NDArray[np.int64]) -> VotesAccuracy | None:
        if self.votes is None:
            return None
        path, votes = self.votes
        return VotesAccuracy(votes=path.name, **votes.accuracies(predicted))

    def _behaviour(self, worker: WorkerProcess) -> Behaviour:
        # The seed of the run, so that every target sees the same faces.
        parameters: dict[str, Any] = {"seconds": self.suite.behaviour_s, "fps": self.paced_fps, "seed": self.seed}
        name = ""
        if self.data is not None:
            path, _ = self.data
            parameters["data"] = str(path)
            name = path.name
        return Behaviour(**worker.ask("record_states", **parameters), data=name)

    def _working(self) -> list[_CandidateRecord]:
        """Return the candidates that have not failed."""
        return [record for record in self._records if "failed" not in record.values]

    def _shuffled(self, capability: str) -> list[_CandidateRecord]:
        """Return the working candidates that have *capability*, in the random order of one round."""
        # Drawn anew for each round: in a fixed order each would always run in the heat of the same neighbour.
        able = [record for record in self._working() if capability in record.candidate.capabilities]
        return [able[index] for index in self._rng.permutation(len(able))]


def reference_workload_ms(repeats: int = 3) -> float:
    """Return the milliseconds of a fixed piece of image work on one thread, the fastest of *repeats*."""
    image = np.arange(640 * 480, dtype=np.uint32).astype(np.uint8).reshape(480, 640)
    threads = cv2.getNumThreads()
    # One thread, so that the time does not depend on how busy the other cores are.
    cv2.setNumThreads(1)
    times_ms: list[float] = []
    for _ in range(repeats):
        began = time.perf_counter()
        # What detectors do most: smoothing, and sums over rectangles.
        for _ in range(4):
            cv2.integral(cv2.GaussianBlur(image, (0, 0), 2.0))
        times_ms.append((time.perf_counter() - began) * 1e3)
    cv2.setNumThreads(threads)
    return min(times_ms)  # the fastest one is that which was interrupted least
