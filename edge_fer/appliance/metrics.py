"""What the appliance counts, as Prometheus reads it (text format 0.0.4).

Names have base units and no per cent; every label has a bounded set of values, whatever happens on the device.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from edge_fer import host
from edge_fer.appliance.event import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client import Metric

    from edge_fer.appliance.event import Event
    from edge_fer.appliance.latest import Moment

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STAGES: Final = ("capture", "detect", "preprocess", "classify", "smooth")
"""As in a record's ``stage_ms``."""
BUCKETS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
MAX_STATES: Final = 32
MAX_PARTS: Final = 64
MAX_VALUE: Final = 100
"""Longest value of a label, in characters."""
OTHER: Final = "other"
"""The value of a label that stands for all beyond the bounds."""
MIB: Final = 2**20
OUTLET_COUNTS: Final = {
    "sent": "Events that the outlet delivered.",
    "dropped": "Events that were lost because the outlet's queue was full.",
    "refused": "Events that were given up because the other side will never take them.",
}
INFO: Final = ("version", "bundle", "target")
"""What is known of the build, at least: a label without a value is empty."""


class Metrics:
    """Counts frames and events. May be used from any thread.

    *version* says what runs, in ``edge_fer_build_info``: ``version``, ``bundle``, ``target``. *temperature_c* measures
    the machine when somebody asks for the metrics.
    """

    def __init__(
        self, version: Mapping[str, str], temperature_c: Callable[[], float | None] = host.temperature_c
    ) -> None:
        self._lock = threading.Lock()
        self._temperature_c = temperature_c
        self._status: Mapping[str, Any] = {}
        self._dropped_before = 0
        self._faces = 0
        self._states: dict[str, Counter] = {}
        self._counts = CollectorRegistry(auto_describe=False)
        self._make_counts()
        self.runs(version)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def _make_counts(self) -> None:
        registry = self._counts
        self._frames = Counter("edge_fer_frames", "Frames that were looked at.", registry=registry)
        self._frames_dropped = Counter(
            "edge_fer_frames_dropped", "Frames that the camera delivered and nobody looked at.", registry=registry
        )
        durations = Histogram(
            "edge_fer_frame_duration_seconds",
            "Time that a frame took, or waited, in each stage.",
            ["stage"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Looked up once: finding the child of a label costs more than counting.
        self._durations = {stage: durations.labels(stage) for stage in (*STAGES, OTHER)}
        events = Counter("edge_fer_events", "Events, by what they are about.", ["kind"], registry=registry)
        self._events = {kind: events.labels(kind.value) for kind in Kind}
        self._state_changes = Counter(
            "edge_fer_state_changes", "Changes of a face's state, by the new state.", ["state"], registry=registry
        )

    def runs(self, version: Mapping[str, str]) -> None:
        """Note what runs from now on: the bundle may be exchanged."""
        labels = {name: version.get(name, "") for name in INFO} | dict(version)
        self._version = {name: _label(value) for name, value in labels.items()}

    def observe(self, moment: Moment) -> None:
        """Count the frame of *moment*. Costs some microseconds."""
        record = moment.record
        self._frames.inc()
        self._faces = len(record["faces"])
        for stage, duration_ms in record["stage_ms"].items():
            self._durations.get(stage, self._durations[OTHER]).observe(duration_ms / 1e3)
        dropped = record["dropped"]
        # The source counts from 0 again when it was started again.
        new = dropped - self._dropped_before if dropped >= self._dropped_before else dropped
        self._dropped_before = dropped
        if new:
            self._frames_dropped.inc(new)

    def event(self, event: Event) -> None:
        """Count *event*."""
        self._events[event.kind].inc()
        if event.kind is Kind.FACE and event.after is not None and event.after != event.before:
            self._state(event.after).inc()

    def _state(self, state: str) -> Counter:
        """Return the counter of *state*; one for all beyond the first `MAX_STATES`."""
        with self._lock:
            if state not in self._states and len(self._states) >= MAX_STATES:
                state = OTHER
            if state not in self._states:
                self._states[state] = self._state_changes.labels(_label(state))
            return self._states[state]

    def render(self, status: Mapping[str, Any]) -> bytes:
        """Return all metrics as text (`CONTENT_TYPE`), with the parts and outlets of *status*, of ``/health``."""
        with self._lock:
            self._status = status
            return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield each metric, as prometheus-client asks its collectors."""
        for metric in self._counts.collect():
            # When a counter was created is a series more for each, and nobody asks for it.
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
        yield InfoMetricFamily("edge_fer_build", "What runs.", self._version)
        yield _gauge("edge_fer_faces", "Faces in the newest frame.", self._faces)
        yield from self._of_machine()
        yield from self._of_status()
        yield from _of_parts(self._status.get("parts") or {})
        yield from _of_outlets(self._status.get("outlets") or {})

    def _of_machine(self) -> Iterator[Metric]:
        temperature = self._temperature_c()
        if temperature is not None:
            yield _gauge("edge_fer_temperature_celsius", "Temperature of the processor.", temperature)
        memory = GaugeMetricFamily(
            "edge_fer_resident_memory_bytes", "Memory of the appliance's processes.", labels=["process"]
        )
        known = {"service": host.process_memory_mb(), "watcher": self._status.get("watcher_memory_mb")}
        for process, megabytes in known.items():
            if megabytes is not None:
                memory.add_metric([process], megabytes * MIB)
        yield memory

    def _of_status(self) -> Iterator[Metric]:
        status = self._status
        yield _gauge("edge_fer_healthy", "1 if frames come and every part works.", status.get("status") == "ok")
        age_s = status.get("newest_frame_age_s")
        if age_s is not None:
            yield _gauge("edge_fer_newest_frame_age_seconds", "Time since the newest frame came.", age_s)
        yield CounterMetricFamily(
            "edge_fer_camera_reconnects",
            "How often the camera was opened again.",
            value=status.get("camera_reconnects", 0),
        )


def _of_parts(parts: Mapping[str, Mapping[str, Any]]) -> Iterable[Metric]:
    works = GaugeMetricFamily("edge_fer_part_works", "1 if the part works.", labels=["part"])
    restarts = CounterMetricFamily("edge_fer_part_restarts", "How often the part was started again.", labels=["part"])
    for name, part in sorted(parts.items())[:MAX_PARTS]:
        works.add_metric([_label(name)], part.get("fault") is None)
        restarts.add_metric([_label(name)], part.get("restarts", 0))
    return works, restarts


def _of_outlets(outlets: Mapping[str, Mapping[str, Any]]) -> Iterable[Metric]:
    some = sorted(outlets.items())[:MAX_PARTS]
    queued = GaugeMetricFamily("edge_fer_outlet_queued_events", "Events that wait for the outlet.", labels=["outlet"])
    for name, outlet in some:
        queued.add_metric([_label(name)], outlet.get("queued", 0))
    yield queued
    for count, meaning in OUTLET_COUNTS.items():
        counter = CounterMetricFamily(f"edge_fer_outlet_{count}_events", meaning, labels=["outlet"])
        for name, outlet in some:
            counter.add_metric([_label(name)], outlet.get(count, 0))
        yield counter


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=float(value))


def _label(value: object) -> str:
    """Return *value* as the value of a label: UTF-8, and not too long."""
    return str(value)[:MAX_VALUE].encode(errors="replace").decode()
