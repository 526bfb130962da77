"""The measurements, each one function that returns raw values."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.classifier import Classifier
from edge_fer.errors import BackendError, MissingDependency
from edge_fer.faces import Detection, FaceTracker, HaarDetector
from edge_fer.metrics import accuracy, macro_f1
from edge_fer.pipeline import STAGES, Pipeline
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer_bench.processes import timed
from edge_fer_bench.results import Accuracy, Golden, Tracking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_fer.bundle import Bundle
    from edge_fer.labelled import LabelledFaces

WARM_UP_FRAMES = 60


def stages(classifier: Classifier, seconds: float, progress: Callable[[float], None]) -> dict[str, tuple[float, ...]]:
    """Run the pipeline on the synthetic camera, 640x480 at a nominal 30 frames a second, as fast as it goes.

    The tracker lives in the camera's time, so the full searches fall on every 30th frame as with a real camera. Returns
    stage → milliseconds, a value a frame, after a warm-up.
    """
    pipeline = Pipeline(classifier)
    values: dict[str, list[float]] = {stage: [] for stage in STAGES}
    started = time.perf_counter()
    for seen, (_, record) in enumerate(pipeline.run(SyntheticCamera(seed=1))):
        if seen < WARM_UP_FRAMES:
            continue
        for stage, spent in record.stage_ms.items():
            values[stage].append(spent)
        elapsed = time.perf_counter() - started
        progress(elapsed / seconds)
        if elapsed >= seconds and seen >= 2 * WARM_UP_FRAMES:
            break
    return {stage: tuple(spent) for stage, spent in values.items()}


def classifiers(bundle: Bundle, calls: int, threads: int) -> dict[str, tuple[float, ...]]:
    """Time each target of *bundle* on one face, the targets taken in turn so that drift hits all alike.

    Returns target → milliseconds, a value a call, from uint8 crop to scores.
    """
    models = runnable(bundle, threads)
    crop = bundle.golden().inputs[:1]
    values: dict[str, list[float]] = {name: [] for name in models}
    for call in range(calls + 20):
        for name, model in models.items():
            started = time.perf_counter()
            model.scores(crop)
            spent = time.perf_counter() - started
            if call >= 20:
                values[name].append(spent * 1e3)
    for model in models.values():
        model.close()
    return {name: tuple(spent) for name, spent in values.items()}


def runnable(bundle: Bundle, threads: int = 1) -> dict[str, Classifier]:
    """Return a classifier for each target of *bundle* whose runtime is installed here, by its name."""
    models = {}
    for target in bundle.manifest.targets:
        with contextlib.suppress(MissingDependency):
            models[target.name] = Classifier(bundle, target.name, threads=threads)
    return models


def golden(classifier: Classifier) -> Golden:
    """Compare the golden answers."""
    check = classifier.check_golden()
    return Golden(
        inputs=check.inputs, same_label=check.same_label, worst=check.worst, tolerance=check.tolerance,
        passed=check.passed,
    )  # fmt: skip


def processes(
    arguments: list[str], repeats: int, progress: Callable[[float], None]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Start ``edge-fer run`` *repeats* times on 300 synthetic frames.

    Returns seconds from the start of the process to its first record, and its peak resident memory in MB. Raises
    `BackendError` when one fails.
    """
    command = [sys.executable, "-m", "edge_fer.cli", "run", "--source", "synthetic", "--frames", "300", "--json"]
    done = []
    for repeat in range(repeats):
        done.append(timed([*command, *arguments]))
        if not done[-1].first_line.startswith("{"):
            raise BackendError(f"edge-fer run --json began with {done[-1].first_line.strip()!r}")
        progress((repeat + 1) / repeats)
    return tuple(run.first_line_s for run in done), tuple(run.peak_memory_mb for run in done)


def tracking(seeds: range, progress: Callable[[float], None]) -> Tracking:
    """Compare tracked boxes with a full search of every third frame, and time how a hidden face is found again.

    The reference is OpenCV's cascade on the whole, unscaled frame. Each seed is a scene of 10 s in which the face is
    hidden twice for 1 s and comes back elsewhere. Frames in which it is hidden, or not yet found again, count for the
    second figure only.
    """
    iou: list[float] = []
    again: list[float] = []
    for seed in seeds:
        hidden = ((3.0, 4.0), (6.5, 7.5))
        camera = SyntheticCamera(frames=300, seed=seed, hidden_s=hidden)
        iou += _ious(camera)
        again += [_found_again(camera, end) for _, end in hidden]
        progress((seed - seeds.start + 1) / len(seeds))
    return Tracking(iou=tuple(iou), found_again_s=tuple(again))


def _ious(camera: SyntheticCamera) -> Iterator[float]:
    everything = HaarDetector(Detection(min_face_px=64, search_side_px=64))
    tracker = FaceTracker(HaarDetector())
    settled = False
    for frame in camera.frames():
        tracks = tracker.update(frame.image, frame.time_s)
        settled = bool(frame.truth) and (settled or bool(tracks))
        if frame.index % 3 or not settled:
            continue
        for face in everything.search(frame.image):
            yield max((track.box.iou(face.box) for track in tracks), default=0.0)


def _found_again(camera: SyntheticCamera, end_s: float) -> float:
    """Return seconds from *end_s*, when the face is drawn again, to the first frame in which the tracker has it."""
    tracker = FaceTracker(HaarDetector())
    for index in range(int((end_s - 2.0) * camera.fps), int((end_s + 3.0) * camera.fps)):
        frame = camera.frame(index)
        tracks = tracker.update(frame.image, frame.time_s)
        if frame.time_s >= end_s and any(t.box.iou(truth.box) > 0.3 for t in tracks for truth in frame.truth):
            return frame.time_s - end_s
    return float("inf")


def judge(bundle: Bundle, faces: LabelledFaces, data: str, progress: Callable[[float], None]) -> tuple[Accuracy, ...]:
    """Run every target of *bundle* over the labelled *faces*: the same files that were timed."""
    crops = faces.crops(bundle.manifest.preprocess)
    models = runnable(bundle)
    judged = []
    for done, (name, model) in enumerate(models.items()):
        with model as classifier:
            predicted = np.argmax(classifier.scores(crops), axis=1)
        judged.append(
            Accuracy(
                target=name,
                data=data,
                images=len(faces),
                accuracy=accuracy(predicted, faces.labels),
                macro_f1=macro_f1(predicted, faces.labels, len(faces.names)),
                predicted=tuple(int(label) for label in predicted),
            )
        )
        progress((done + 1) / len(models))
    return tuple(judged)
