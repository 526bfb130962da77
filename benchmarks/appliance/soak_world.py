"""What stands around the service in the soak, and can fail: a camera, a broker, a disk, viewers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from edge_fer.sources.synthetic import SyntheticCamera

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FPS: Final = 15.0
SCENE_S: Final = 20.0
"""Length of the film, which is repeated."""
HIDDEN_S: Final = ((6.0, 9.0), (14.0, 17.0))
"""When nobody is in view in it."""
BOUNDARY: Final = "frame"
HELLO_S: Final = 5.0
"""How long a viewer waits for something to come."""


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def film(fps: float = FPS, *, empty: bool = False) -> list[bytes]:
    """Return a drawn film as JPEGs; *empty*: of a room in which nobody is."""
    hidden = ((0.0, SCENE_S),) if empty else HIDDEN_S
    camera = SyntheticCamera(fps=fps, frames=int(SCENE_S * fps), hidden_s=hidden)
    return [_jpeg(frame.image) for frame in camera.frames()]


def _jpeg(image: NDArray[Any]) -> bytes:
    content = np.asarray(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])
    return content.tobytes()


class WebCamera:
    """A network camera that sends MJPEG over HTTP, and can be away or fall silent."""

    def __init__(self, pictures: list[bytes], fps: float = FPS) -> None:
        self.pictures = pictures
        self.fps = fps
        self.port = free_port()
        self.silenced_before_s = -1.0
        """Connections that are older than this, on the monotonic clock, get nothing any more."""
        self._server: _Server | None = None

    @property
    def address(self) -> str:
        """What the service opens."""
        return f"http://127.0.0.1:{self.port}/stream"

    def come(self) -> None:
        """Be there, and deliver."""
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def go(self) -> None:
        """Be away, as if somebody had pulled the plug."""
        server = self._server
        self._server = None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.cut_all()

    def block(self) -> None:
        """Send nothing any more to who is connected; who connects again gets pictures."""
        self.silenced_before_s = time.monotonic()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, camera: WebCamera) -> None:
        self.camera = camera
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", camera.port), _Stream)

    def cut_all(self) -> None:
        """Hang up on everybody."""
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go."""


class _Stream(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Send pictures for ever."""
        camera = self.server.camera
        began_s = time.monotonic()
        self.server.open.add(self.connection)
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        try:
            self._send_all(camera, began_s)
        except OSError:
            pass
        finally:
            self.server.open.discard(self.connection)

    def _send_all(self, camera: WebCamera, began_s: float) -> None:
        index = 0
        while True:
            if began_s < camera.silenced_before_s:
                self.connection.settimeout(3600)
                self.rfile.read(1)
                return
            content = camera.pictures[index % len(camera.pictures)]
            header = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
            self.wfile.write(header.encode() + content + b"\r\n")
            index += 1
            time.sleep(max(0.0, began_s + index / camera.fps - time.monotonic()))


class Broker:
    """A mosquitto that can be ended and brought back. It keeps sessions, as brokers at work do."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\nmax_queued_messages 0\n"
            f"persistence true\npersistence_location {folder}/\nlog_type none\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def come(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(["mosquitto", "-c", str(self._config)])

    def go(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
            self._process = None


class Subscriber:
    """Writes down all events that the broker passes on."""

    def __init__(self, port: int, topic: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._topic = topic
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="soak", clean_session=False)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._connected
        self._client.on_message = self._came
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def stop(self) -> None:
        """Hear no more."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(self._topic, qos=1)

    def _came(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self.events.append(json.loads(message.payload))


class SmallDisk:
    """A file system of a few megabytes, that can be full. Needs root."""

    def __init__(self, folder: Path, size_mb: int = 24) -> None:
        self.folder = folder
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "soak", str(folder)], check=True)

    def fill(self) -> None:
        """Leave no room."""
        with (self.folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    def clear(self) -> None:
        """Make room again."""
        (self.folder / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


class Viewers:
    """Opens and closes the page again and again: the page itself, then its WebSocket, until a picture came."""

    def __init__(self, port: int, count: int, over_s: float) -> None:
        self.opened = 0
        self.failures: list[str] = []
        self._port = port
        self._count = count
        self._pause_s = over_s / count
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        while self.opened < self._count and not self._ended.is_set():
            began_s = time.monotonic()
            try:
                look(self._port)
            except Exception as exc:  # noqa: BLE001  (it is written down)
                self.failures.append(f"{type(exc).__name__}: {exc}"[:200])
            self.opened += 1
            self._ended.wait(max(0.0, self._pause_s - (time.monotonic() - began_s)))


def viewing(port: int) -> ClientConnection:
    """Open the page's WebSocket, as a browser on this machine does."""
    origin = Origin(f"http://127.0.0.1:{port}")
    return connect(f"ws://127.0.0.1:{port}/ws", origin=origin, open_timeout=HELLO_S, proxy=None)


def look(port: int, *, pictures: int = 1) -> None:
    """Open the page, and wait until so many *pictures* came, but not while the camera is away."""
    ask(port, "/")
    with viewing(port) as view:
        seen = 0
        end_s = time.monotonic() + HELLO_S
        view.send('{"pictures": true}')
        while seen < pictures and time.monotonic() < end_s:
            with contextlib.suppress(TimeoutError):
                if isinstance(view.recv(timeout=1.0), bytes):
                    seen += 1
                    view.send('{"pictures": true}')


def ask(port: int, path: str) -> bytes:
    """Return what the page answers at *path*, also with an error."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _AnyStatus())
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=HELLO_S) as answer:
        content: bytes = answer.read()
    return content


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: Any, response: Any) -> Any:
        """Take every answer for one."""
        del request
        return response


def until(condition: Callable[[], object], timeout_s: float) -> float | None:
    """Wait until *condition* holds. Return after how many seconds; None if it does not within *timeout_s*."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < timeout_s:
        with contextlib.suppress(OSError, ValueError):
            if condition():
                return round(time.monotonic() - began_s, 2)
        time.sleep(0.1)
    return None


def cpu_s(pid: int) -> float:
    """Return the processor time that the process *pid* has taken, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
