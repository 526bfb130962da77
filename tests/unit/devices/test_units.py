"""The units: taken by systemd, shut as far as a camera allows, and opened by the settings alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_fer.appliance.config import Config
from edge_fer.appliance.page.settings import PORT
from edge_fer_devices import first_boot
from edge_fer_devices.first_boot import permissions

FOLDER = Path(first_boot.__file__).parent
UNITS = FOLDER / "units"
MOST_EXPOSED = 2.0
"""What ``systemd-analyze security`` may say of the service, from 0 to 10."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze: apt install systemd"
)


def values(unit, key):
    lines = (UNITS / unit).read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


@pytest.fixture
def written(tmp_path):
    """Return a function that lets the generator write for *settings*; what it wrote, by unit."""

    def generate(settings):
        path = tmp_path / "config.toml"
        path.write_text(settings)
        assert permissions.main([str(tmp_path / "out")], path, tmp_path / "encrypted") == 0
        found = {file.parent.name: file.read_text() for file in (tmp_path / "out").glob("*/*.conf")}
        return found["edge-fer.service.d"].splitlines()[2:], found.get("edge-fer-kiosk.service.d", "")

    return generate


# the service


@needs_systemd
def test_the_service_is_hardly_exposed():
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS / "edge-fer.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze reads no files: it is older than 250")
    (exposure,) = re.findall(r"Overall exposure level for edge-fer.service: ([\d.]+)", done.stdout)
    assert float(exposure) <= MOST_EXPOSED


@needs_systemd
@pytest.mark.parametrize("unit", ["edge-fer.service", "edge-fer-kiosk.service"])
@pytest.mark.parametrize("settings", ["", '[mqtt]\nhost = "b"\n[gpio]\npin = 1\n[music]\n[page]\ntoken = "t"\n'])
def test_systemd_takes_the_units_with_what_is_allowed(tmp_path, written, unit, settings):
    written(settings)
    shutil.copy(UNITS / unit, tmp_path / "out" / unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "out" / unit)],
        capture_output=True, text=True, check=False,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path / 'out'}:", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    # The programs of a device are not on this machine.
    faults = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert faults == []


def test_the_service_reaches_nothing_but_this_device():
    assert values("edge-fer.service", "IPAddressDeny") == ["any"]
    assert values("edge-fer.service", "IPAddressAllow") == ["localhost"]


def test_systemd_watches_it_and_restarts_it_for_as_long_as_it_takes():
    assert values("edge-fer.service", "Type") == ["notify"]
    assert values("edge-fer.service", "Restart") == ["always"]
    assert values("edge-fer.service", "StartLimitIntervalSec") == ["0"]
    assert int(values("edge-fer.service", "WatchdogSec")[0]) >= 30
    assert values("edge-fer.service", "OOMPolicy") == ["continue"]


@pytest.mark.parametrize(("status", "restarts"), [("75", True), ("70", False), ("0", False), ("KILL", False)])
def test_only_a_camera_that_hangs_in_the_kernel_restarts_the_board(tmp_path, status, restarts):
    (command,) = values("edge-fer.service", "ExecStopPost")
    script = re.fullmatch(r"\+/bin/sh -c '(.*)'", command)[1]
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    systemctl.chmod(0o755)
    subprocess.run(["sh", "-c", script], env={"EXIT_STATUS": status, "PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert (tmp_path / "asked").exists() == restarts


# what the settings allow


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ("", []),
        ("no toml", []),
        ("page = 5\nmqtt = []\nwebhook = 1\nmusic = true\n", ["DeviceAllow=char-alsa rw", "SupplementaryGroups=audio"]),
        ('[page]\nbind = "0.0.0.0"\ntoken = "page-token"\n', ["IPAddressAllow=any", "LoadCredential=page-token"]),
        ('[page]\nbind = "0.0.0.0"\nenabled = false\n', []),
        ('[mqtt]\nhost = "localhost"\n', []),
        ('[mqtt]\nhost = "192.168.1.7"\npassword = "@/etc/p"\n', ["IPAddressAllow=192.168.1.7"]),
        ('[mqtt]\nhost = "broker"\npassword = "p"\n', ["IPAddressAllow=any", "LoadCredential=p"]),
        (
            '[[webhook]]\nurl = "https://10.0.0.1:8443/x"\n[[webhook]]\nurl = "http://[fd00::1]/x"\nsecret = "s"\n',
            ["IPAddressAllow=10.0.0.1", "IPAddressAllow=fd00::1", "LoadCredential=s"],
        ),
        (
            '[[webhook]]\nurl = "http://127.0.0.1:80/x"\n[[webhook]]\nurl = "https://a.example/"\n',
            ["IPAddressAllow=any"],
        ),
        ('source = "rtsp://camera/live"\n', ["IPAddressAllow=any"]),
        ('source = "@/etc/edge-fer/camera.txt"\n', ["IPAddressAllow=any"]),
        (
            "[gpio]\npin = 17\n",
            ["DeviceAllow=char-gpiochip rw", "DeviceAllow=/dev/gpiomem rw", "Environment=LG_WD=/tmp"],
        ),
        (
            '[music.playlists]\nhappy = "http://radio/x"\n',
            ["IPAddressAllow=any", "DeviceAllow=char-alsa rw", "SupplementaryGroups=audio"],
        ),
        ("[sound]\n", ["DeviceAllow=char-alsa rw", "SupplementaryGroups=audio"]),
        (
            '[driving.speed]\ntopic = "v"\nhost = "10.0.0.2"\nuser = "u"\npassword = "v-password"\n',
            ["IPAddressAllow=10.0.0.2", "LoadCredential=v-password"],
        ),
        ('[events]\npath = "/srv/edge-fer/events.db"\n', ["ReadWritePaths=-/srv/edge-fer"]),
        ('[events]\npath = "/var/lib/edge-fer/e/events.db"\n', []),
    ],
)
def test_the_settings_allow_what_they_need_and_no_more(written, settings, lines):
    assert [line for line in written(settings)[0] if not line.startswith("Restart")] == lines


@pytest.mark.parametrize("name", ["a\\nUser=root", "a b", "../x", "a:/etc/shadow", "%h", "ä", ""])
def test_no_name_adds_a_setting_to_the_unit(written, name):
    settings = (
        f'[page]\ntoken = "{name}"\n[events]\npath = "/srv/{name} x/y.db"\n[supervision]\nstate_folder = "{name}"\n'
    )
    assert [line for line in written(settings)[0] if not line.startswith("Restart")] == []


def test_a_credential_that_is_encrypted_is_decrypted(written, tmp_path):
    (tmp_path / "encrypted").mkdir()
    (tmp_path / "encrypted" / "p").touch()
    assert "LoadCredentialEncrypted=p" in written('[mqtt]\nhost = "127.0.0.1"\npassword = "p"\n')[0]


def test_a_systemd_that_can_waits_longer_after_each_failed_start():
    assert permissions.back_off(252) == []
    assert permissions.back_off(257) == ["RestartSteps=8", "RestartMaxDelaySec=5min"]


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ("", f"http://127.0.0.1:{PORT}/"),
        ("[page]\nport = 9000\n", "http://127.0.0.1:9000/"),
        ('[page]\nbind = "::"\n', f"http://[::1]:{PORT}/"),
        ("[page]\nenabled = false\n", None),
        ("[page]\nport = 0\n", None),
    ],
)
def test_the_screen_finds_the_page(written, settings, address):
    kiosk = written(settings)[1]
    assert ("EDGE_FER_PAGE=" in kiosk) == (address is not None)
    if address is not None:
        assert f"EDGE_FER_PAGE={address}\n" in kiosk
    (command,) = values("edge-fer-kiosk.service", "ExecStart")
    assert command.endswith(" ${EDGE_FER_PAGE}")
    assert f"EDGE_FER_PAGE=http://127.0.0.1:{PORT}/" in values("edge-fer-kiosk.service", "Environment")


def test_it_takes_for_granted_what_the_service_takes():
    config = Config()
    assert (config.page.bind, config.page.port) == (permissions.DEFAULT_BIND, permissions.DEFAULT_PORT)
    assert config.supervision.state_folder == config.events.path.parent == Path(permissions.STATE)
    assert values("edge-fer.service", "ReadWritePaths") == [f"-{permissions.STATE}"]


def test_it_runs_alone_as_a_generator(tmp_path):
    copy = tmp_path / "edge-fer-generator"
    shutil.copy(FOLDER / "permissions.py", copy)
    done = subprocess.run(
        [sys.executable, "-IB", str(copy), *(str(tmp_path / name) for name in ("normal", "early", "late"))],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0
    assert (tmp_path / "normal" / "edge-fer.service.d" / "50-settings.conf").exists()
    assert not (tmp_path / "early").exists()
