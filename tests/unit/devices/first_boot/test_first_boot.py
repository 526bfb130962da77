"""The first boot in a root of its own, with a system's programs that only take notes.

One test has the real venv and the real installer, which take seconds; the others only have what those leave behind.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_fer.appliance.config import Config
from edge_fer.profile import Profile
from edge_fer_devices import wheelhouse
from edge_fer_devices.card import contents
from edge_fer_devices.card.inspection import CLOUD_INIT, FIRSTRUN, Contents
from edge_fer_devices.card.settings import WPA2, Account, Settings, Wifi
from edge_fer_devices.first_boot import __main__ as first_boot
from edge_fer_devices.first_boot import cmdline, commands, firstrun, installing, persisting, settling, writing
from edge_fer_devices.first_boot.places import Places

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CMDLINE = "console=tty1 root=PARTUUID=1-02 rootwait\n"
PROGRAMS = (
    "systemctl", "useradd", "usermod", "chown", "mount", "mountpoint", "resize2fs", "findmnt", "raspi-config", "rfkill",
)  # fmt: skip
SETTINGS = Settings(
    "kiosk-1", "Europe/Berlin", Account("anna", "$6$salt$hash", ("ssh-ed25519 AAAA anna",)),
    Wifi("ours", "DE", WPA2, "ab" * 32),
)  # fmt: skip


def tool(name):
    """Return the path of the program *name*; skip the test where it is missing."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: apt install e2fsprogs util-linux")
    return found


class Device:
    """A device's root, below a folder."""

    def __init__(self, root: Path, log: Path) -> None:
        self.places = Places(root)
        self._log = log

    def boot(self, *arguments: str) -> dict:
        """Run the first boot and return the status."""
        self.code = first_boot.main(["--root", str(self.places.root), *arguments])
        return self.status()

    def status(self) -> dict:
        return json.loads((self.places.boot / "edge-fer-status.json").read_text())

    def said(self) -> list[str]:
        """What the system's programs were asked."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    def cloud_init_ran(self, *, instance: str | None = None) -> None:
        card = json.loads((self.places.card / "card.json").read_text())
        writing.write(self.places.root / "var/lib/cloud/data/instance-id", (instance or card["id"]) + "\n")
        writing.write(self.places.root / "run/cloud-init/result.json", "{}")


@pytest.fixture
def device(tmp_path, wheels, monkeypatch):
    """Return a function that makes a device with a card in it."""
    log = tmp_path / "log"
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        program(programs / name, f'echo "{name} $@" >> {log}')
    program(programs / "runuser", f'echo "runuser $@" >> {log}; shift 3; exec "$@"')
    program(programs / "findmnt", "echo /dev/mmcblk0p2")
    program(programs / "mountpoint", "exit 1")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    # The account exists, as after the first useradd.
    monkeypatch.setattr(installing, "has_user", lambda name: name == "edge-fer" and log.exists())
    monkeypatch.setattr(installing, "has_group", lambda name: name in ("video", "render"))
    monkeypatch.setattr(settling, "HEALTHY_WITHIN_S", 0.2)
    monkeypatch.setattr(settling, "USER_DATA_WITHIN_S", 0.2)
    monkeypatch.setattr(settling, "POLL_S", 0.05)
    monkeypatch.setattr(installing, "run", pretended(installing.run))

    def make(init=CLOUD_INIT, *, read_only=False, port=1, python=PYTHON, machine=None, again=False):
        root = tmp_path / "root"
        places = Places(root)
        places.boot.mkdir(parents=True, exist_ok=True)
        folder = wheels(python, machine or platform.machine(), name=f"wheels-{init}-{again}")
        config = Config.model_validate({"page": {"port": port}})
        order = contents.Order(SETTINGS, config, wheelhouse.load(folder), Profile(), "compact", None, read_only)
        found = Contents("Debian", 13, python, True, init, False)
        for name, content in contents.collect(order, found, CMDLINE, f"edge-fer-{again}").items():
            path = places.boot / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc/fstab").write_text("PARTUUID=1-02 / ext4 defaults 0 1\n")
        return Device(root, log)

    return make


def pretended(run):
    """Return *run* with a venv and an installer that are done at once."""

    def quickly(command, **more):
        words = [str(word) for word in command]
        if words[1:3] == ["-m", "venv"]:
            (Path(words[-1]) / "bin").mkdir(parents=True)
        elif words[1:3] == ["-m", "installer"]:
            program(Path(words[0]).with_name("edge-fer"), "echo the golden answers match")
        elif words[1:3] == ["-m", "compileall"]:
            pass
        else:
            return run(command, **more)
        return ""

    return quickly


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def service():
    """A service that is healthy; its port."""
    with answering({"status": "ok", "frames": 3, "reason": ""}) as port:
        yield port


@contextlib.contextmanager
def answering(answer: dict):
    """A service that says *answer* of itself; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = json.dumps(answer).encode()
            good = self.path == "/health" and answer["status"] in ("ok", "degraded")
            self.send_response(200 if good else 503)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def enabled(device):
    """Return the units that a boot starts."""
    return sorted(path.name for path in (device.places.units / "multi-user.target.wants").iterdir() if path.exists())


def outcomes(status):
    return {step["name"]: step["outcome"] for step in status["steps"]}


def test_it_installs_verifies_enables_and_reports(device, service, monkeypatch):
    one = device(port=service)
    monkeypatch.setattr(installing, "run", commands.run)
    one.cloud_init_ran()
    status = one.boot()
    assert status["outcome"] == "ok", status
    assert set(outcomes(status).values()) == {"ok"}
    assert status["user_data"] == "ran"
    assert status["versions"]["machine"] == platform.machine()
    assert (one.places.venv / "bin/edge-fer").exists()
    assert (one.places.settings / "config.toml").exists()
    asked = one.said()
    # Nothing is enabled before the golden answers match.
    verified = next(index for index, line in enumerate(asked) if line.startswith("runuser -u edge-fer -- env"))
    reloaded = asked.index("systemctl daemon-reload")
    assert verified < reloaded < asked.index("systemctl restart --no-block edge-fer.service")
    assert enabled(one) == ["edge-fer-first-boot.service", "edge-fer.service"]
    assert list(one.places.venv.glob("lib/python*/site-packages/__pycache__/tiny.*.pyc"))
    unit = (one.places.units / "multi-user.target.wants/edge-fer-first-boot.service").resolve()
    assert unit.read_text().startswith("# Installs edge-fer")


def test_secrets_leave_the_boot_partition_and_the_settings_stay(device, service):
    one = device(port=service)
    one.cloud_init_ran()
    assert "$6$" in (one.places.boot / "user-data").read_text()
    one.boot()
    left = "".join(path.read_text(errors="replace") for path in one.places.boot.rglob("*") if path.is_file())
    assert "$6$" not in left
    assert "ab" * 32 not in left
    assert json.loads((one.places.boot / "user-data").read_text().partition("\n")[2])["hostname"] == "kiosk-1"
    assert (one.places.boot / "cmdline.txt").read_text().split() == CMDLINE.split()


def test_a_secret_is_overwritten_where_it_lies(tmp_path):
    path = tmp_path / "secret"
    path.write_text("secret" * 100)
    with path.open("rb") as same:
        writing.erase(path)
        assert same.read() == bytes(600)
    assert not path.exists()
    writing.erase(path)  # nothing is left to do


def test_what_a_boot_depends_on_is_changed_where_it_lies(device, service):
    """Replacing a file on FAT takes several writes, and a power cut between two of them leaves no file."""
    one = device(port=service, read_only=True)
    one.cloud_init_ran()
    files = [one.places.boot / name for name in ("cmdline.txt", "edge-fer-status.json")]
    before = [(path.stat().st_ino, path.stat().st_size) for path in files]
    one.boot()
    assert [(path.stat().st_ino, path.stat().st_size) for path in files] == before
    assert "init=/usr/local/sbin/edge-fer-overlay" in files[0].read_text()


def test_what_does_not_fit_is_replaced(tmp_path):
    path = tmp_path / "file"
    writing.update(path, "new\n")
    assert path.read_text() == "new\n"
    writing.update(path, "x\n")
    assert path.read_text() == "x  \n"
    writing.update(path, "longer than before\n")
    assert path.read_text() == "longer than before\n"


def test_it_says_when_user_data_never_ran_and_keeps_the_secrets_for_the_next_boot(device, service):
    one = device(port=service)
    status = one.boot()
    assert status["outcome"] == "ok"
    assert status["user_data"] == "never ran"
    assert "$6$" in (one.places.boot / "user-data").read_text()
    one.cloud_init_ran(instance="another-card")
    assert one.boot()["user_data"] == "never ran"
    one.cloud_init_ran()
    status = one.boot()
    assert status["user_data"] == "ran"
    assert status["attempt"] == 3
    assert "$6$" not in (one.places.boot / "user-data").read_text()


def test_the_next_boot_has_nothing_to_do(device, service):
    one = device(port=service)
    one.cloud_init_ran()
    first = one.boot()
    asked = one.said()
    assert one.boot() == first
    assert one.said() == asked
    again = one.boot("--again")
    assert again["attempt"] == 2
    assert again["outcome"] == "ok"


def test_settings_may_be_edited_on_the_card(device, service):
    one = device(port=service)
    one.cloud_init_ran()
    config = one.places.card / "config.toml"
    config.write_text(config.read_text().replace('source = "camera"', 'source = "/dev/video2"'))
    assert one.boot()["outcome"] == "ok"
    assert 'source = "/dev/video2"' in (one.places.settings / "config.toml").read_text()


def test_the_port_may_be_edited_on_the_card(device, service):
    kiosk = device(port=1)
    config = kiosk.places.card / "config.toml"
    # As an editor of Windows saves it.
    config.write_text("\ufeff" + re.sub(r"port = \d+", f"port = {service}", config.read_text()))
    kiosk.cloud_init_ran()
    assert kiosk.boot()["outcome"] == "ok"
    assert (kiosk.places.settings / "config.toml").read_text().isascii()


@pytest.mark.parametrize("content", [b"source = 0\nsource = 1\n", b"port = ", b"\xff\xfes\x00", b"x = " + b"[" * 9999])
def test_settings_that_cannot_be_read_are_told(device, service, content):
    kiosk = device(port=service)
    (kiosk.places.card / "config.toml").write_bytes(content)
    status = kiosk.boot()
    assert status["outcome"] == "failed"
    assert "config.toml on the boot partition cannot be used" in status["error"]
    assert not kiosk.places.done.exists()


@pytest.mark.parametrize("text", ["[]", "{}", "3", '{"id": "x"}', "[" * 99_999, "\ufffd", '{"attempt": 1'])
def test_a_damaged_card_file_is_told(device, capsys, text):
    kiosk = device()
    (kiosk.places.card / "card.json").write_text(text)
    assert first_boot.main(["--root", str(kiosk.places.root)]) == 1
    assert "card.json" in capsys.readouterr().err
    assert not kiosk.places.done.exists()


@pytest.mark.parametrize("attempt", ["[]", "null", "1e999", '"x"', "{}"])
def test_a_damaged_status_keeps_nobody_from_installing(device, service, attempt):
    kiosk = device(port=service)
    card = json.loads((kiosk.places.card / "card.json").read_text())["id"]
    (kiosk.places.boot / "edge-fer-status.json").write_text(f'{{"card": "{card}", "attempt": {attempt}}}')
    kiosk.cloud_init_ran()
    assert kiosk.boot()["outcome"] == "ok"


def test_another_program_at_the_port_is_a_service_that_does_not_answer(device):
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = other.accept()
                    client.sendall(b"220 mail\r\n")
                    client.close()

        threading.Thread(target=answer, daemon=True).start()
        status = device(port=other.getsockname()[1]).boot()
        other.shutdown(socket.SHUT_RDWR)
    assert status["error"].startswith("the service does not answer")


def test_another_card_is_installed_over_it(device, service):
    one = device(port=service)
    one.cloud_init_ran()
    one.boot()
    two = device(port=service, again=True)
    two.cloud_init_ran()
    status = two.boot()
    assert status["outcome"] == "ok"
    assert status["card"] == "edge-fer-True"
    assert status["attempt"] == 1


def test_a_power_cut_while_it_installs_is_mended_by_the_next_boot(device, service, monkeypatch):
    one = device(port=service)
    one.cloud_init_ran()
    run = installing.run

    def cut(command, **more):
        if "installer" in map(str, command):
            raise KeyboardInterrupt  # as hard as it gets without a kernel
        return run(command, **more)

    monkeypatch.setattr(installing, "run", cut)
    with pytest.raises(KeyboardInterrupt):
        one.boot()
    assert one.status()["outcome"] == "running"
    assert one.status()["steps"][-1]["name"] == "install the wheels"
    assert not one.places.venv.exists()
    monkeypatch.setattr(installing, "run", run)
    assert one.boot()["outcome"] == "ok"
    assert one.status()["attempt"] == 2


def test_a_camera_that_is_missing_is_reported_and_no_failure(device, monkeypatch):
    with answering({"status": "no frames", "frames": 0, "reason": "no frame has come yet"}) as port:
        one = device(port=port)
        one.cloud_init_ran()
        status = one.boot()
    assert status["outcome"] == "ok"
    (step,) = [step for step in status["steps"] if step["name"] == "wait for its health"]
    assert step["detail"] == "not healthy: no frame has come yet"


def test_a_service_that_does_not_answer_is_a_failure(device):
    one = device()
    one.cloud_init_ran()
    status = one.boot()
    assert status["outcome"] == "failed"
    assert "journalctl" in status["error"]
    assert one.code == 1


@pytest.mark.parametrize(
    ("kind", "match"),
    [({"python": "3.9"}, "the card's wheels are for Python 3.9"), ({"machine": "riscv64"}, "the card is for riscv64")],
)
def test_a_card_for_another_device_installs_nothing(device, kind, match):
    one = device(**kind)
    status = one.boot()
    assert status["outcome"] == "failed"
    assert match in status["error"]
    assert not one.places.prefix.exists()


def test_a_damaged_file_is_found_before_anything_is_installed(device):
    one = device()
    wheel = next((one.places.card / "wheelhouse").glob("*.whl"))
    wheel.write_bytes(b"x" + wheel.read_bytes()[1:])
    assert "is damaged" in one.boot()["error"]
    wheel.unlink()
    assert "cannot be read" in one.boot()["error"]
    assert not one.places.venv.exists()


def test_golden_answers_that_differ_enable_nothing(device, tmp_path):
    one = device()
    program(tmp_path / "programs/runuser", "echo 'litert-int8: DOES NOT MATCH' >&2; exit 4")
    status = one.boot()
    assert status["outcome"] == "failed"
    assert "DOES NOT MATCH" in status["error"]
    assert enabled(one) == ["edge-fer-first-boot.service"]


def test_too_little_room_is_told(device, monkeypatch):
    monkeypatch.setattr(installing, "NEEDED_MB", 1 << 40)
    monkeypatch.setattr(installing, "PAUSE_S", 0.0)
    assert "use a larger card" in device().boot()["error"]


def test_a_root_partition_that_still_grows_is_waited_for(tmp_path, monkeypatch):
    sizes = iter([100, 100, 900])
    monkeypatch.setattr(installing.shutil, "disk_usage", lambda path: SimpleNamespace(free=next(sizes) << 20))
    monkeypatch.setattr(installing, "PAUSE_S", 0.0)
    assert installing.check_room(Places(tmp_path), {}) == "900 MiB free"


def test_an_unforeseen_fault_is_in_the_status(device, monkeypatch):
    def fault(places, card):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setitem(first_boot.INSTALLATION, "check the room", fault)
    status = device().boot()
    assert status["error"] == "check the room: ZeroDivisionError: division by zero"


def test_a_boot_partition_that_cannot_be_written_has_its_status_elsewhere(device, service, monkeypatch):
    one = device(port=service)
    one.cloud_init_ran()
    update = writing.update

    def refuse(path, content):
        if path.name == "edge-fer-status.json" and path.parent == one.places.boot:
            raise OSError(30, "Read-only file system")
        update(path, content)

    monkeypatch.setattr(writing, "update", refuse)
    one.boot()
    status = json.loads((one.places.root / "var/log/edge-fer-status.json").read_text())
    assert status["outcome"] == "ok"


def test_without_a_card_it_says_so(tmp_path, capsys):
    assert first_boot.main(["--root", str(tmp_path)]) == 1
    assert "card.json" in capsys.readouterr().err


def test_two_at_once_wait_for_each_other(device, service):
    one = device(port=service)
    one.cloud_init_ran()
    threads = [threading.Thread(target=one.boot) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.said().count("systemctl restart --no-block edge-fer.service") == 1


def test_a_kiosk_needs_a_screen_and_both_programs(device, service, tmp_path):
    one = device(port=service)
    one.cloud_init_ran()
    for name in ("cage", "chromium"):
        program(tmp_path / "programs" / name, "true")
    status = one.boot()
    (step,) = [step for step in status["steps"] if step["name"] == "install the units"]
    assert step["detail"].endswith("no kiosk: no screen is connected")
    connector = one.places.root / "sys/class/drm/card1-HDMI-A-1/status"
    connector.parent.mkdir(parents=True)
    connector.write_text("connected\n")
    one.boot("--again")
    assert "edge-fer-kiosk.service" in enabled(one)
    connector.write_text("disconnected\n")
    one.boot("--again")
    assert "edge-fer-kiosk.service" not in enabled(one)


# a read-only root


def test_a_read_only_root_is_prepared_last(device, service):
    one = device(port=service, read_only=True)
    one.cloud_init_ran()
    status = one.boot()
    assert status["outcome"] == "ok"
    assert list(outcomes(status))[-1] == "make the root read-only"
    line = (one.places.boot / "cmdline.txt").read_text().split()
    assert line == [*CMDLINE.split(), "init=/usr/local/sbin/edge-fer-overlay"]
    script = one.places.root / "usr/local/sbin/edge-fer-overlay"
    assert script.stat().st_mode & 0o777 == 0o755
    fstab = (one.places.root / "etc/fstab").read_text()
    assert fstab.count("LABEL=edge-fer-data /var/lib/edge-fer ext4") == 1
    assert "nofail" in fstab
    assert "resize2fs /dev/mmcblk0p2" in one.said()
    assert "mount /var/lib/edge-fer" in one.said()
    one.boot("--again")
    assert (one.places.root / "etc/fstab").read_text() == fstab
    assert (one.places.boot / "cmdline.txt").read_text().split() == line


def test_a_writable_root_is_left_alone(device, service):
    one = device(port=service)
    one.cloud_init_ran()
    one.boot()
    assert "edge-fer-data" not in (one.places.root / "etc/fstab").read_text()
    assert not (one.places.root / "usr/local/sbin/edge-fer-overlay").exists()


# images without cloud-init


@pytest.fixture
def older(device, service, monkeypatch):
    one = device(FIRSTRUN, port=service)
    root = one.places.root
    (root / "etc/NetworkManager/system-connections").mkdir(parents=True)
    (root / "usr/share/zoneinfo/Europe").mkdir(parents=True)
    (root / "usr/share/zoneinfo/Europe/Berlin").touch()
    (root / "home/anna").mkdir(parents=True)
    (root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n")
    monkeypatch.setattr(firstrun, "has_user", lambda name: False)
    monkeypatch.setattr(firstrun, "has_group", lambda name: name in ("sudo", "video"))
    return one


def test_the_script_takes_the_settings_and_lets_the_next_boot_install(older):
    root = older.places.root
    assert firstrun.main(older.places) == 0
    assert (root / "etc/hostname").read_text() == "kiosk-1\n"
    assert (root / "etc/hosts").read_text() == "127.0.0.1\tlocalhost\n127.0.1.1\tkiosk-1\n"
    assert (root / "etc/localtime").readlink() == Path("/usr/share/zoneinfo/Europe/Berlin")
    connection = root / "etc/NetworkManager/system-connections/edge-fer.nmconnection"
    assert connection.stat().st_mode & 0o777 == 0o600
    assert "psk=" + "ab" * 32 in connection.read_text()
    assert (root / "home/anna/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA anna\n"
    assert "usermod --password $6$salt$hash anna" in older.said()
    assert (older.places.boot / "cmdline.txt").read_text().split() == CMDLINE.split()
    assert not (older.places.card / "setup.json").exists()
    assert (older.places.units / "edge-fer-first-boot.service").exists()
    status = older.boot()
    assert status["outcome"] == "ok"
    assert status["user_data"] == "not used"
    assert {step["name"]: step["outcome"] for step in status["settings"]}["make the account"] == "ok"
    assert not (older.places.card / "firstrun.sh").exists()


def test_a_setting_that_fails_is_noted_and_the_device_goes_on(older):
    (older.places.root / "usr/share/zoneinfo/Europe/Berlin").unlink()
    assert firstrun.main(older.places) == 0
    settings = {step["name"]: step for step in older.status()["settings"]}
    assert settings["set the time zone"]["outcome"] == "failed"
    assert "no time zone" in settings["set the time zone"]["detail"]
    assert settings["join the network"]["outcome"] == "ok"
    assert (older.places.boot / "cmdline.txt").read_text().split() == CMDLINE.split()


def test_settings_that_cannot_be_read_do_not_start_the_device_for_ever(older):
    (older.places.card / "setup.json").write_text("{")
    assert firstrun.main(older.places) == 0
    assert (older.places.boot / "cmdline.txt").read_text().split() == CMDLINE.split()


def test_netplan_gets_the_network_where_there_is_no_network_manager(older):
    root = older.places.root
    (root / "etc/NetworkManager/system-connections").rmdir()
    (root / "etc/NetworkManager").rmdir()
    (root / "etc/netplan").mkdir()
    firstrun.main(older.places)
    written = root / "etc/netplan/90-edge-fer.yaml"
    assert json.loads(written.read_text())["network"]["wifis"]["wlan0"]["access-points"]["ours"]
    assert written.stat().st_mode & 0o777 == 0o600


# the kernel's command line


def test_words_are_added_once_and_removed_again():
    words = ("systemd.wants=edge-fer-first-boot.service", "systemd.run=/boot/firmware/edge-fer/firstrun.sh")
    line = cmdline.with_words(CMDLINE, words)
    assert cmdline.with_words(line, words) == line
    assert cmdline.without_ours(line) == CMDLINE
    with pytest.raises(ValueError, match="1024 are allowed"):
        cmdline.with_words("x" * 1100, words)


def test_a_used_card_with_a_read_only_root_can_be_installed_again():
    used = f"{CMDLINE.strip()} init={persisting.OVERLAY_PATH}\n"
    line = cmdline.with_words(used, ("systemd.wants=edge-fer-first-boot.service",))
    assert line == f"{CMDLINE.strip()} systemd.wants=edge-fer-first-boot.service\n"


# a root that nobody writes to


BELOW = ("awk", "cat", "chroot", "grep", "mkdir", "mount", "mountpoint", "pivot_root", "sh", "umount")
INIT = """#!/bin/sh
echo "pid $$"
cat /proc/self/mountinfo
cat /etc/fstab
echo written >/etc/written && echo "it can be written"
"""
START = """\
mount -o loop,{options} {image} {at} && cd {at} || exit 99
mount -t proc proc proc && mount -t tmpfs run run && mount -t tmpfs dev dev || exit 99
mount --move . / && exec chroot . /usr/local/sbin/edge-fer-overlay
"""


@pytest.fixture(scope="module")
def root_image(tmp_path_factory):
    """A root file system with the few programs that the script calls, and an init that tells what it finds."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    root = tmp_path_factory.mktemp("below")
    for folder in ("usr/bin", "usr/local/sbin", "etc", "proc", "sys", "dev", "run", "mnt"):
        (root / folder).mkdir(parents=True)
    for name in BELOW:
        take(root, Path(tool(name)).resolve(), root / "usr/bin" / name)
    for link, target in {"bin": "usr/bin", "sbin": "usr/bin", "usr/sbin": "bin"}.items():
        (root / link).symlink_to(target)
    program(root / "usr/bin/init", INIT.partition("\n")[2])
    fstab = "PARTUUID=1-01 /boot/firmware vfat defaults 0 2\nPARTUUID=1-02 / ext4 defaults,noatime 0 1\n"
    (root / "etc/fstab").write_text(fstab)
    script = root / "usr/local/sbin/edge-fer-overlay"
    script.write_text((Path(persisting.__file__).parent / "units/edge-fer-overlay").read_text())
    script.chmod(0o755)
    return root


def take(root, program, at):
    """Copy *program* and the libraries that it loads below *root*."""
    shutil.copy(program, at)
    listed = subprocess.run([tool("ldd"), program], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+)", listed):
        beside = root / library[1:]
        beside.parent.mkdir(parents=True, exist_ok=True)
        if not beside.exists():
            shutil.copy(Path(library).resolve(), beside)


def start_from(root, folder, options="ro"):
    """Start the script as the kernel would, in namespaces of its own; return what init has told, and what was left."""
    image = folder / "root.img"
    at = folder / "at"
    at.mkdir()
    subprocess.run([tool("mke2fs"), "-q", "-t", "ext4", "-d", root, image, "64M"], check=True, capture_output=True)
    script = folder / "start.sh"
    script.write_text(START.format(options=options, image=image, at=at))
    words = [tool("unshare"), "--mount", "--pid", "--fork", "--propagation", "private", "sh", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == 99:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    left = subprocess.run([tool("debugfs"), "-R", "ls -p /etc", image], capture_output=True, text=True, check=True)
    return done.stdout, "written" in left.stdout


@pytest.mark.parametrize("options", ["ro", "rw"])
def test_the_root_is_laid_over_and_what_is_written_is_not_kept(root_image, tmp_path, options):
    if "overlay" not in Path("/proc/filesystems").read_text():
        pytest.skip("this kernel has no overlay file system")
    told, kept = start_from(root_image, tmp_path, options)
    assert told.startswith("pid 1\n")
    assert re.search(r" / / rw\S* - overlay ", told), told
    assert re.search(r" / /mnt \S+ - ext4 \S+ ro", told), told
    assert "#PARTUUID=1-02 / ext4" in told
    assert "PARTUUID=1-01 /boot/firmware vfat defaults,ro 0 2" in told
    assert "it can be written" in told
    assert not kept


def test_where_the_root_cannot_be_laid_over_the_system_starts_as_it_is(root_image, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(root_image, broken, symlinks=True)
    (broken / "usr/bin/mount").rename(broken / "usr/bin/mount.real")
    program(broken / "usr/bin/mount", 'case "$*" in "-t overlay"*) exit 1;; esac; exec mount.real "$@"')
    told, kept = start_from(broken, tmp_path, "rw")
    assert told.startswith("pid 1\n")
    assert "- overlay" not in told
    assert "it can be written" in told
    assert kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "http://127.0.0.1:8737/"),
        ("", "http://127.0.0.1:8737/"),
        ("[page]\nport = 9000\n", "http://127.0.0.1:9000/"),
        ('[page]\nbind = "0.0.0.0"\n', "http://127.0.0.1:8737/"),
        ('[page]\nbind = "192.168.1.7"\nport = 9000\n', "http://192.168.1.7:9000/"),
        ('[page]\nbind = "::"\ncertificate = "c.pem"\n', "https://[::1]:8737/"),
        ("page = 5\n", "http://127.0.0.1:8737/"),
        ("no toml", "http://127.0.0.1:8737/"),
        ("[page]\nenabled = false\n", None),
    ],
)
def test_the_service_is_asked_where_the_edited_settings_say(tmp_path, text, expected):
    places = Places(tmp_path)
    if text is not None:
        places.settings.mkdir(parents=True)
        (places.settings / "config.toml").write_text(text)
    assert settling._page(places) == expected


@pytest.mark.parametrize("text", ['[page]\nbind = "everywhere"\n', '[page]\nport = "x"\n', "[page]\nport = 0\n"])
def test_settings_that_name_no_address_fail_the_step(tmp_path, text):
    places = Places(tmp_path)
    places.settings.mkdir(parents=True)
    (places.settings / "config.toml").write_text(text)
    with pytest.raises(commands.StepFailed, match=r"mend bind and port in config\.toml"):
        settling._page(places)


def test_what_the_settings_need_is_allowed_by_a_generator(device, service):
    one = device(port=service)
    one.cloud_init_ran()
    one.boot()
    generator = one.places.root / "etc/systemd/system-generators/edge-fer-generator"
    assert generator.read_text().startswith("#!/usr/bin/python3")
    assert generator.stat().st_mode & 0o111
    assert "RuntimeWatchdogSec" in (one.places.root / "etc/systemd/system.conf.d/edge-fer-watchdog.conf").read_text()
