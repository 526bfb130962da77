"""From a float model and some faces to a proven bundle: calibrate, quantize, judge, climb down where needed, time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.backends import ModelFile
from edge_fer.backends import load as load_backend
from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import near_copies
from edge_fer.evaluation.metrics import confusion
from edge_fer.progress import ProgressListener
from edge_fer_convert import calibration as calibrations
from edge_fer_convert import gate as gates
from edge_fer_convert import targets
from edge_fer_convert.fallbacks import FallbackSearch
from edge_fer_convert.file_metadata import Card
from edge_fer_convert.result import Conversion, TargetResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer_convert.calibration import Calibration
    from edge_fer_convert.job import Job
    from edge_fer_convert.targets import Converter, Files

THREADS: Final = 2
LATENCY_RUNS: Final = 100
WARM_UP: Final = 5
AGREEMENT_IMAGES: Final = 2000
SUM_TOLERANCE: Final = 1e-3
FORMS_TOLERANCE: Final = 1e-2


def convert(job: Job, progress: ProgressListener | None = None) -> Conversion:
    """Convert, judge and time every target of *job*.

    Raises `BadInput` for what cannot be converted or judged, before any work; `GateFailed` where it is strict.
    """
    started = time.monotonic()
    work = _Work(job, progress or ProgressListener())
    conversion = work.execute()
    conversion.seconds = time.monotonic() - started
    return conversion


class _Work:
    """One conversion while it runs."""

    def __init__(self, job: Job, progress: ProgressListener) -> None:
        _refuse_impossible(job)
        self.progress = progress
        self.warnings: list[str] = []
        self.first: tuple[str, NDArray[np.float32]] | None = None
        self.calibration, judged = self._data(job)
        self.crops = judged.crops(job.preprocess)
        self.labels = judged.labels if job.evaluated is not None else None
        self.job = self._with_probabilities(job)
        self.deduplicated = ~near_copies(judged, job.pool.faces) if job.find_near_copies else None

    def warn(self, words: str) -> None:
        self.warnings.append(words)
        self.progress.warn(words)

    def execute(self) -> Conversion:
        conversion = Conversion(
            self.job, self.calibration, len(self.crops), self.labels, self.deduplicated, warnings=self.warnings
        )
        by_runtime: dict[str, tuple[Converter, NDArray[np.float32]]] = {}
        for target in self.job.targets:
            runtime, _ = targets.split(target)
            if runtime not in by_runtime:
                by_runtime[runtime] = self._begin(runtime)
                conversion.tools |= _versions(by_runtime[runtime][0].tools)
                conversion.float_bytes[runtime] = len(by_runtime[runtime][0].float32())
            result = self._target(target, *by_runtime[runtime])
            if result.target != target:
                refusals = (attempt.refused for attempt in result.attempts if not attempt.variant.shown_only)
                why = next(filter(None, refusals), "it could not be made")
                self.warn(f"{target} became {result.target}: {why}")
            conversion.results.append(result)
        conversion.results = self._timed(conversion.results)
        return conversion

    def _data(self, job: Job) -> tuple[Calibration, LabelledFaces]:
        """Return the calibration set, and the faces to judge on: the evaluation set, or others of the pool."""
        pool = job.pool.faces
        if job.evaluated is not None:
            faces = job.evaluated.faces
            if not faces.labelled:
                raise BadInput(
                    f"{job.evaluated.name} has no labels; put its images into a folder a class, or leave --evaluate out"
                )
            pool = calibrations.without_evaluated(pool, faces, self.warn, forced=job.allow_overlap)
        pool = calibrations.without_flat(pool, self.warn)
        chosen = calibrations.choose(pool, job.images, job.seed)
        if len(chosen) < job.images:
            self.warn(f"{job.images} calibration images were asked for, {job.pool.name} has {len(chosen)}")
        if job.evaluated is not None:
            return calibrations.prepare(chosen, job.preprocess), job.evaluated.faces
        known = set(chosen.paths)
        others = pool.take(np.array([n for n, path in enumerate(pool.paths) if path not in known], np.intp))
        judged = others.sample(AGREEMENT_IMAGES, job.seed) if len(others) else chosen
        which = "other images than it was calibrated with" if len(others) else "the very images it was calibrated with"
        self.warn(
            f"no evaluation set: only agreement with float32 is checked, on {len(judged)} images ({which}); "
            "it shows that answers stay the same, not that they are right"
        )
        return calibrations.prepare(chosen, job.preprocess), judged

    def _with_probabilities(self, job: Job) -> Job:
        """Make sure that the model answers probabilities."""
        probe = self.calibration.values[:32]
        scores = job.model.scores(probe)
        if not np.isfinite(scores).all():
            raise BadInput("the model answers NaN or infinity to calibration images; check its weights and --range")
        sums = scores.sum(axis=1)
        model = job.model
        if scores.min() < 0 or scores.max() > 1 + SUM_TOLERANCE:
            self.warn("the model answers logits: a softmax was added behind it")
            model = model.with_softmax()
        elif np.abs(sums - 1).max() > SUM_TOLERANCE:
            raise BadInput(
                f"the model's answers lie between 0 and 1 but sum to {sums.min():.2f} to {sums.max():.2f}: "
                "neither logits nor probabilities; end it in a softmax"
            )
        if np.ptp(scores, axis=0).max() < SUM_TOLERANCE:
            self.warn("the model gives the same answer to every calibration image; check --range and its weights")
        return replace(job, model=model)

    def _begin(self, runtime: str) -> tuple[Converter, NDArray[np.float32]]:
        self.progress.step(f"{runtime}: float32")
        converter = targets.converter(runtime)(self.job.model, self.calibration.values)
        reference = self._score(runtime, converter.float32(), f"{runtime}-float32: judging")
        self._check_order(reference)
        self._check_forms(runtime, reference)
        return converter, reference

    def _check_forms(self, runtime: str, reference: NDArray[np.float32]) -> None:
        """Warn when one runtime's float32 is another model than the first one's: something was lost on the way."""
        if self.first is None:
            self.first = runtime, reference
            return
        other, expected = self.first
        apart = float(np.abs(reference - expected).max())
        if apart > FORMS_TOLERANCE:
            self.warn(f"{runtime}-float32 answers otherwise than {other}-float32: scores differ by up to {apart:.3f}")

    def _check_order(self, reference: NDArray[np.float32]) -> None:
        if self.labels is None:
            return
        counts = confusion(reference.argmax(axis=1), self.labels, len(self.job.labels))
        meant = gates.better_order(counts)
        words = "the labels seem to be in another order; the answers fit best with --labels "
        if meant is not None and not any(said.startswith(words) for said in self.warnings):
            self.warn(words + ",".join(self.job.labels[n] for n in meant))

    def _target(self, target: str, converter: Converter, reference: NDArray[np.float32]) -> TargetResult:
        runtime, _ = targets.split(target)
        search = FallbackSearch(
            converter=converter,
            values=self.calibration.values,
            score=lambda files: self._score(runtime, files, f"{target}: judging"),
            labels=self.labels,
            reference=reference,
            gate=self.job.gate,
            step=self.progress.step,
        )
        chosen = search.run(target, strict=self.job.strict)
        for failure in search.failures:
            self.warn(f"{target} could not be made in one way: {failure}")
        files = converter.stamp(chosen.files, self._card())
        with load_backend(runtime, self._file(files)) as backend:
            computes = backend.info.computes
        return TargetResult(
            asked=target,
            target=f"{runtime}-{chosen.variant.precision}",
            chosen=replace(chosen, files=files),
            attempts=tuple(search.attempts),
            worst=tuple(search.worst()),
            fusion_layers=len(search.fusion_layers),
            computes=computes,
        )

    def _card(self) -> Card:
        job = self.job
        return Card(job.name, job.description, job.licence, job.labels, job.preprocess)

    def _file(self, files: Files, threads: int = 1) -> ModelFile:
        return ModelFile(files.content, self.job.preprocess, self.job.labels, threads, files.weights)

    def _score(self, runtime: str, files: Files, words: str) -> NDArray[np.float32]:
        """Return the scores that the device's own backend gives for the images of the gate."""
        with load_backend(runtime, self._file(files, THREADS)) as backend:
            parts = []
            for start in range(0, len(self.crops), 128):
                self.progress.step(words, start / len(self.crops))
                parts.append(backend.run(self.crops[start : start + 128]))
        return np.concatenate(parts)

    def _timed(self, results: Sequence[TargetResult]) -> list[TargetResult]:
        """Time one face a run, all targets in turn, so that a busy moment hits all alike."""
        self.progress.step("timing")
        times: list[list[float]] = [[] for _ in results]
        with ExitStack() as stack:
            backends = []
            for result in results:
                runtime = targets.runtime_of(result.target)
                backends.append(stack.enter_context(load_backend(runtime, self._file(result.chosen.files))))
            for run in range(LATENCY_RUNS + WARM_UP):
                crop = self.crops[run % len(self.crops)][np.newaxis]
                for backend, taken in zip(backends, times, strict=True):
                    started = time.perf_counter()
                    backend.run(crop)
                    taken.append(1e3 * (time.perf_counter() - started))
        return [replace(o, latency_ms=tuple(taken[WARM_UP:])) for o, taken in zip(results, times, strict=True)]


def _refuse_impossible(job: Job) -> None:
    """Raise `BadInput` for what can be known to fail before any work."""
    for target in job.targets:
        targets.split(target)
        problem = job.model.can_be(target)
        if problem:
            raise BadInput(f"{target} is not to be had: {problem}; or leave it out of --targets")
    if job.model.classes != len(job.labels):
        raise BadInput(
            f"the model answers {job.model.classes} classes, labels are {len(job.labels)}: {', '.join(job.labels)}; "
            "pass all of them in the model's order with --labels"
        )
    if (job.model.size_px, job.model.planes) != (job.preprocess.size_px, job.preprocess.planes):
        raise BadInput(
            f"the model takes {job.model.size_px} px and {job.model.planes} planes, the preprocessing makes "
            f"{job.preprocess.size_px} px and {job.preprocess.planes}"
        )
    if job.evaluated is not None and job.evaluated.faces.names != job.labels:
        raise BadInput(f"{job.evaluated.name} has the classes {job.evaluated.faces.names}, the model {job.labels}")


def _versions(tools: Sequence[str]) -> dict[str, str]:
    found = {}
    for tool in tools:
        try:
            found[tool] = metadata.version(tool)
        except metadata.PackageNotFoundError:
            continue
    return found
