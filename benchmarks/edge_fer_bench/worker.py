"""A process that measures one target of edge-fer: the harness asks it, a line of JSON for a line of JSON.

It sends a hello when it has classified its first frame. Then it answers requests ``{"do": ...}``:

=============  ================================================================================
frames         process frames of the film as fast as possible, for at least ``seconds`` and up to
               a multiple of ``turn`` frames
paced          process the film behind a camera of ``fps`` frames a second, for ``seconds``
golden         compare with the bundle's golden answers
classify       classify the labelled faces of ``data``
record_states  process a labelled sequence of ``seconds`` at ``fps``, of the faces of ``data`` or
               of drawn ones, and return when states changed
detect         search ``frames`` of the film, numbers and true faces, with the detector alone
report_faces   process ``frames`` of the film once, from its beginning, and return the faces of each, as
               x, y, width, height and track
=============  ================================================================================

Peers answer ``frames``, ``classify`` and ``report_faces`` in the same way, each in an environment of its own. Their
faces have no track, and instead of its faces, one that does not tell them returns None for a frame.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import bundle as bundles
from edge_fer import host
from edge_fer.classifier import Classifier
from edge_fer.detectors import DEFAULT_DETECTOR, open_detector
from edge_fer.errors import BadBundle, EdgeFerError, MissingDependency
from edge_fer.pipeline import STAGES, Pipeline
from edge_fer.sinks.lines import JsonLines
from edge_fer.sources import Frame
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker
from edge_fer_bench import scene
from edge_fer_bench.sequence import FaceSequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.sources import Source

SINKS: Final = "sinks"


class Worker:
    """One target of one bundle, in one pipeline that lives as long as the process."""

    def __init__(self, options: argparse.Namespace) -> None:
        # Python itself and the imports come before this; the harness measures the whole from outside.
        began = time.perf_counter()
        # Trusted: the command has tried each target before, and the trial is no part of the start that is measured.
        bundle = bundles.load(options.model, trusted=True)
        if options.manifest and hashlib.sha256(bundle.manifest_bytes).hexdigest() != options.manifest:
            raise BadBundle(f"{options.model} was changed during the benchmark; measure again")
        self._classifier = Classifier(bundle, options.target, backend=options.backend, threads=options.threads)
        loaded = time.perf_counter()
        # Many runtimes finish their preparations during the first inference, so it is timed on its own.
        self._classifier.scores(self._classifier.bundle.golden().inputs[:1])
        inferred = time.perf_counter()
        self._detector = open_detector(options.detector)
        self.pipeline = self._new_pipeline()
        self._film = scene.Film(options.scene, options.fps)
        self._frames = self._film.frames()
        # Writing JSON lines is what a user's frame ends with; where they go to is not the program's time.
        self._sink = JsonLines(Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  (as long as the process)
        self.hello = {
            "runtime": asdict(self._classifier.backend.info),
            "files": {file.file: file.sha256 for file in self._classifier.target.files},
            "load_ms": (loaded - began) * 1e3,
            "first_inference_ms": (inferred - loaded) * 1e3,
        }
        # The hello marks the first result, so the first frame comes before it.
        self._process(next(self._frames), 0.0, _FrameTimes())

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request."""
        methods: dict[str, Callable[..., dict[str, Any]]] = {
            "frames": self.frames,
            "paced": self.paced,
            "golden": self.golden,
            "classify": self.classify,
            "record_states": self.record_states,
            "detect": self.detect,
            "report_faces": self.report_faces,
        }
        parameters = dict(request)
        method = methods[parameters.pop("do")]
        answer = method(**parameters)
        # The CPU time of this process: its own threads must not count as the work of other programs.
        answer["cpu_s"] = time.process_time()
        return answer

    def frames(self, seconds: float, turn: int) -> dict[str, Any]:
        """Process frames as fast as possible; see the module for when it stops."""
        times = _FrameTimes()
        end = time.perf_counter() + seconds
        while True:
            began = time.perf_counter()
            # Whole turns of the film only: every block then shows the same, and blocks can be compared.
            whole_turns = times.frame_ms and len(times.frame_ms) % turn == 0
            if began >= end and whole_turns:
                return times.as_dict()
            frame = next(self._frames)
            self._process(frame, (time.perf_counter() - began) * 1e3, times)

    def paced(self, seconds: float, fps: float) -> dict[str, Any]:
        """Process the film behind a camera. A frame is late if it is not done when the next one is due."""
        # What was tracked in the frames before would be an advantage that no live start has.
        self.pipeline.reset()
        times = _FrameTimes()
        late = 0
        # As `Pipeline.run` does it for a live source.
        with scene.paced_camera(self._film, fps) as camera, self.pipeline.tracker.behind():
            end = time.perf_counter() + seconds
            began = time.perf_counter()
            for frame in camera.frames():
                self._process(frame, (time.perf_counter() - began) * 1e3, times)
                began = time.perf_counter()
                if began - frame.time_s > 1 / fps:
                    late += 1
                if began >= end:
                    break
            dropped = camera.dropped  # before it is closed, while its thread still counts
        self.pipeline.reset()
        return {**times.as_dict(), "dropped": dropped, "late": late}

    def golden(self) -> dict[str, Any]:
        """Compare with the golden answers."""
        check = self._classifier.check_golden()
        return {**asdict(check), "passed": check.passed}

    def classify(self, data: str) -> dict[str, Any]:
        """Classify every face of *data*, with the same file that is timed."""
        # Imported here: what only this request needs would count into the memory and start of all others.
        from edge_fer.evaluation.labelled import load_faces

        faces = load_faces(Path(data), self._classifier.labels)
        scores = self._classifier.scores(faces.crops(self._classifier.preprocess))
        return {"predicted": np.argmax(scores, axis=1).tolist()}

    def record_states(self, seconds: float, fps: float, seed: int, data: str | None = None) -> dict[str, Any]:
        """Process a labelled sequence and return each change of the state and of the label shown."""
        # Changes instead of one value per frame: nothing is lost, and two minutes have thousands of frames.
        states: list[tuple[float, str]] = []
        truth: list[tuple[float, str]] = []
        # A pipeline of its own: the sequence has its own clock, which starts at 0.
        pipeline = self._new_pipeline()
        for frame, record in pipeline.run(self._sequence(fps, int(seconds * fps), seed, data)):
            # The sequence shows one face; a second detection is an error of the detector, not of the states.
            state = record.faces[0].state if record.faces else ""
            label = frame.truth[0].label if frame.truth else ""
            _append_change(states, frame.time_s, state)
            _append_change(truth, frame.time_s, label)
        return {"seconds": seconds, "states": states, "truth": truth}

    def detect(self, frames: list[tuple[int, list[list[float]]]]) -> dict[str, Any]:
        """Search *frames* of the film, numbers and true boxes, with the detector alone."""
        from edge_fer_bench import detection

        return detection.measure(self._detector, self._film, frames)

    def report_faces(self, frames: int) -> dict[str, Any]:
        """Process *frames* of the film once, and return the faces of each."""
        pipeline = self._new_pipeline()
        faces: list[list[list[float]]] = []
        for index in range(frames):
            frame = Frame(self._film.picture(index), index / self._film.fps, index, "film")
            record = pipeline.process(frame)
            faces.append([[*map(float, face.box), face.track] for face in record.faces])
        return {"faces": faces}

    def _new_pipeline(self) -> Pipeline:
        return Pipeline(self._classifier, FaceTracker(self._detector))

    def _sequence(self, fps: float, frames: int, seed: int, data: str | None) -> Source:
        if data is None:
            return SyntheticCamera(fps=fps, frames=frames, seed=seed)
        from edge_fer.evaluation.labelled import load_faces

        faces = load_faces(Path(data), self._classifier.labels)
        return FaceSequence(faces, fps=fps, frames=frames, seed=seed)

    def _process(self, frame: Frame, capture_ms: float, times: _FrameTimes) -> None:
        """Run the pipeline and the sink on *frame* and add their times to *times*."""
        # Three reads of the clock; benchmarks/overhead.py measures what all of them cost.
        began = time.perf_counter()
        record = self.pipeline.process(frame, capture_ms)
        processed = time.perf_counter()
        self._sink.write(frame, record)
        ended = time.perf_counter()
        stages_ms = {**record.stage_ms, SINKS: (ended - processed) * 1e3}
        times.add((ended - began) * 1e3, stages_ms)


class _FrameTimes:
    """Milliseconds of frames and of their stages, one value per frame."""

    def __init__(self) -> None:
        self.frame_ms: list[float] = []
        self._stages_ms: dict[str, list[float]] = {stage: [] for stage in (*STAGES, SINKS)}

    def add(self, frame_ms: float, stages_ms: dict[str, float]) -> None:
        self.frame_ms.append(frame_ms)
        for stage, milliseconds in stages_ms.items():
            self._stages_ms[stage].append(milliseconds)

    def as_dict(self) -> dict[str, Any]:
        """Return the times as `results.Block` has them, with the present size of the process."""
        return {
            "frame_ms": self.frame_ms,
            "stages_ms": self._stages_ms,
            "memory_mb": host.process_memory_mb(),
            "open_files": host.process_files(),
        }


def _append_change(changes: list[tuple[float, str]], time_s: float, label: str) -> None:
    """Append *label* to *changes* unless it is the last one already."""
    if not changes or changes[-1][1] != label:
        changes.append((time_s, label))


def main(make: Callable[[argparse.Namespace], Worker] = Worker) -> None:
    """Send the hello, then answer requests until the input ends. *make* replaces the worker."""
    import cv2

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--manifest", help="Checksum of the bundle's manifest, which was checked and tried.")
    parser.add_argument("--target")
    parser.add_argument("--backend")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--detector", default=DEFAULT_DETECTOR)
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--fps", type=float, default=30.0)
    options = parser.parse_args()
    # OpenCV would take every core for detection, whatever number of threads is being measured.
    cv2.setNumThreads(options.threads)
    try:
        worker = make(options)
        _send(worker.hello)
        for line in sys.stdin:
            _send(worker.answer(json.loads(line)))
    except EdgeFerError as exc:
        # The class does not fit into JSON; the harness only needs to know whether something is not installed.
        _send({"error": str(exc), "missing": isinstance(exc, MissingDependency)})


def _send(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)  # noqa: T201  (stdout is the channel)


if __name__ == "__main__":
    main()
