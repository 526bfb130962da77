"""edge-fer as something that is measured: a process that answers the harness, a line of JSON to a line of JSON.

It says hello once it has classified its first frame. Then it is asked ``{"do": ...}``:

=========  ============================================================================
frames     run the film as fast as it goes for ``seconds``, and on to a multiple of ``turn`` frames
paced      run it behind a camera of ``fps`` frames a second for ``seconds``
golden     compare the bundle's golden answers
judge      classify the labelled faces of ``data``
behave     run a labelled sequence of ``seconds`` at ``fps``, of the faces of ``data`` or of drawn
           ones, and tell when states changed
=========  ============================================================================

The peers beside edge-fer answer ``frames`` and ``judge`` likewise, each in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import host
from edge_fer.classifier import Classifier
from edge_fer.errors import EdgeFerError, MissingDependency
from edge_fer.pipeline import STAGES, Pipeline
from edge_fer.sinks.lines import JsonLines
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer_bench import scene
from edge_fer_bench.sequence import FaceSequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.sources import Frame, Source

SINKS: Final = "sinks"


class Worker:
    """One target of one bundle, in one pipeline that lives as long as the process."""

    def __init__(self, options: argparse.Namespace) -> None:
        began = time.perf_counter()
        self._classifier = Classifier.load(
            options.model, options.target, backend=options.backend, threads=options.threads
        )
        loaded = time.perf_counter()
        self._classifier.scores(self._classifier.bundle.golden().inputs[:1])
        answered = time.perf_counter()
        self.pipeline = Pipeline(self._classifier)
        self._film = scene.Film(options.scene, options.fps)
        self._frames = self._film.frames()
        self._sink = JsonLines(Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  (as long as the process)
        self.hello = {
            "runtime": asdict(self._classifier.backend.info),
            "files": {file.file: file.sha256 for file in self._classifier.target.files},
            "load_ms": (loaded - began) * 1e3,
            "first_inference_ms": (answered - loaded) * 1e3,
        }
        self._one(next(self._frames), 0.0, _Spent())

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one question."""
        questions: dict[str, Callable[..., dict[str, Any]]] = {
            "frames": self.frames, "paced": self.paced, "golden": self.golden, "judge": self.judge,
            "behave": self.behave,
        }  # fmt: skip
        what = asked.pop("do")
        return {**questions[what](**asked), "cpu_s": time.process_time()}

    def frames(self, seconds: float, turn: int) -> dict[str, Any]:
        """Run the film as fast as it goes."""
        spent = _Spent()
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end or not spent.frame_ms or len(spent.frame_ms) % turn:
            frame = next(self._frames)
            self._one(frame, (time.perf_counter() - began) * 1e3, spent)
        return spent.told()

    def paced(self, seconds: float, fps: float) -> dict[str, Any]:
        """Run the film behind a camera; a frame is late when it is not done as the next one is due."""
        self.pipeline.reset()
        spent, late = _Spent(), 0
        with scene.paced(self._film, fps) as camera:
            end = time.perf_counter() + seconds
            began = time.perf_counter()
            for frame in camera.frames():
                self._one(frame, (time.perf_counter() - began) * 1e3, spent)
                began = time.perf_counter()
                late += began - frame.time_s > 1 / fps
                if began >= end:
                    break
            dropped = camera.dropped
        self.pipeline.reset()
        return {**spent.told(), "dropped": dropped, "late": late}

    def golden(self) -> dict[str, Any]:
        """Compare the golden answers."""
        check = self._classifier.check_golden()
        return {**asdict(check), "passed": check.passed}

    def judge(self, data: str) -> dict[str, Any]:
        """Classify every face of *data*: with the very file that is timed."""
        from edge_fer.evaluation.labelled import load_faces

        faces = load_faces(Path(data), self._classifier.labels)
        scores = self._classifier.scores(faces.crops(self._classifier.preprocess))
        return {"predicted": np.argmax(scores, axis=1).tolist()}

    def behave(self, seconds: float, fps: float, seed: int, data: str | None = None) -> dict[str, Any]:
        """Run a sequence whose labels are known."""
        states: list[tuple[float, str]] = []
        truth: list[tuple[float, str]] = []
        pipeline = Pipeline(self._classifier)
        for frame, record in pipeline.run(self._sequence(fps, int(seconds * fps), seed, data)):
            shown = frame.truth[0].label if frame.truth else ""
            said = record.faces[0].state if record.faces else ""
            for told, now in ((states, said), (truth, shown)):
                if not told or told[-1][1] != now:
                    told.append((frame.time_s, now))
        return {"seconds": seconds, "states": states, "truth": truth}

    def _sequence(self, fps: float, frames: int, seed: int, data: str | None) -> Source:
        if data is None:
            return SyntheticCamera(fps=fps, frames=frames, seed=seed)
        from edge_fer.evaluation.labelled import load_faces

        return FaceSequence(load_faces(Path(data), self._classifier.labels), fps=fps, frames=frames, seed=seed)

    def _one(self, frame: Frame, capture_ms: float, spent: _Spent) -> None:
        began = time.perf_counter()
        record = self.pipeline.process(frame, capture_ms)
        processed = time.perf_counter()
        self._sink.write(frame, record)
        ended = time.perf_counter()
        spent.add((ended - began) * 1e3, {**record.stage_ms, SINKS: (ended - processed) * 1e3})


class _Spent:
    """Milliseconds, a value a frame."""

    def __init__(self) -> None:
        self.frame_ms: list[float] = []
        self._stages: dict[str, list[float]] = {stage: [] for stage in (*STAGES, SINKS)}

    def add(self, frame_ms: float, stages: dict[str, float]) -> None:
        self.frame_ms.append(frame_ms)
        for stage, spent in stages.items():
            self._stages[stage].append(spent)

    def told(self) -> dict[str, Any]:
        return {
            "frame_ms": self.frame_ms,
            "stages_ms": self._stages,
            "memory_mb": host.process_memory_mb(),
            "open_files": host.process_files(),
        }


def main(make: Callable[[argparse.Namespace], Worker] = Worker) -> None:
    """Say hello, then answer until the input ends."""
    import cv2

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--target")
    parser.add_argument("--backend")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--fps", type=float, default=30.0)
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    try:
        worker = make(options)
        _tell(worker.hello)
        for line in sys.stdin:
            _tell(worker.answer(json.loads(line)))
    except EdgeFerError as exc:
        _tell({"error": str(exc), "missing": isinstance(exc, MissingDependency)})


def _tell(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201  (stdout is the answer)


if __name__ == "__main__":
    main()
