"""The service of a device: what it watches, and how it says how it is."""

from __future__ import annotations

import json
import os
import socket
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest

from edge_fer.errors import BadInput
from edge_fer_devices import health, service
from edge_fer_devices.config import Config
from edge_fer_devices.health import Health, Server

PICTURE = np.full((240, 320, 3), 128, np.uint8)


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


class Record:
    def __init__(self, index):
        self.index = index

    def as_dict(self):
        return {"index": self.index}


@pytest.fixture
def clock():
    return Clock()


def test_it_is_healthy_only_while_frames_come(clock):
    health = Health(20.0, clock)
    assert health.as_dict()["status"] == "no frames"
    assert health.as_dict()["reason"] == "no frame has come yet"
    clock.now_s += 5
    health.note(Record(0))
    assert health.as_dict() == {
        "status": "ok", "reason": "", "frames": 1, "newest_frame_age_s": 0.0, "running_s": 5.0
    }  # fmt: skip
    clock.now_s += 20
    assert health.as_dict()["status"] == "ok"
    clock.now_s += 1
    health.report("the camera is gone")
    assert health.as_dict()["status"] == "no frames"
    assert health.as_dict()["reason"] == "no frame for 21 s: the camera is gone"
    health.note(Record(1))
    assert health.as_dict()["status"] == "ok"
    assert health.first() == {"index": 0}
    assert health.last() == {"index": 1}


def test_it_lives_while_a_source_is_tried(clock):
    health = Health(20.0, clock)
    assert health.alive()
    clock.now_s += 21
    assert not health.alive()
    health.tried()
    assert health.alive()
    assert health.as_dict()["status"] == "no frames"


@pytest.fixture
def server():
    one = Server(Health(20.0), "127.0.0.1", 0)
    one.start()
    yield one
    one.stop()


def ask(server, path):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{server.port}{path}", timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read()


def test_it_answers_over_http(server):
    code, content = ask(server, "/health")
    assert code == 503
    assert json.loads(content)["status"] == "no frames"
    assert ask(server, "/first") == (200, b"null\n")
    assert ask(server, "/etc/passwd")[0] == 404
    assert b"<title>edge-fer</title>" in ask(server, "/")[1]


def test_a_client_that_says_nothing_holds_nobody_up(server):
    with socket.create_connection(("127.0.0.1", server.port)):
        assert ask(server, "/health")[0] == 503


# the service itself


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return write


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Enough(Exception):
    pass


def run_until(monkeypatch, settings, count):
    """Serve with *settings* until *count* frames were seen; return what ``/health``, ``/first`` and ``/last`` said."""
    answers = {}
    note = Health.note

    def noted(self, record):
        note(self, record)
        if self.frames == count:
            answers["health"], answers["first"], answers["last"] = self.as_dict(), self.first(), self.last()
            raise Enough

    monkeypatch.setattr(Health, "note", noted)
    with pytest.raises(Enough):
        service.serve(settings)
    return answers


def test_it_reads_frames_and_keeps_the_first_and_the_last(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    settings = Config.model_validate({"source": "synthetic", "max_fps": 1000, "health": {"port": free_port()}})
    answers = run_until(monkeypatch, settings, 3)
    assert answers["health"]["status"] == "ok"
    assert answers["first"]["index"] == 0
    assert answers["last"]["index"] == 2
    assert answers["first"]["faces"][0]["state"]


def test_a_source_that_ends_is_opened_again(monkeypatch, tmp_path):
    import cv2

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(service, "REOPEN_S", 0.0)
    cv2.imwrite(str(tmp_path / "picture.png"), PICTURE)
    settings = Config.model_validate({"source": str(tmp_path / "picture.png"), "health": {"port": free_port()}})
    assert run_until(monkeypatch, settings, 3)["last"]["source"] == "picture.png"


def test_a_source_that_is_not_there_is_tried_again(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    tries = []

    def sleep(seconds):
        tries.append(seconds)
        if len(tries) == 2:
            raise Enough

    monkeypatch.setattr(service.time, "sleep", sleep)
    settings = Config.model_validate({"source": str(tmp_path / "no.png"), "health": {"port": free_port()}})
    with pytest.raises(Enough):
        service.serve(settings)
    assert "no.png" in capsys.readouterr().err


def test_systemd_is_told(tmp_path, monkeypatch):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        service.notify("READY=1")
        assert systemd.recv(100) == b"READY=1"
        monkeypatch.setattr(service, "BEAT_S", 0.01)
        health = Health(20.0)
        beat = service._Heartbeat(health)
        beat.start()
        assert systemd.recv(200).startswith(b"WATCHDOG=1\nSTATUS=0 frames; no frame has come yet")
        beat.stop()


def test_without_systemd_nobody_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    service.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/socket")
    service.notify("READY=1")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("source = ", "cannot be used"),
        ("camera = 1", "camera"),
        ("[health]\nport = 80", "health.port 80"),
        ('[health]\nbind = "localhost.example"', "health.bind"),
        ('size = "huge"', "size"),
        ("max_fps = 0", "max_fps"),
        ("threads = 1000", "threads"),
        ('source = "a\\nb"', "source"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(config, text, match):
    with pytest.raises(BadInput, match=match) as caught:
        Config.load(config(text))
    assert "\n" not in str(caught.value)


def test_settings_can_be_written_and_read_again(config):
    settings = Config.model_validate({"source": "picamera", "threads": 2, "health": {"bind": "::1"}})
    assert Config.load(config(settings.dumps())) == settings


def test_a_missing_file_ends_the_service_with_one_line(tmp_path, capsys):
    assert service.main([str(tmp_path / "none.toml")]) == BadInput.exit_code
    assert capsys.readouterr().err.count("\n") == 1
    assert service.main([]) == 2


def test_a_port_that_is_taken_is_told(server, config, capsys):
    assert service.main([str(config(f"[health]\nport = {server.port}\n"))]) == BadInput.exit_code
    assert "set health.port to another" in capsys.readouterr().err


def test_the_end_of_the_service_ends_its_threads(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    before = threading.active_count()
    settings = Config.model_validate({"source": "synthetic", "max_fps": 1000, "health": {"port": free_port()}})
    run_until(monkeypatch, settings, 1)
    for thread in threading.enumerate():
        if thread.name in ("health", "heartbeat"):
            thread.join(10)
    assert threading.active_count() <= before
    assert os.environ["XDG_CONFIG_HOME"] == str(tmp_path)


def test_clients_that_keep_silent_keep_nobody_from_an_answer(monkeypatch):
    server = Server(Health(20.0), "127.0.0.1", 0)
    server.start()
    threads = threading.active_count()
    silent = []
    for _ in range(3 * health.MAX_CLIENTS):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(b"GET /health HTTP/1.1\r\nX: ")
        silent.append(client)
    try:
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/health", timeout=20)
        assert threading.active_count() <= threads + 2 * health.MAX_CLIENTS
        # The oldest was hung up on.
        silent[0].settimeout(20)
        assert silent[0].recv(100) == b""
    finally:
        server.stop()
        for client in silent:
            client.close()


def test_a_client_that_sends_a_byte_now_and_then_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(health, "ANSWER_WITHIN_S", 0.0)
    server = Server(Health(20.0), "127.0.0.1", 0)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(b"GET /health")
        assert client.recv(100) == b""
    server.stop()


def test_no_password_of_a_camera_is_in_the_journal(tmp_path, capsys):
    config = tmp_path / "config.toml"
    config.write_text('source = "rtsp://me:geheim@camera/\\u0007"\n')
    assert service.main([str(config)]) == 3
    said = capsys.readouterr().err
    assert "config.toml cannot be used: source" in said
    assert "geheim" not in said
