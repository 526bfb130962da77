"""The service with its rooms and the real watcher, on drawn people: what it does when something changes or fails."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tomli_w
from click.testing import CliRunner

from edge_fer.appliance.commands.kiosk import kiosk
from edge_fer.appliance.commands.serving import changed
from edge_fer.appliance.config import Config
from edge_fer.appliance.events.reader import Reader
from edge_fer.appliance.service import systemd
from edge_fer.appliance.service.appliance import Appliance
from edge_fer.appliance.service.requests import Requests
from edge_fer.appliance.service.running import main
from edge_fer.appliance.supervision import models
from edge_fer.appliance.supervision.reboots import Reboots
from edge_fer.appliance.watcher.messages import Kind as MessageKind
from edge_fer.appliance.watcher.messages import Message
from edge_fer.bundle import SHIPPED_MODELS
from edge_fer.clock import FakeClock
from edge_fer.errors import BadInput, Hangs, SourceError

TIMEOUT_S = 240


class Wall:
    shift = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.shift


class World:
    """An appliance that a test drives."""

    def __init__(self, folder, **values):
        self.folder = folder
        self.values = {
            "source": "synthetic",
            "max_fps": 30,
            "page": {"port": 0},
            "events": {"path": str(folder / "events.db"), "come_s": 0.1},
            "supervision": {"state_folder": str(folder / "state"), "bundle_trial_s": 1.0},
            **values,
        }
        self.wall = Wall()
        self.appliance = Appliance(self.config(), self.config, wall=self.wall)
        self.appliance.start()

    def config(self):
        return Config.parse(tomli_w.dumps(self.values), "config.toml")

    def until(self, condition):
        end = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < end, self.appliance.status()
            self.appliance.tick()
            time.sleep(0.01)

    def until_it_works(self):
        frames = self.appliance.status()["frames"]
        self.until(lambda: self.appliance.status()["frames"] > frames + 3 and self.appliance.status()["status"] == "ok")

    def events(self):
        path = self.folder / "events.db"
        return [event for _, event in Reader(path).since(None)] if path.exists() else []

    def told(self, kind, subject):
        return [event for event in self.events() if (event.kind, event.subject) == (kind, subject)]


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "LOOK_S", 0.2)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    worlds = []

    def begin(**values):
        worlds.append(World(tmp_path, **values))
        return worlds[-1]

    yield begin
    for world in worlds:
        world.appliance.stop()


def ask(port, path):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read()


def test_it_watches_keeps_shows_and_survives_the_end_of_its_watcher(start):
    world = start()
    world.until_it_works()
    status = json.loads(ask(world.appliance.port, "/health"))
    assert status["bundle"] == "compact"
    assert status["watcher_memory_mb"] > 10
    assert json.loads(ask(world.appliance.port, "/last"))["faces"]
    assert b"edge_fer_frames_total" in ask(world.appliance.port, "/metrics")
    world.until(lambda: world.told("face", "track 1"))
    os.kill(world.appliance.watcher_pid, signal.SIGSEGV)
    world.until(lambda: world.appliance.status()["parts"]["watcher"]["restarts"] == 1)
    world.until_it_works()
    world.until(lambda: len(world.told("health", "watcher")) == 3)
    assert world.told("health", "watcher")[0].detail == {"fault": "its process was ended by SIGSEGV"}
    # The face of the one that ended is gone, and one with the same number came.
    faces = world.told("face", "track 1")
    assert [event.before is None for event in faces].count(True) >= 1
    assert any(event.after is None for event in faces)
    world.wall.shift = timedelta(hours=1)
    world.until(lambda: world.told("notice", "clock"))
    pid = world.appliance.watcher_pid
    began_s = time.monotonic()
    world.appliance.stop()
    assert time.monotonic() - began_s < 5
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text()


def test_settings_are_read_again_without_losing_the_camera(start):
    world = start()
    world.until_it_works()
    pid = world.appliance.watcher_pid
    world.values["events"] = {"path": str(world.folder / "others.db")}
    world.appliance.reload()
    world.until_it_works()
    assert world.appliance.watcher_pid == pid
    assert (world.folder / "others.db").exists()
    world.values["max_fps"] = -1
    world.appliance.reload()
    status = world.appliance.status()
    assert status["status"] == "degraded"
    assert "max_fps" in status["parts"]["settings"]["fault"]

    def noticed():
        return [event for _, event in Reader(world.folder / "others.db").since(None) if event.kind == "notice"]

    world.until(lambda: len(noticed()) == 2)
    notices = noticed()
    assert [event.after for event in notices] == ["read", "refused"]
    assert "max_fps" in notices[1].detail["words"]
    # What the camera's process has to know lets a second one take over.
    world.values["max_fps"] = 60
    world.appliance.reload()
    world.until(lambda: world.appliance.watcher_pid not in (pid, None))
    world.until_it_works()
    assert world.appliance.status()["parts"]["watcher"]["restarts"] == 0


def test_a_bundle_that_is_damaged_leaves_the_running_one_alone(start, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(SHIPPED_MODELS / "cnn-1", mine)
    world = start(model=str(mine))
    world.until_it_works()
    kept = tmp_path / "state" / "bundles"
    world.until((kept / "current.json").exists)
    pid = world.appliance.watcher_pid
    model = next(mine.glob("*.tflite"))
    content = model.read_bytes()
    model.write_bytes(b"x" * len(content))
    world.until(lambda: world.appliance.status()["parts"].get("bundle", {}).get("fault"))
    assert "damaged" in world.appliance.status()["reason"]
    assert world.appliance.watcher_pid == pid
    # Also the next watcher uses the copy that works.
    os.kill(pid, signal.SIGKILL)
    world.until(lambda: world.appliance.watcher_pid not in (pid, None))
    world.until(lambda: world.appliance.status()["parts"]["watcher"]["fault"] is None)
    assert world.appliance.status()["bundle"] == "cnn-1"
    # Another good one takes over.
    shutil.rmtree(mine)
    shutil.copytree(SHIPPED_MODELS / "compact", mine)
    world.until(lambda: world.appliance.status()["bundle"] == "compact")
    world.until_it_works()
    assert [event.after for event in world.told("notice", "bundle")][-1].isalnum()


def test_a_first_bundle_that_is_damaged_ends_the_service_with_one_line(tmp_path, capsys):
    mine = tmp_path / "mine"
    shutil.copytree(SHIPPED_MODELS / "cnn-1", mine)
    next(mine.glob("*.tflite")).write_bytes(b"x")
    config = tmp_path / "config.toml"
    config.write_text(
        f'source = "synthetic"\nmodel = "{mine}"\n[page]\nport = 0\n[events]\npath = "{tmp_path}/events.db"\n'
        f'[supervision]\nstate_folder = "{tmp_path}/state"\n'
    )
    assert main([str(config)]) == 4
    assert "the bundle is damaged" in capsys.readouterr().err


def test_a_camera_that_hangs_in_the_kernel_restarts_the_machine_once_an_hour(start, monkeypatch):
    world = start(source="http://127.0.0.1:9/none")
    monkeypatch.setattr(world.appliance._keeper, "hangs", lambda: True)
    monkeypatch.setattr(world.appliance, "_reboots", Reboots(world.folder, lambda: 100.0))
    with pytest.raises(Hangs):
        world.appliance.tick()
    tolerated = []
    monkeypatch.setattr(world.appliance._keeper, "tolerate", lambda: tolerated.append(True))
    world.appliance.tick()
    assert tolerated


def driven(tmp_path, clock, **driving):
    """Return an appliance that monitors a driver, without any process, and the alerts that it tells of."""
    settings = {"supervision": {"state_folder": tmp_path}, "events": {"path": tmp_path / "events.db"}}
    appliance = Appliance(Config.model_validate({**settings, "driving": driving}), clock=clock)
    told = []
    appliance._publish = told.append
    appliance._monitor_anew("")
    return appliance, told


def sees(appliance, clock, seconds, **driver):
    record = {"faces": [], "stage_ms": {}, "dropped": 0}
    for _ in range(round(seconds * 10)):
        clock.advance(0.1)
        content = {"record": record, "size": [640, 480], "driver": {"time_s": 0.0, "sight": "face", **driver}}
        appliance.frame(Message(MessageKind.FRAME, content))


def test_a_watcher_that_hangs_is_no_watch_over_the_driver(tmp_path):
    clock = FakeClock(100.0)
    appliance, told = driven(tmp_path, clock)
    sees(appliance, clock, 5, facing=True)
    assert appliance.latest.get()[1].driver["shows"] == "attentive"
    began_s = clock.now()
    while not told:
        assert clock.now() - began_s < 11
        clock.advance(0.2)
        appliance._look_at_driver()
    assert 9.5 <= clock.now() - began_s <= 10.5
    assert [(event.kind, event.subject, event.after) for event in told] == [
        ("alert", "driver: cannot monitor", "notice")
    ]
    assert appliance.status()["driver"]["raised"] == {"cannot monitor": "notice"}


def test_what_is_raised_ends_with_the_settings_that_raised_it(tmp_path):
    clock = FakeClock(100.0)
    appliance, told = driven(tmp_path, clock, parameters={"away_notice_s": 2.0})
    sees(appliance, clock, 3, facing=True)
    sees(appliance, clock, 3, facing=False)
    appliance._monitor_anew("the settings changed")
    assert [event.after for event in told] == ["notice", None]
    assert told[-1].detail == {"reason": "the settings changed"}
    assert appliance.status()["driver"]["raised"] == {}
    appliance._monitor_no_more("the service ends")
    assert "driver" not in appliance.status()
    sees(appliance, clock, 1, facing=False)
    assert appliance.latest.get()[1].driver is None


# systemd


def test_systemd_is_told(tmp_path, monkeypatch, start):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        world = start()
        world.until_it_works()
        told = []
        while "READY=1" not in told:
            told.append(listening.recv(1000).decode())
        assert any(line.startswith("WATCHDOG=1\nSTATUS=") for line in told)
        listening.setblocking(False)
        _empty(listening)
        world.appliance.reload()
        assert listening.recv(1000).decode().startswith("RELOADING=1\nMONOTONIC_USEC=")
        assert listening.recv(1000) == b"READY=1"
        world.appliance.stop()
        assert listening.recv(1000) == b"STOPPING=1"
        monkeypatch.delenv("NOTIFY_SOCKET")


def _empty(listening):
    with contextlib.suppress(BlockingIOError):
        while True:
            listening.recv(1000)


def test_without_systemd_nobody_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/socket")
    systemd.notify("READY=1")


def test_the_watchdog_is_fed_thrice_in_its_time(monkeypatch):
    told = []
    monkeypatch.setattr(systemd, "notify", told.append)
    monkeypatch.setenv("WATCHDOG_USEC", "6000000")
    clock = FakeClock()
    watchdog = systemd.Watchdog(clock)
    for _ in range(7):
        watchdog.feed(lambda: "all works")
        clock.advance(1)
    assert len(told) == 4


# signals, and the way to the service


def test_signals_ask_and_interrupt_nothing():
    with Requests() as requests:
        os.kill(os.getpid(), signal.SIGHUP)
        assert requests.came.wait(10)
        assert requests.take_reload()
        assert not requests.take_reload()
        os.kill(os.getpid(), signal.SIGTERM)
        assert requests.end == signal.SIGTERM


def test_settings_that_cannot_be_used_end_it_with_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.toml")]) == BadInput.exit_code
    assert capsys.readouterr().err.count("\n") == 1
    assert main([]) == 2


def test_the_kiosk_shows_examples_and_takes_its_options_before_the_settings(tmp_path):
    shown = CliRunner().invoke(kiosk, ["--help"])
    assert "edge-fer kiosk --source synthetic" in shown.output
    path = tmp_path / "config.toml"
    path.write_text('source = "0"\nthreads = 2\n')
    config = changed(path, {"source": "synthetic"}, 9000, True, tmp_path)
    assert (config.source, config.threads, config.page.port, config.page.pictures) == ("synthetic", 2, 9000, False)
    assert config.events.path == tmp_path / "events.db"
    with pytest.raises(BadInput, match="the options do not fit: source"):
        changed(None, {"source": "no\nline"}, None, False, None)


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ({"port": 9000}, "http://127.0.0.1:9000/"),
        ({"port": 9000, "bind": "::1"}, "http://[::1]:9000/"),
        ({"port": 9000, "bind": "0.0.0.0", "token": "page-token"}, "http://127.0.0.1:9000/"),  # noqa: S104  (nothing is bound)
        ({"port": 9000, "bind": "::", "token": "page-token"}, "http://[::1]:9000/"),
    ],
)
def test_the_address_can_be_opened_on_this_machine(page, address, tmp_path):
    settings = {"supervision": {"state_folder": tmp_path}, "events": {"path": tmp_path / "events.db"}, "page": page}
    assert Appliance(Config.model_validate(settings)).address == address


@pytest.mark.parametrize("source", ["two.mp4", "folder/", "ftp://camera/live", "12345"])
def test_a_source_with_a_slip_ends_the_kiosk_at_once(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(kiosk, ["--source", source])
    assert isinstance(result.exception, SourceError)
    assert source[:5] in str(result.exception)


def test_the_kiosk_needs_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "starlette", None)
    result = CliRunner().invoke(kiosk, ["--source", "synthetic"])
    assert "pip install 'edge-fer[appliance]'" in str(result.exception)


# no picture of anybody is kept

KIOSK = "from edge_fer.appliance.commands.kiosk import kiosk; kiosk()"
VIEW = """
import sys
from websockets.sync.client import connect
port = sys.argv[1]
with connect(f"ws://127.0.0.1:{port}/ws", origin=f"http://127.0.0.1:{port}", proxy=None) as view:
    view.send('{"pictures": true}')
    while True:
        message = view.recv(timeout=20)
        if isinstance(message, bytes):
            assert message.startswith(b"\\xff\\xd8\\xff")
            break
        view.send('{"pictures": true}') if b"moment" in message.encode() else None
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_nothing_but_events_is_written_while_somebody_watches(tmp_path):
    trace = tmp_path / "trace"
    state = tmp_path / "state"
    state.mkdir()
    port = str(_free_port())
    calls = "trace=openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,mmap,sendfile,splice,copy_file_range"
    command = ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", calls, "-o", str(trace), sys.executable, "-c", KIOSK]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "XDG_CONFIG_HOME": str(tmp_path)}
    arguments = ["--source", "synthetic", "--port", port, "--state", str(state)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, env=environment) as service:
        try:
            assert service.stdout.readline().startswith(b"http://127.0.0.1:")
            _wait_for_events(state / "events.db")
            subprocess.run([sys.executable, "-c", VIEW, port], check=True, timeout=TIMEOUT_S)
        finally:
            _end_traced(service)
    lines = trace.read_text(errors="replace").splitlines()
    assert sum("\\377\\330\\377" in line for line in lines) > 0  # pictures went through pipes and sockets
    written = {path for line in lines for path in _written(line)}
    allowed = {str(state / f"events.db{end}") for end in ("", "-journal", "-wal", "-shm")}
    assert written - allowed == set()
    assert str(state / "events.db") in written
    assert sorted(path.name for path in state.iterdir()) == ["events.db"]


OPENED = re.compile(r'open(?:at)?\(.*"([^"]+)", [A-Z_|]*(?:O_WRONLY|O_RDWR|O_CREAT)|creat\("([^"]+)"')
WRITTEN = re.compile(r"(?:write|pwrite64|writev|pwritev2?)\(\d+<([^>]*)>")
FOLDERS = ("/dev/", "/proc/")


def _written(line):
    """Return the paths that a traced call opens for writing, or writes a picture to."""
    opened = OPENED.search(line)
    if opened is not None and "= -1 E" not in line:
        path = opened[1] or opened[2]
        if not path.startswith(FOLDERS):
            yield path
    written = WRITTEN.search(line)
    if written is not None and "\\377\\330\\377" in line and not written[1].startswith(("pipe:", "socket:", "TCP:")):
        yield written[1]


def test_a_picture_that_is_written_would_be_seen():
    lines = {
        '7 openat(AT_FDCWD</work>, "/srv/a.jpg", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3</srv/a.jpg>': ["/srv/a.jpg"],
        '7 openat(AT_FDCWD</work>, "/srv/b", O_RDWR|O_CREAT, 0640 <unfinished ...>': ["/srv/b"],
        '7 openat(AT_FDCWD</work>, "/srv/c", O_RDONLY|O_CLOEXEC) = 3</srv/c>': [],
        '7 write(3</srv/d>, "abc\\377\\330\\377\\340"..., 9000) = 9000': ["/srv/d"],
        '7 write(3<pipe:[7]>, "abc\\377\\330\\377\\340"..., 9000) = 9000': [],
        '7 write(3</srv/d>, "abc"..., 9000) = 9000': [],
    }
    assert {line: list(_written(line)) for line in lines} == lines


def _wait_for_events(path):
    end = time.monotonic() + TIMEOUT_S
    while True:
        assert time.monotonic() < end
        if path.exists() and any(event.kind == "face" for _, event in Reader(path).since(None)):
            return
        time.sleep(0.1)


def _end_traced(strace):
    """End the traced service: strace itself passes on no signal."""
    children = Path(f"/proc/{strace.pid}/task/{strace.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGTERM)
    strace.wait(TIMEOUT_S)


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
