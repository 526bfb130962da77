"""Watches the frames of a source: in step with a film, or live, where time goes on while no frame comes."""

from __future__ import annotations

import threading
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from edge_fer.clock import Clock
    from edge_fer.driving.monitor import Monitor, Step
    from edge_fer.driving.observation import Observation
    from edge_fer.driving.observer import Observer
    from edge_fer.records import Record
    from edge_fer.sources import Frame

    Pairs = Iterable[tuple[Frame, Record]]
    Speed = Callable[[], float | None]

POLL_S: Final = 0.1
"""How often the time is looked at while no frame comes."""
MOST_WAITING: Final = 8
"""Observations that may wait to be taken."""


def unknown_speed() -> float | None:
    """Return that nobody tells the speed."""
    return None


def in_step(pairs: Pairs, observer: Observer, monitor: Monitor, speed: Speed = unknown_speed) -> Generator[Step]:
    """Yield a step for each of *pairs*, frames with their records, in the frames' own time."""
    for frame, record in pairs:
        yield monitor.saw(_with_speed(observer.observe(frame, record), speed()))


def live(
    pairs: Pairs, observer: Observer, monitor: Monitor, clock: Clock, speed: Speed = unknown_speed
) -> Generator[Step]:
    """Yield the steps of a live source as they come, and those that a picture which is too old makes.

    Their times are seconds since the beginning, by *clock*. *pairs* are taken in a thread; what they raise is raised
    here.
    """
    began_s = clock.now()
    with _Frames(pairs, lambda frame, record: observer.observe(frame, record, clock.now() - began_s)) as frames:
        while True:
            try:
                observation = frames.next(POLL_S)
            except Empty:
                step = monitor.tick(clock.now() - began_s, speed())
                if step is not None:
                    yield step
                continue
            if observation is None:
                return
            yield monitor.saw(_with_speed(observation, speed()))


def _with_speed(observation: Observation, speed_kmh: float | None) -> Observation:
    return observation if speed_kmh is None else observation.model_copy(update={"speed_kmh": speed_kmh})


class _Frames:
    """Takes frames in a thread, and observes them there."""

    def __init__(self, pairs: Pairs, observe: Callable[[Frame, Record], Observation]) -> None:
        self._pairs = pairs
        self._observe = observe
        self._queue: Queue[Observation | Exception | None] = Queue(MOST_WAITING)
        self._stopping = threading.Event()
        # A daemon: a camera that hangs must not keep the program.
        self._thread = threading.Thread(target=self._run, name="driver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        self._thread.join(1.0)

    def next(self, within_s: float) -> Observation | None:
        """Return the next observation; None at the end. Raises `Empty`, and what reading the source has raised."""
        found = self._queue.get(timeout=within_s)
        if isinstance(found, Exception):
            raise found
        return found

    def _run(self) -> None:
        try:
            for frame, record in self._pairs:
                self._put(self._observe(frame, record))
                if self._stopping.is_set():
                    return
        except Exception as exc:  # noqa: BLE001  (it is raised again where the steps are taken)
            self._put(exc)
        else:
            self._put(None)

    def _put(self, what: Observation | Exception | None) -> None:
        while not self._stopping.is_set():
            try:
                return self._queue.put(what, timeout=POLL_S)
            except Full:
                continue
        return None
