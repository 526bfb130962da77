"""What Prometheus reads."""

from __future__ import annotations

import shutil
import subprocess
import threading
from datetime import UTC, datetime

import pytest

pytest.importorskip("prometheus_client", reason="prometheus-client is not installed: pip install -e '.[appliance]'")

from prometheus_client.parser import text_string_to_metric_families

from edge_fer.appliance import metrics
from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.latest import Moment
from edge_fer.appliance.metrics import Metrics
from edge_fer.appliance.status import Status
from edge_fer.pipeline import STAGES

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
VERSION = {"version": "0.1.0", "bundle": "cnn-1", "target": "litert-int8"}
STAGE_MS = {"capture": 30.0, "detect": 12.0, "preprocess": 0.3, "classify": 0.8, "smooth": 0.02}


def moment(dropped: int = 0, faces: int = 0, **stages: float) -> Moment:
    record = {"faces": [{}] * faces, "stage_ms": STAGE_MS | stages, "dropped": dropped}
    return Moment(record, (640, 480), 0.0)


def full_status() -> dict:
    status = Status(20.0)
    status.saw_frame()
    status.works("camera")
    status.fails("mqtt", 'broker "x" \\ is\ngone')
    status.restarted("mqtt")
    outlets = {"mqtt": {"queued": 3, "dropped": 2, "refused": 1, "sent": 40}}
    return status.as_dict() | {"outlets": outlets, "camera_reconnects": 4, "watcher_memory_mb": 120.0}


def read(counted: Metrics, status: dict | None = None) -> dict[tuple[str, ...], float]:
    """Return the value of each series, by its name and the values of its labels."""
    values = {}
    for family in text_string_to_metric_families(counted.render(status or {}).decode()):
        for sample in family.samples:
            values[(sample.name, *sample.labels.values())] = sample.value
    return values


@pytest.fixture
def counted() -> Metrics:
    return Metrics(VERSION, temperature_c=lambda: 51.5)


def test_the_stages_are_those_of_the_pipeline():
    assert metrics.STAGES == STAGES


def test_frames_and_their_durations_are_counted(counted):
    for _ in range(3):
        counted.observe(moment(faces=2))
    values = read(counted)
    assert values["edge_fer_frames_total",] == 3
    assert values["edge_fer_faces",] == 2
    assert values["edge_fer_frame_duration_seconds_count", "detect"] == 3
    assert values["edge_fer_frame_duration_seconds_sum", "detect"] == pytest.approx(0.036)
    assert values["edge_fer_frame_duration_seconds_bucket", "0.01", "detect"] == 0
    assert values["edge_fer_frame_duration_seconds_bucket", "0.02", "detect"] == 3


def test_dropped_frames_add_up_over_restarts_of_the_source(counted):
    for dropped in (0, 3, 3, 10, 2, 4):
        counted.observe(moment(dropped=dropped))
    assert read(counted)["edge_fer_frames_dropped_total",] == 14


def test_changes_of_state_are_counted_by_the_new_state(counted):
    for before, after in ((None, "happy"), ("happy", "sad"), ("sad", "sad"), ("sad", None)):
        counted.event(Event(NOON, Kind.FACE, "track 1", before, after))
    counted.event(Event(NOON, Kind.ALERT, "drowsy", None, "raised"))
    values = read(counted)
    assert values["edge_fer_state_changes_total", "happy"] == 1
    assert values["edge_fer_state_changes_total", "sad"] == 1
    assert values["edge_fer_events_total", "face"] == 4
    assert values["edge_fer_events_total", "alert"] == 1


def test_parts_and_outlets_are_told(counted):
    values = read(counted, full_status())
    assert values["edge_fer_part_works", "camera"] == 1
    assert values["edge_fer_part_works", "mqtt"] == 0
    assert values["edge_fer_part_restarts_total", "mqtt"] == 1
    assert values["edge_fer_outlet_queued_events", "mqtt"] == 3
    assert values["edge_fer_outlet_dropped_events_total", "mqtt"] == 2
    assert values["edge_fer_outlet_refused_events_total", "mqtt"] == 1
    assert values["edge_fer_outlet_sent_events_total", "mqtt"] == 40
    assert values["edge_fer_camera_reconnects_total",] == 4
    assert values["edge_fer_healthy",] == 0
    assert values["edge_fer_temperature_celsius",] == 51.5
    assert values["edge_fer_resident_memory_bytes", "watcher"] == 120 * 2**20


def test_the_build_is_told_and_may_change(counted):
    assert "edge_fer_build_info{" in counted.render({}).decode()
    counted.runs(VERSION | {"bundle": "cnn-2"})
    text = counted.render({}).decode()
    assert 'bundle="cnn-2"' in text
    assert "cnn-1" not in text


def test_what_is_not_known_is_left_out():
    values = read(Metrics({}, temperature_c=lambda: None))
    assert ("edge_fer_temperature_celsius",) not in values
    assert ("edge_fer_newest_frame_age_seconds",) not in values


def test_labels_have_a_bounded_number_of_values(counted):
    for number in range(1000):
        counted.event(Event(NOON, Kind.FACE, "track 1", None, f"state {number}" + "x" * 1000))
        counted.observe(moment(**{f"stage {number}": 1.0}))
    parts = {f"part {number}": {"fault": None, "restarts": 0} for number in range(1000)}
    values = read(counted, {"parts": parts, "outlets": {name: {} for name in parts}})
    assert values["edge_fer_state_changes_total", "other"] == 1000 - metrics.MAX_STATES
    assert values["edge_fer_frame_duration_seconds_count", "other"] == 1000
    assert len(values) < 800


def test_any_words_can_be_labels(counted):
    counted.event(Event(NOON, Kind.FACE, "track 1", None, '\ud800"\\\n顔'))
    assert any("顔" in part for series in read(counted) for part in series if isinstance(part, str))


def test_it_may_be_read_while_it_counts(counted):
    stopping = threading.Event()

    def count() -> None:
        while not stopping.is_set():
            counted.observe(moment())
            counted.event(Event(NOON, Kind.FACE, "track 1", None, "happy"))

    thread = threading.Thread(target=count)
    thread.start()
    before = 0.0
    for _ in range(20):
        frames = read(counted, full_status())["edge_fer_frames_total",]
        assert frames >= before
        before = frames
    stopping.set()
    thread.join()


def test_no_series_says_when_it_was_created(counted):
    counted.observe(moment())
    assert "_created" not in counted.render(full_status()).decode()


def test_promtool_finds_nothing_to_mend(counted):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt install prometheus")
    counted.observe(moment(dropped=1, faces=1))
    counted.event(Event(NOON, Kind.FACE, "track 1", None, "happy"))
    text = counted.render(full_status())
    found = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stderr == b""
