"""The service on a device: reads frames for as long as it runs, and answers how it is.

``python -m edge_fer_devices.service /etc/edge-fer/config.toml``; systemd starts it, restarts it, and watches it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer.dependencies import spare_memory
from edge_fer.errors import BadInput, EdgeFerError, SourceError
from edge_fer.sources.addresses import scrub
from edge_fer.stopping import Signals, Stopped
from edge_fer.text import printable
from edge_fer_devices.config import Config
from edge_fer_devices.health import Health, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.classifier import Classifier
    from edge_fer.pipeline import Pipeline
    from edge_fer.profile import Choice
    from edge_fer.records import Record
    from edge_fer.sources import Source

REOPEN_S: Final = 1.0
"""Least time between two openings of a source: a picture or a film that ends is opened again."""
RETRY_S: Final = 5.0
"""Time to the next try of a source that cannot be opened."""
BEAT_S: Final = 5.0


def main(arguments: list[str] | None = None) -> int:
    """Run the service with the settings at the path in *arguments*; return an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if len(words) != 1:
        sys.stderr.write("usage: python -m edge_fer_devices.service CONFIG.toml\n")
        return 2
    spare_memory()
    with Signals() as signals:
        try:
            serve(Config.load(Path(words[0])), signals)
        except Stopped as stopped:
            # systemd ends a service by SIGTERM: that is no failure.
            return 0 if stopped.number == signal.SIGTERM else stopped.exit_code
        except EdgeFerError as exc:
            # The journal keeps no password of a camera.
            sys.stderr.write(f"edge-fer: {printable(scrub(str(exc)))}\n")
            return exc.exit_code
    return 0


def serve(config: Config, signals: Signals | None = None) -> None:
    """Answer how it is, and read frames until *signals* stop it. Raises `EdgeFerError`."""
    health = Health(config.health.stale_after_s)
    server = _server(config, health)
    server.start()
    beat = _Heartbeat(health)
    try:
        chosen = _choose(config)
        with _classifier(chosen) as classifier:
            beat.start()
            notify("READY=1")
            for record in _records(config, chosen, classifier, health):
                health.note(record)
                if config.print_records:
                    sys.stdout.write(record.as_json() + "\n")
                    sys.stdout.flush()
                if signals is not None:
                    signals.check()
    finally:
        notify("STOPPING=1")
        beat.stop()
        server.stop()


def notify(message: str) -> None:
    """Send *message* to systemd, where it started this process (see ``sd_notify(3)``); else do nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A leading @ stands for the NUL of an abstract name.
    name = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.sendto(message.encode(), name)


class _Heartbeat:
    """Tells systemd that the service lives: while frames come, or while a source is tried again and again.

    A source that blocks in the kernel does neither; then systemd restarts the service.
    """

    def __init__(self, health: Health) -> None:
        self._health = health
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(BEAT_S):
            status = self._health.as_dict()
            if self._health.alive():
                notify(f"WATCHDOG=1\nSTATUS={status['frames']} frames; {status['reason'] or 'frames come'}")


def _server(config: Config, health: Health) -> Server:
    try:
        return Server(health, config.health.bind, config.health.port)
    except OSError as exc:
        where = f"{config.health.bind}:{config.health.port}"
        raise BadInput(f"nothing can listen at {where}: {exc.strerror}; set health.port to another") from exc


def _choose(config: Config) -> Choice:
    """Return what to run: what the settings name, else what was measured on this board, else the defaults."""
    from edge_fer import profile
    from edge_fer.options import DEFAULT_MODEL

    return profile.choose(config.model, config.target, config.threads, DEFAULT_MODEL, config.detector)


def _classifier(chosen: Choice) -> Classifier:
    import cv2

    from edge_fer import bundle as bundles
    from edge_fer import profile
    from edge_fer.classifier import Classifier

    # OpenCV would otherwise take all cores for the search.
    cv2.setNumThreads(chosen.threads)
    bundle = profile.open_bundle(bundles.installed(chosen.model))
    return Classifier(bundle, chosen.target, threads=chosen.threads)


def _records(config: Config, chosen: Choice, classifier: Classifier, health: Health) -> Iterator[Record]:
    """Yield the records of the source, which is opened again whenever it ends or fails, at most at ``max_fps``."""
    while True:
        began = time.monotonic()
        try:
            with _source(config, chosen) as source:
                yield from _paced(_pipeline(chosen, config.min_face_px, classifier), source, config.max_fps)
            health.report("the source has ended; it is opened again")
            pause_s = REOPEN_S
        except SourceError as exc:
            sys.stderr.write(f"edge-fer: {exc}\n")
            health.report(str(exc))
            pause_s = RETRY_S
        health.tried()
        time.sleep(max(0.0, pause_s - (time.monotonic() - began)))


def _paced(pipeline: Pipeline, source: Source, max_fps: float) -> Iterator[Record]:
    period_s = 1 / max_fps
    due_s = time.monotonic()
    for _, record in pipeline.run(source):
        yield record
        due_s = max(due_s + period_s, time.monotonic())
        time.sleep(max(0.0, due_s - time.monotonic()))


def _source(config: Config, chosen: Choice) -> Source:
    from edge_fer.sources import open_source
    from edge_fer.sources.options import SourceOptions, parse_size

    options = SourceOptions(parse_size(config.size) if config.size is not None else None)
    if chosen.frame_px is not None:
        options = replace(options, usual_size_px=chosen.frame_px)
    return open_source(config.source, options)


def _pipeline(chosen: Choice, min_face_px: int, classifier: Classifier) -> Pipeline:
    from edge_fer.detectors import open_detector
    from edge_fer.pipeline import CLASSIFY_FPS, Pipeline
    from edge_fer.tracking import FaceTracker

    schedule = chosen.schedule
    tracker = FaceTracker(open_detector(chosen.detector, min_face_px), schedule.tracking())
    return Pipeline(classifier, tracker, classify_fps=schedule.classify_fps or CLASSIFY_FPS)


if __name__ == "__main__":
    sys.exit(main())
