"""Network sources against servers of this process: what is behind an address, and what goes wrong with it."""

from __future__ import annotations

import base64
import io
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import cv2
import numpy as np
import pytest

from edge_fer.clock import FakeClock
from edge_fer.errors import SourceError
from edge_fer.sources import open_source, stream, web
from edge_fer.sources.camera import Camera
from edge_fer.sources.live import AccessDenied
from edge_fer.sources.options import SourceOptions, View
from edge_fer.sources.stream import BoundedFlow, NetworkFilm, StreamCapture
from edge_fer.sources.web import NetworkPicture, PartsCapture

JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 120, np.uint8))[1].tobytes()
PNG = cv2.imencode(".png", np.full((48, 64, 3), 120, np.uint8))[1].tobytes()
MULTIPART = "multipart/x-mixed-replace; boundary=frame"
SOON = SourceOptions(read_timeout_s=5)


def film(container: str, frames: int = 8, codec: str = "mpeg4") -> bytes:
    """Return a film of 10 frames a second."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        video = output.add_stream(codec, rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            picture = np.full((48, 64, 3), 20 * number % 256, np.uint8)
            output.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(video.encode())
    return file.getvalue()


def part(content: bytes, headers: bytes = b"", end: bytes = b"\r\n") -> bytes:
    return b"--frame" + end + b"Content-Type: image/jpeg" + end + headers + end + content + end


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args): ...

    def do_GET(self):
        status, headers, content = self.server.answers[self.path.partition("?")[0]]
        expected = self.server.password
        if expected and self.headers.get("Authorization") != f"Basic {base64.b64encode(expected).decode()}":
            status, headers, content = 401, {"WWW-Authenticate": 'Basic realm="camera"'}, b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for piece in [content] if isinstance(content, bytes) else content:
                self.wfile.write(piece)
        except ConnectionError:
            pass  # the other side has heard enough

    def handle_one_request(self):
        with suppress(ConnectionError):
            super().handle_one_request()


@contextmanager
def serving(answers, password=b""):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.answers, server.password = answers, password
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def sized(content: bytes, kind: str):
    return 200, {"Content-Type": kind, "Content-Length": str(len(content))}, content


def take(name: str, count: int, options: SourceOptions = SOON) -> list:
    frames = []
    with open_source(name, options) as source:
        for frame in source.frames():
            frames.append((frame.name, frame.image.shape, frame.time_s))
            if len(frames) == count:
                break
    return frames


def forever(piece: bytes):
    while True:
        yield piece


@pytest.mark.parametrize(
    "piece",
    [
        part(JPEG, b"Content-Length: %d\r\n" % len(JPEG)),
        part(JPEG),
        part(JPEG, end=b"\n"),
        part(b"\xff\xd8 damaged") + part(JPEG),
        part(PNG),
        b"a preamble\r\n\r\n" + part(JPEG),
    ],
    ids=["length", "boundary", "line feeds", "damaged", "png", "preamble"],
)
def test_a_stream_of_pictures_is_a_camera(piece):
    with serving({"/stream": (200, {"Content-Type": MULTIPART}, forever(piece))}) as host:
        frames = take(f"http://admin:S3cret@{host}/stream?pwd=S3cret", 3)
    assert {name for name, _, _ in frames} == {f"camera http://***@{host}/stream?pwd=***"}
    assert {shape for _, shape, _ in frames} == {(48, 64, 3)}


def test_a_stream_that_changes_its_size_goes_on():
    small = cv2.imencode(".jpg", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    link = Pieces(part(JPEG) + part(small) + part(JPEG) + b"--frame--\r\n")
    capture = PartsCapture(link)
    shapes = []
    while (answer := capture.read())[0]:
        shapes.append(answer[1].shape[:2])
    assert shapes == [(48, 64), (20, 30), (48, 64)]


class Pieces:
    """Stands in for a link: delivers the given bytes again and again, or once."""

    def __init__(self, content: bytes, again: bytes = b"", size: int = 100):
        self.content = content
        self.again = again
        self.size = size
        self.received = 0

    def receive(self, size):
        if not self.content:
            self.content = self.again
        size = min(size, self.size)
        data, self.content = self.content[:size], self.content[size:]
        self.received += len(data)
        return data

    def cut(self): ...


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        (b"--frame\r\nContent-Type: image/jpeg\r\n\r\n", "a picture has no end within 1 MiB"),
        (b"--frame\r\nContent-Length: 99999999999999\r\n\r\n", "a picture of more than 1 MiB was announced"),
        (b"--frame\r\nContent-Length: " + b"9" * 8000 + b"\r\n\r\n", "a picture of more than 1 MiB was announced"),
        (b"--frame\r\n", "the header of a part has more than 100 lines"),
        (b"", "no picture within 1 MiB"),
    ],
    ids=["part", "length", "digits", "header", "preamble"],
)
def test_what_has_no_end_is_bounded(monkeypatch, begin, message):
    monkeypatch.setattr(web, "MAX_FRAME_BYTES", 1 << 20)
    link = Pieces(begin, again=b"x" * (1 << 16), size=1 << 16)
    with pytest.raises(SourceError, match=message):
        PartsCapture(link).read()
    assert link.received < 3 << 20


def test_the_time_stamp_of_a_part_is_read():
    capture = PartsCapture(Pieces(part(JPEG, b"X-Timestamp: 77.5\r\n") + part(JPEG, b"X-Timestamp: never\r\n") + b"--"))
    capture.read()
    assert capture.time_s == 77.5
    capture.read()
    assert capture.time_s is None


@pytest.mark.parametrize(("container", "kind"), [("mp4", "video/mp4"), ("mpegts", "video/mp2t"), ("avi", "x/unknown")])
def test_a_film_has_all_its_frames_its_own_time_and_an_end(container, kind):
    with serving({"/film": sized(film(container), kind)}) as host:
        source = open_source(f"http://{host}/film", SOON)
        assert isinstance(source, NetworkFilm)
        with source:
            times = [frame.time_s for frame in source.frames()]
    assert times == pytest.approx([number / 10 for number in range(8)], abs=1e-3)


def test_a_film_of_untold_length_is_a_film():
    with serving({"/film": (200, {"Content-Type": "video/x-matroska"}, film("matroska"))}) as host:
        source = open_source(f"http://{host}/film", SOON)
        assert isinstance(source, NetworkFilm)
        with source:
            assert len(list(source.frames())) == 8


def test_video_without_length_and_end_is_a_camera():
    with serving({"/live": (200, {"Content-Type": "video/mp2t"}, film("mpegts", 40))}) as host:
        source = open_source(f"http://{host}/live", SOON)
        assert isinstance(source, Camera)
        with source:
            assert next(source.frames()).image.shape == (48, 64, 3)


@pytest.mark.parametrize(("kind", "content"), [("image/jpeg", JPEG), ("image/png", PNG), ("x/unknown", JPEG)])
def test_one_picture_is_one_picture(kind, content):
    with serving({"/snap.cgi": sized(content, kind)}) as host:
        source = open_source(f"http://{host}/snap.cgi?pwd=S3cret", SOON)
        assert isinstance(source, NetworkPicture)
        assert source.stills
        (frame,) = source.frames()
    assert frame.name == f"http://{host}/snap.cgi"
    assert frame.image.shape == (48, 64, 3)


def test_user_name_and_password_are_sent_decoded():
    answers = {"/snap": sized(PNG, "image/png")}
    with serving(answers, password=b"admin:S3cr@t/") as host:
        assert len(take(f"http://admin:S3cr%40t%2F@{host}/snap", 1)) == 1
        with pytest.raises(AccessDenied, match=r"refuses the user name or the password \(401\)"):
            open_source(f"http://admin:wrong@{host}/snap", SOON)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((403, {}, b""), r"refuses the user name or the password \(403\)"),
        ((404, {}, b""), r"does not have what was asked for \(404\)"),
        ((503, {}, b""), r"answers with an error \(503\)"),
        (sized(b"<html>log in</html>", "text/html"), "answers with text/html, which is no video"),
        (sized(b"nonsense" * 100, "video/mp4"), "nothing that can be read as video"),
        (sized(b"", "video/mp4"), "nothing that can be read as video"),
        (sized(JPEG[:40], "image/jpeg"), "not an image"),
    ],
)
def test_each_answer_that_is_no_video_has_its_own_words(answer, message):
    with serving({"/x": answer}) as host, pytest.raises(SourceError, match=message) as caught:
        open_source(f"http://admin:S3cret@{host}/x", SOON)
    assert "S3cret" not in str(caught.value)
    assert "/dev/video" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp", "tcp"])
def test_a_refused_connection_is_told_and_no_password(scheme):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(SourceError, match=rf"{scheme}://\*\*\*@127.0.0.1:{port}/x refuses the connection") as caught:
        open_source(f"{scheme}://admin:S3cret@127.0.0.1:{port}/x", SOON)
    assert caught.value.__cause__ is None
    assert "/dev/video" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_an_unknown_host_is_told(monkeypatch, scheme):
    def unknown(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SourceError, match="has an unknown host"):
        open_source(f"{scheme}://camera.example/x", SOON)


@pytest.mark.parametrize("scheme", ["http", "rtsp", "tcp"])
def test_a_server_that_says_nothing_is_told(scheme):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/x"
        with pytest.raises(SourceError, match=r"does not answer within 0\.2 s"):
            open_source(address, SourceOptions(read_timeout_s=0.2))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://admin:S3cret@[::1:80/x", r"http://\*\*\*@\*\*\*/x"),
        ("rtsp://admin:S3cret@host:port/x", "not well formed"),
        ("tcp://127.0.0.1", "has no port"),
    ],
)
def test_an_address_that_cannot_be_is_refused(address, message):
    with pytest.raises(SourceError, match=message) as caught:
        open_source(address, SOON)
    assert "S3cret" not in str(caught.value)


def test_closing_ends_a_read_that_blocks():
    silence = threading.Event()

    def falls_silent():
        yield part(JPEG, b"Content-Length: %d\r\n" % len(JPEG))
        silence.wait(20)

    with serving({"/stream": (200, {"Content-Type": MULTIPART}, falls_silent())}) as host:
        source = open_source(f"http://{host}/stream", SourceOptions(read_timeout_s=20))
        next(source.frames())
        source.close()
        silence.set()
    assert not [thread for thread in threading.enumerate() if host in thread.name]


def test_an_address_that_is_away_is_waited_for():
    clock = FakeClock()
    with serving({"/stream": (200, {"Content-Type": MULTIPART}, forever(part(JPEG)))}) as host:
        opener = web.HttpOpener(5)
        tries = []

        def at_first_away(device, *others):
            tries.append(device)
            if len(tries) < 3:
                raise SourceError("refused")
            return opener(device, *others)

        with Camera(f"http://{host}/stream", opener=at_first_away, wait=True, clock=clock) as source:
            next(source.frames())
    assert len(tries) == 3


def test_a_film_over_tcp_is_read_with_its_bytes_counted():
    content = film("mpegts", 40, "mpeg2video")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send():
            connection, _ = server.accept()
            with connection:
                connection.sendall(content)

        threading.Thread(target=send, daemon=True).start()
        assert take(f"tcp://127.0.0.1:{server.getsockname()[1]}", 1)[0][1] == (48, 64, 3)


def test_a_flow_without_frames_ends(monkeypatch):
    monkeypatch.setattr(stream, "MAX_FRAME_BYTES", 1 << 20)
    flow = BoundedFlow(lambda size: b"\xff\xd8\xff\xe0" + bytes(size - 4))
    for _ in range(1 << 10):
        flow.read(1 << 10)
    flow.frame_came()
    assert flow.read(4) == b"\xff\xd8\xff\xe0"
    for _ in range(1 << 10):
        flow.read(1 << 10)
    with pytest.raises(SourceError, match="no frame within 1 MiB"):
        flow.read(1)
    assert flow.read(1) == b""  # PyAV would print a second error with its traceback


def test_a_flow_that_trickles_ends():
    clock = FakeClock()

    def trickle(size: int) -> bytes:
        clock.sleep(1)
        return b"x"

    flow = BoundedFlow(trickle, timeout_s=10, clock=clock)
    for _ in range(50):
        flow.read(1)  # before a frame is asked for, whoever opens the stream waits no longer than that
    flow.frame_wanted()
    assert flow.read(1) == b"x"
    clock.sleep(10)
    with pytest.raises(SourceError, match="no frame for 10 s"):
        flow.read(1)


@pytest.mark.parametrize("head", [b"ffffffffffffffff\r\n", b"f" * 70_000])
def test_a_picture_that_breaks_off_is_told_with_its_address(head):
    answer = 200, {"Content-Type": "image/jpeg", "Transfer-Encoding": "chunked"}, head + JPEG
    with serving({"/x": answer}) as host, pytest.raises(SourceError, match=r"http://127\.0\.0\.1.*/x") as caught:
        open_source(f"http://{host}/x", SOON)
    assert "the connection failed" in str(caught.value)


def test_a_password_follows_to_another_path_and_to_no_other_host():
    answers = {"/live": sized(PNG, "image/png"), "/cam": (302, {"Location": "/live", "Content-Length": "0"}, b"")}
    with serving(answers, password=b"admin:S3cret") as camera:
        assert len(take(f"http://admin:S3cret@{camera}/cam", 1)) == 1
        away = 302, {"Location": f"http://{camera}/live", "Content-Length": "0"}, b""
        with serving({"/": away}) as other, pytest.raises(AccessDenied):
            open_source(f"http://admin:S3cret@{other}/", SOON)


@pytest.mark.parametrize(("rotate", "shape"), [(None, (48, 64, 3)), (90, (64, 48, 3))])
def test_a_stream_is_turned_as_asked(rotate, shape):
    options = SourceOptions(view=View(rotate=rotate), read_timeout_s=5)
    with serving({"/stream": (200, {"Content-Type": MULTIPART}, forever(part(JPEG)))}) as host:
        assert take(f"http://{host}/stream", 1, options)[0][1] == shape


@pytest.mark.parametrize(("upright", "turned"), [(True, True), (False, False)])
def test_the_streams_own_orientation_is_followed(upright, turned):
    capture = StreamCapture.__new__(StreamCapture)
    capture._upright = upright
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    # FFmpeg counts counter-clockwise: a phone's film that is to be turned clockwise by 90 degrees says -90.
    expected = np.rot90(image, -1) if turned else image
    assert np.array_equal(capture._turned(image, -90), expected)
    assert np.array_equal(capture._turned(image, 0), image)
