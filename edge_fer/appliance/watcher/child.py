"""What the watcher does: loads the model, opens the source, and sends the record of each frame."""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2

from edge_fer import profile
from edge_fer.appliance.watcher import voice as voices
from edge_fer.appliance.watcher.job import Job
from edge_fer.appliance.watcher.messages import Kind
from edge_fer.appliance.watcher.pictures import Encoder
from edge_fer.appliance.watcher.stages import Stages, TimedClassifier, TimedDetector
from edge_fer.appliance.watcher.voice import Voice, shown
from edge_fer.bundle import installed
from edge_fer.clock import SystemClock
from edge_fer.detectors import open_detector
from edge_fer.errors import BadBundle, EdgeFerError, SourceError
from edge_fer.pipeline import CLASSIFY_FPS, Pipeline
from edge_fer.sources import open_source
from edge_fer.sources.live import Backoff
from edge_fer.sources.options import SourceOptions, parse_size
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker
from edge_fer.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.appliance.watcher.job import Order
    from edge_fer.bundle import Bundle
    from edge_fer.clock import Clock
    from edge_fer.driving.observer import Observer
    from edge_fer.records import Record
    from edge_fer.sources import Frame, Source

REOPEN_S: Final = 1.0
"""Least time between two openings of a source: a picture or a film that ends is opened again."""
TRIAL_FRAMES: Final = 30
"""Drawn frames that a new model looks at before it gets the camera."""


def main() -> int:
    """Do the job on stdin; return an exit code."""
    voices.die_with_parent()
    voices.leave_no_core()
    # What a library prints must not be taken for a message.
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    voice = Voice(pipe)
    logging.basicConfig(handlers=[voices.Forwarding(voice)], level=logging.WARNING)
    job = Job.model_validate_json(sys.stdin.buffer.readline())
    try:
        _Watch(job, voice, SystemClock()).run()
    except EdgeFerError as exc:
        voice.say(Kind.FAILED, words=shown(exc), exit_code=exc.exit_code)
        # Without the ends of the runtimes: a thread that hangs would keep the process.
        os._exit(exc.exit_code)
    return 0


class _Watch:
    def __init__(self, job: Job, voice: Voice, clock: Clock) -> None:
        self._job = job
        self._voice = voice
        self._clock = clock
        self._stages = Stages(clock)
        self._encoder = Encoder()
        self._may_open = threading.Event()

    def run(self) -> None:
        """Watch for ever. Raises `EdgeFerError` for a model or a detector that cannot be used."""
        voices.start_beating(self._voice, self._stages, self._clock)
        voices.start_listening(sys.stdin.buffer, self._obey)
        with self._stages.at("load"):
            bundle = _bundle(self._job)
            if self._job.verify:
                _verify(bundle, self._job)
            # It was tried, now or before. This process may die of it, and the service would not.
            bundle.trusted = True
            classifier = TimedClassifier(bundle, self._job.target, threads=self._job.threads)
            if self._job.verify:
                self._rehearse(classifier)
            # A model that cannot be used is told now, not at the first frame.
            _observer(self._job)
        classifier.stages = self._stages
        info = classifier.backend.info
        self._voice.say(
            Kind.READY,
            bundle=bundle.manifest.name,
            target=classifier.target.name,
            runtime=f"{info.runtime} {info.version}",
        )
        if self._job.wait:
            self._may_open.wait()
        self._watch(classifier)

    def _obey(self, order: Order) -> None:
        if order.go:
            self._may_open.set()
        if order.pictures is not None:
            self._encoder.want(order.pictures)
        elif order.no_pictures:
            self._encoder.want(None)

    def _rehearse(self, classifier: TimedClassifier) -> None:
        """Watch people who are drawn, before the camera."""
        pipeline = self._pipeline(classifier)
        for _ in islice(pipeline.run(SyntheticCamera()), TRIAL_FRAMES):
            pass

    def _watch(self, classifier: TimedClassifier) -> None:
        """Read the source, which is opened again whenever it ends or fails."""
        backoff = Backoff(self._clock)
        while True:
            began_s = self._clock.now()
            fault = None
            pause_s = REOPEN_S
            try:
                if self._read_to_end(classifier):
                    backoff.reset()
            except SourceError as exc:
                fault = shown(exc)
                pause_s = backoff.next_s()
            self._voice.say(Kind.TRIED, fault=fault)
            with self._stages.at("pause"):
                self._clock.sleep(max(0.0, pause_s - (self._clock.now() - began_s)))

    def _read_to_end(self, classifier: TimedClassifier) -> bool:
        """Send the records of the source until it ends. Return whether there were any. Raises `SourceError`."""
        with self._stages.at("open"):
            source = _source(self._job)
        came = False
        # One for each opening: tracks are counted from 1 again.
        observer = _observer(self._job)
        with source:
            self._voice.say(Kind.OPENED)
            reopened = 0
            for frame, record in self._paced(self._pipeline(classifier), source):
                came = True
                self._send(frame, record, observer)
                # Cameras count it.
                if getattr(source, "reopened", 0) > reopened:
                    reopened += 1
                    self._voice.say(Kind.REOPENED)
        return came

    def _send(self, frame: Frame, record: Record, observer: Observer | None) -> None:
        height, width = frame.image.shape[:2]
        content: dict[str, Any] = {"record": record.as_dict(), "size": [width * frame.reduced, height * frame.reduced]}
        if observer is not None:
            with self._stages.at("observe"):
                observation = observer.observe(frame, record)
            content["driver"] = observation.model_dump(mode="json", exclude_none=True)
        picture = self._encoder.jpeg(frame.image, self._clock.now())
        self._voice.say(Kind.FRAME, picture, **content)

    def _paced(self, pipeline: Pipeline, source: Source) -> Iterator[tuple[Frame, Record]]:
        """Yield the frames of *source* with their records, at most at ``max_fps``."""
        period_s = 1 / self._job.max_fps
        due_s = self._clock.now()
        pairs = pipeline.run(source)
        while True:
            with self._stages.at("frame"):
                pair = next(pairs, None)
            if pair is None:
                return
            yield pair
            due_s = max(due_s + period_s, self._clock.now())
            self._clock.sleep(max(0.0, due_s - self._clock.now()))

    def _pipeline(self, classifier: TimedClassifier) -> Pipeline:
        job = self._job
        schedule = profile.Schedule(search_every_s=job.search_every_s, confirm_every_s=job.confirm_every_s)
        detector = TimedDetector(open_detector(job.detector, job.min_face_px), self._stages)
        tracker = FaceTracker(detector, schedule.tracking())
        return Pipeline(classifier, tracker, classify_fps=job.classify_fps or CLASSIFY_FPS)


def _bundle(job: Job) -> Bundle:
    # OpenCV would otherwise take all cores for the search.
    cv2.setNumThreads(job.threads)
    return profile.open_bundle(installed(job.model), None if job.public_key is None else Path(job.public_key))


def _observer(job: Job) -> Observer | None:
    """Return what observes the driver; None where there is none. Raises `EdgeFerError` for a model."""
    driving = job.driving
    if driving is None:
        return None
    from edge_fer.driving.observer import opened

    landmarks = None if driving.landmarks is None else Path(driving.landmarks)
    eyes = None if driving.eyes is None else Path(driving.eyes)
    return opened(landmarks, eyes, job.threads, job.classify_fps)


def _verify(bundle: Bundle, job: Job) -> None:
    """Raise `BadBundle` unless *bundle* computes what it should."""
    for result in verify(bundle, job.threads, only=bundle.target(job.target).name):
        if result.failed:
            raise BadBundle(f"{bundle.path}: {result.sentence()}; copy the bundle again")


def _source(job: Job) -> Source:
    options = SourceOptions(parse_size(job.size) if job.size is not None else None, read_timeout_s=job.read_timeout_s)
    if job.usual_size_px is not None:
        options = replace(options, usual_size_px=job.usual_size_px)
    return open_source(job.source, options)
