"""The watcher's process: its messages, its pictures, and the real child with drawn people."""

from __future__ import annotations

import io
import signal
import time

import numpy as np
import pytest

from edge_fer.appliance.watcher import messages
from edge_fer.appliance.watcher.handle import ChildWatcher
from edge_fer.appliance.watcher.job import Job, Order, Pictures, differs
from edge_fer.appliance.watcher.messages import Kind, Message
from edge_fer.appliance.watcher.pictures import Encoder
from edge_fer.appliance.watcher.stages import Stages
from edge_fer.clock import FakeClock
from edge_fer.errors import BadInput

JPEG = b"\xff\xd8\xff"


def until(condition, timeout_s=240):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


# messages


def test_messages_can_be_written_and_read_again():
    sent = [Message(Kind.BEAT, {"ages": {"search": 1.5}}), Message(Kind.FRAME, {"size": [2, 1]}, b"jpeg")]
    stream = io.BytesIO(b"".join(message.as_bytes() for message in sent))
    assert list(messages.read_all(stream)) == sent


def test_a_message_that_was_cut_off_is_the_end():
    content = Message(Kind.FRAME, {"size": [2, 1]}, b"jpeg").as_bytes()
    for length in range(len(content)):
        assert list(messages.read_all(io.BytesIO(content[:length]))) == []


@pytest.mark.parametrize(
    "content",
    [
        b"INFO: a library prints",
        messages.LENGTHS.pack(2, 0) + b"[]",
        messages.LENGTHS.pack(2, 0) + b"{}",
        messages.LENGTHS.pack(2, 0) + b"\xff\xff",
        messages.LENGTHS.pack(15, 0) + b'{"kind":"other"}',
        messages.LENGTHS.pack(0, 2**31),
    ],
)
def test_what_is_no_message_is_refused(content):
    with pytest.raises(BadInput, match="the watcher sends"):
        list(messages.read_all(io.BytesIO(content)))


def test_a_message_holds_no_number_that_json_does_not_have():
    with pytest.raises(ValueError, match="JSON"):
        Message(Kind.FRAME, {"record": float("nan")}).as_bytes()


# jobs


def test_jobs_differ_by_what_they_watch_and_not_by_how_they_begin():
    one = Job(source="0", model="compact")
    assert differs(one, Job(source="0", model="compact", verify=True, wait=True)) == {}
    assert differs(one, Job(source="1", model="compact", threads=2)) == {"source": "1", "threads": 2}


def test_orders_are_one_line_each():
    for order in (Order(go=True), Order(pictures=Pictures(fps=10, width_px=64, quality=75)), Order(no_pictures=True)):
        line = order.as_line()
        assert line.count(b"\n") == 1
        assert Order.model_validate_json(line) == order


# stages


def test_stages_tell_how_long_they_have_been_at_work():
    clock = FakeClock()
    stages = Stages(clock)
    with stages.at("search"):
        clock.advance(2)
        with stages.at("classify"):
            clock.advance(1)
            assert stages.ages_s() == {"search": 3.0, "classify": 1.0}
    assert stages.ages_s() == {}


# pictures


def test_nothing_is_encoded_while_nobody_watches():
    encoder = Encoder()
    image = np.zeros((48, 64), np.uint8)
    assert encoder.jpeg(image, 0.0) == b""
    encoder.want(Pictures(fps=10, width_px=64, quality=75))
    assert encoder.jpeg(image, 0.0).startswith(JPEG)
    encoder.want(None)
    assert encoder.jpeg(image, 10.0) == b""


def test_pictures_come_at_the_rate_that_is_asked_for():
    encoder = Encoder()
    encoder.want(Pictures(fps=10, width_px=64, quality=75))
    image = np.zeros((48, 64, 3), np.uint8)
    times = [100 + index / 30 for index in range(300)]
    count = sum(1 for time_s in times if encoder.jpeg(image, time_s))
    assert 98 <= count <= 103


@pytest.mark.parametrize("shape", [(480, 640), (480, 640, 1), (480, 640, 3), (480, 640, 4)])
def test_wide_pictures_are_reduced_whatever_their_channels(shape):
    import cv2

    encoder = Encoder()
    encoder.want(Pictures(fps=10, width_px=320, quality=75))
    content = encoder.jpeg(np.full(shape, 128, np.uint8), 0.0)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.shape[:2] == (240, 320)


# the real child


class Heard:
    def __init__(self):
        self.messages = []
        self.lines = []

    def hear(self, watcher, message):
        self.messages.append(message)

    def of(self, kind):
        return [message for message in self.messages if message.kind is kind]


@pytest.fixture
def start():
    watchers = []

    def begin(**job):
        heard = Heard()
        watcher = ChildWatcher(
            Job(**{"source": "synthetic", "model": "compact", **job}), heard.hear, heard.lines.append
        )
        watcher.start()
        watchers.append(watcher)
        return watcher, heard

    yield begin
    for watcher in watchers:
        watcher.kill()
        until(lambda watcher=watcher: watcher.ended() is not None)


def test_the_child_proves_its_model_and_waits_for_the_camera(start):
    watcher, heard = start(verify=True, wait=True, max_fps=30)
    until(lambda: heard.of(Kind.READY))
    assert heard.of(Kind.READY)[0].content["bundle"] == "compact"
    assert heard.of(Kind.OPENED) == []
    watcher.tell(Order(go=True, pictures=Pictures(fps=1000, width_px=64, quality=50)))
    until(lambda: len(heard.of(Kind.FRAME)) > 3 and heard.of(Kind.BEAT))
    frame = heard.of(Kind.FRAME)[3]
    assert frame.content["size"] == [640, 480]
    assert frame.content["record"]["faces"][0]["state"]
    assert frame.picture.startswith(JPEG)
    watcher.tell(Order(no_pictures=True))
    until(lambda: heard.of(Kind.FRAME)[-1].picture == b"")
    # It ends when the service is gone: its stdin ends then.
    watcher._process.stdin.close()
    until(lambda: watcher.ended() == 0)


def test_the_child_tells_why_it_cannot_begin(start, tmp_path):
    watcher, heard = start(model=str(tmp_path / "none"))
    until(lambda: watcher.ended() is not None)
    failed = heard.of(Kind.FAILED)[0].content
    assert "no bundle" in failed["words"]
    assert failed["exit_code"] == watcher.ended() == 4


def test_the_child_tries_a_source_that_is_not_there_and_tells_no_password(start):
    watcher, heard = start(source="http://me:geheim@127.0.0.1:9/stream")
    until(lambda: heard.of(Kind.TRIED))
    fault = heard.of(Kind.TRIED)[0].content["fault"]
    assert "refuses the connection" in fault
    assert not any("geheim" in str(message) for message in heard.messages)
    watcher.terminate()
    until(lambda: watcher.ended() == -signal.SIGTERM)
