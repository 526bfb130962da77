"""Running a suite: every candidate in a process of its own, blocks of frames in a seeded order, all in turn.

Drift of the machine so hits all alike. Before each block a piece of work that is always the same is timed, the
yardstick: it tells a slower program from a slower machine. What fails, fails alone; and nothing that was measured is
lost when somebody presses Ctrl-C.
"""

from __future__ import annotations

import contextlib
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer import __version__, host
from edge_fer.errors import BackendError, MissingDependency
from edge_fer.evaluation import metrics
from edge_fer_bench import results
from edge_fer_bench.candidates import WorkerProcess
from edge_fer_bench.host_monitor import HostMonitor
from edge_fer_bench.results import Accuracy, Behaviour, Block, Golden, Measurement, Run, Skipped
from edge_fer_bench.scene import Scene
from edge_fer_bench.suites import LEAST_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer.progress import ProgressListener
    from edge_fer_bench.candidates import Candidate
    from edge_fer_bench.suites import Suite


STARTS: Final = ("cold_start_s", "load_ms", "first_inference_ms", "peak_memory_mb")
WARM_UP_S: Final = 0.2
SETTLED: Final = 0.98
"""Frames have stopped getting faster when a stretch takes more than this share of the fastest one before."""


@dataclass
class _CandidateRecord:
    """A candidate while it is measured."""

    candidate: Candidate
    values: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(STARTS, ()))
    free: list[Block] = field(default_factory=list)
    paced: list[Block] = field(default_factory=list)
    worker: WorkerProcess = field(init=False)

    def start(self, arguments: Sequence[str]) -> None:
        """Start it from cold."""
        self.worker = WorkerProcess(self.candidate, arguments)
        hello = self.worker.hello
        self.values["cold_start_s"] += (self.worker.cold_start_s,)
        for what in ("load_ms", "first_inference_ms"):
            self.values[what] += (hello[what],) if what in hello else ()
        self.values |= {"runtime": hello["runtime"], "files": hello.get("files", {})}

    @contextmanager
    def surviving(self) -> Iterator[None]:
        """Keep why it failed, and go on with the others."""
        try:
            yield
        except BackendError as exc:
            self.values["failed"] = str(exc)

    def measurement(self) -> Measurement:
        """Return what is known of it by now."""
        candidate = self.candidate
        return Measurement(
            name=candidate.name, kind=candidate.kind, bundle=candidate.bundle, target=candidate.target,
            threads=candidate.threads, free=tuple(self.free), paced=tuple(self.paced), **self.values,
        )  # fmt: skip


@dataclass
class Harness:
    """Measures candidates on one film."""

    suite: Suite
    folder: Path
    """Where the film is drawn; it is large."""
    progress: ProgressListener
    """Hears what is being measured."""
    scene: Scene | None = None
    """By default one face, for as long as the suite's film is."""
    seed: int = 0
    paced_fps: float = 30.0
    data: tuple[Path, LabelledFaces] | None = None
    """Labelled faces to judge on, and the file that they come from."""
    monitor: HostMonitor = field(default_factory=HostMonitor)

    def __post_init__(self) -> None:
        """Draw the film."""
        film = self.folder / "film.npy"
        self._scene = self.scene or Scene(frames=self.suite.film_frames)
        self._scene.draw(film)
        self._arguments = ["--scene", str(film), "--fps", str(self._scene.fps)]
        self._rng = np.random.default_rng(self.seed)
        self._skipped: list[Skipped] = []
        self._records: list[_CandidateRecord] = []

    def run(self, candidates: Sequence[Candidate], command: str) -> Run:
        """Measure *candidates*; what was measured before an interruption is returned, marked as partial."""
        started, self._began, facts = results.now(), time.perf_counter(), host.facts()
        partial = True
        with contextlib.suppress(KeyboardInterrupt), ExitStack() as stack:
            self._start(candidates, stack)
            self._warm_up()
            self._free_running()
            self._paced()
            self._once()
            partial = False
        return Run(
            edge_fer=__version__,
            suite=self.suite.name,
            command=command,
            started=started,
            seconds=time.perf_counter() - self._began,
            seed=self.seed,
            partial=partial,
            scene=asdict(self._scene),
            paced_fps=self.paced_fps if self.suite.paced_blocks else None,
            host=facts,
            readings=tuple(self.monitor.readings),
            measurements=tuple(record.measurement() for record in self._records),
            skipped=tuple(self._skipped),
        )

    def _start(self, candidates: Sequence[Candidate], stack: ExitStack) -> None:
        for done, candidate in enumerate(candidates):
            self.progress.step("starting", done / len(candidates))
            record = _CandidateRecord(candidate)
            try:
                for last in range(self.suite.starts):
                    record.start(self._arguments)
                    stack.callback(record.worker.end)
                    if last + 1 < self.suite.starts:
                        record.values["peak_memory_mb"] += (record.worker.end(),)
            except MissingDependency as exc:
                self._skipped.append(Skipped(name=candidate.name, why=str(exc)))
                continue
            except BackendError as exc:
                record.values["failed"] = str(exc)
            self._records.append(record)

    def _warm_up(self) -> None:
        for done, record in enumerate(self._alive()):
            self.progress.step("warming up", done / len(self._records))
            with record.surviving():
                frames, steady = self._warmed_up(record.worker)
                record.values |= {"warm_up_frames": frames, "steady": steady}

    def _warmed_up(self, worker: WorkerProcess) -> tuple[int, bool]:
        """Run frames until they stop getting faster, or for as long as the suite allows."""
        frames, fastest = 0, float("inf")
        end = time.perf_counter() + self.suite.warm_up_s
        while time.perf_counter() < end:
            spent = worker.ask("frames", seconds=WARM_UP_S, turn=self._scene.turn)["frame_ms"]
            middle = float(np.median(spent))
            frames += len(spent)
            if middle > SETTLED * fastest:
                return frames, True
            fastest = min(fastest, middle)
        return frames, False

    def _free_running(self) -> None:
        question = {"seconds": self.suite.block_s, "turn": self._scene.turn}
        for number in range(self.suite.blocks):
            if number >= LEAST_ROUNDS and time.perf_counter() - self._began > self.suite.limit_s:
                break
            for record in self._shuffled("frames"):
                self.progress.step("frames, as fast as they go", number / self.suite.blocks)
                with record.surviving():
                    record.free.append(self._block(record.worker, "frames", **question))

    def _paced(self) -> None:
        question = {"seconds": self.suite.paced_s, "fps": self.paced_fps}
        for number in range(self.suite.paced_blocks):
            for record in self._shuffled("paced"):
                self.progress.step(f"frames, {self.paced_fps:g} a second", number / self.suite.paced_blocks)
                with record.surviving():
                    record.paced.append(self._block(record.worker, "paced", **question))

    def _once(self) -> None:
        """Ask for what needs no repeating, nor another number of threads: golden answers, accuracy, behaviour.

        A process of its own answers: the labelled faces would count as the memory of running frames.
        """
        answered: dict[tuple[str, str], dict[str, Any]] = {}
        for done, record in enumerate(self._alive()):
            self.progress.step("answers", done / len(self._records))
            record.values["peak_memory_mb"] += (record.worker.end(),)
            what = record.candidate.bundle, record.candidate.target
            with record.surviving():
                if what not in answered:
                    answered[what] = self._answers(record.candidate)
                record.values |= answered[what]

    def _answers(self, candidate: Candidate) -> dict[str, Any]:
        questions = dict(self._questions(candidate))
        if not questions:
            return {}
        with WorkerProcess(candidate, self._arguments) as worker:
            return {name: asked(worker) for name, asked in questions.items()}

    def _questions(self, candidate: Candidate) -> Iterator[tuple[str, Callable[[WorkerProcess], Any]]]:
        if "golden" in candidate.capabilities:
            yield "golden", lambda worker: Golden(**worker.ask("golden"))
        if self.data is not None and "judge" in candidate.capabilities:
            yield "accuracy", self._judged
        if self.suite.behaviour_s and "behave" in candidate.capabilities:
            question: dict[str, Any] = {"seconds": self.suite.behaviour_s, "fps": self.paced_fps, "seed": self.seed}
            if self.data is not None:
                question["data"] = str(self.data[0])
            name = self.data[0].name if self.data else ""
            yield "behaviour", lambda worker: Behaviour(**worker.ask("behave", **question), data=name)

    def _judged(self, worker: WorkerProcess) -> Accuracy:
        assert self.data is not None  # noqa: S101  (only asked with data)
        path, faces = self.data
        predicted = np.array(worker.ask("judge", data=str(path))["predicted"], np.int64)
        table = metrics.confusion(predicted, faces.labels, len(faces.names))
        return Accuracy(
            data=path.name,
            images=len(faces),
            accuracy=metrics.accuracy(predicted, faces.labels),
            macro_f1=metrics.macro_f1(predicted, faces.labels, len(faces.names)),
            names=faces.names,
            recall=tuple((np.diag(table) / np.maximum(table.sum(axis=1), 1)).tolist()),
            predicted=tuple(predicted.tolist()),
        )

    def _block(self, worker: WorkerProcess, do: str, **question: Any) -> Block:
        pace, before = yardstick_ms(), worker.cpu_s
        began = time.perf_counter() - self.monitor.began
        told = worker.ask(do, **question)
        self.monitor.read(worker.cpu_s - before)
        return Block(at_s=began, yardstick_ms=pace, **told)

    def _alive(self) -> list[_CandidateRecord]:
        return [record for record in self._records if "failed" not in record.values]

    def _shuffled(self, capability: str) -> list[_CandidateRecord]:
        able = [record for record in self._alive() if capability in record.candidate.capabilities]
        return [able[at] for at in self._rng.permutation(len(able))]


def yardstick_ms(repeats: int = 3) -> float:
    """Return the milliseconds of a piece of image work on one thread, the fastest of *repeats*."""
    image = np.arange(640 * 480, dtype=np.uint32).astype(np.uint8).reshape(480, 640)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(4):
            cv2.integral(cv2.GaussianBlur(image, (0, 0), 2.0))
        spent.append((time.perf_counter() - began) * 1e3)
    cv2.setNumThreads(threads)
    return min(spent)
