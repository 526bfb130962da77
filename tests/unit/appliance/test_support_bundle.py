"""A support bundle helps, and shows and names nobody."""

from __future__ import annotations

import json
import re
import stat
import tomllib
import zipfile
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from edge_fer.appliance.commands.support_bundle import support_bundle
from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.events.store import Store
from edge_fer.appliance.support import collecting
from edge_fer.appliance.support.cleaning import clean, masked
from edge_fer.errors import BadInput, SinkError

PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM6", b"II*\x00", b"MM\x00*", b"ftyp", b"P6\n")
"""How files of pictures and films begin."""
ENCODED = (b"/9j/", b"iVBORw0KGgo", b"R0lGOD", b"data:image")
"""How they begin as text."""
SECRETS = (
    "hidden", "Anna", "anna", "hall-7", "192.168.1.7", "broker.example", "fd00::1", "aa:bb:cc:dd:ee:ff", "Our network",
    "T0123/B456", "AAAAC3NzaC1lZDI1NTE5AAAA", "hooks.example",
)  # fmt: skip

CONFIG = """
source = "rtsp://admin:hidden@192.168.1.7/live"
[page]
token = "page-token"
bind = "0.0.0.0"
port = 1
contact = "Anna, room 7"
title = "Anna's door"
hosts = ["hall-7.local"]
[mqtt]
host = "broker.example"
user = "anna"
password = "@/home/anna/secret"
[[webhook]]
url = "https://hooks.example/services/T0123/B456"
secret = "hidden-instead-of-a-name"
[music.playlists]
happy = "/home/anna/happy.m3u"
[events]
path = "{folder}/events.db"
"""

LOG = f"""\
2026-11-30T19:00:00 edge-fer[1]: the camera rtsp://admin:hidden@192.168.1.7/live is gone
2026-11-30T19:00:01 edge-fer[1]: {{"index": 0, "faces": [{{"state": "happy"}}]}}
2026-11-30T19:00:02 wpa_supplicant[2]: ssid="Our network" psk=hidden aa:bb:cc:dd:ee:ff
2026-11-30T19:00:03 sshd[3]: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA anna@hall-7
2026-11-30T19:00:04 edge-fer[1]: {"/9j/" + "A" * 400}
2026-11-30T19:00:05 edge-fer[1]: no credential hidden-too: only systemd passes (put it into /etc/credstore/hidden-too)
2026-11-30T19:00:05 edge-fer[1]: the credential cannot be read from /run/credentials/x/hidden-instead-of-a-name: No such
2026-11-30T19:00:05 edge-fer[1]: no credential 'hidden from all': a name has letters
2026-11-30T19:00:05 edge-fer[1]: hall-7 listens at [fd00::1:2:3:4]:8737 and 127.0.0.1:8737
"""


@pytest.fixture
def device(tmp_path, monkeypatch):
    """The settings, events and log of a device on which a lot is secret; where its settings are."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    store = Store(tmp_path / "events.db", EventSettings())
    now = datetime(2026, 11, 30, 19, tzinfo=UTC)
    store.append(Event(now, Kind.FACE, "track 3", None, "happy", {"scores": {"happy": 0.9}}))
    store.append(Event(now, Kind.HEALTH, "camera", None, "rtsp://admin:hidden@192.168.1.7/live is gone"))
    store.close()
    programs = tmp_path / "programs"
    programs.mkdir()
    journal = programs / "journalctl"
    (tmp_path / "log").write_text(LOG)
    journal.write_text(f"#!/bin/sh\ncat {tmp_path / 'log'}\n")
    journal.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "page-token").write_text("hidden-hidden-hidden")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    monkeypatch.setattr("socket.gethostname", lambda: "hall-7")
    # Another process, and seconds: what it prints is the doctor's business.
    monkeypatch.setattr(collecting, "_doctor", lambda _: {"findings": ["/home/anna/x", "psk: hidden"]})
    monkeypatch.chdir(tmp_path)
    return path


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def made(device, *options):
    result = CliRunner().invoke(support_bundle, ["--config", str(device), "--out", "b.zip", *options])
    assert result.exit_code == 0, result.exception
    return result, contents(device.with_name("b.zip"))


def test_it_holds_what_it_says_and_is_for_its_owner_alone(device):
    result, inside = made(device)
    named = [line.split()[0] for line in result.stdout.splitlines()[:-1]]
    assert named == list(inside) == [part.name for part in collecting.parts()]
    listed = re.findall(r"^  ([\w.-]+\.\w+) ", support_bundle.epilog, re.MULTILINE)
    assert listed == named
    assert stat.S_IMODE(device.with_name("b.zip").stat().st_mode) == 0o600


def test_no_picture_and_nobodys_name_is_in_it(device):
    _, inside = made(device)
    for name, content in inside.items():
        text = content.decode()  # nothing but text
        assert text.replace("\n", "").replace("\t", "").isprintable(), name
        for magic in (*PICTURES, *ENCODED):
            assert magic not in content, (name, magic)
        for secret in SECRETS:
            assert secret not in text, (name, secret)


def test_it_helps_all_the_same(device):
    _, inside = made(device)
    settings = tomllib.loads(inside["config.toml"].decode())
    kept = {key: settings["page"][key] for key in ("token", "bind", "contact")}
    assert list(kept.values()) == ["page-token", "0.0.0.0", "***"]  # noqa: S104  (of a credential, the name)
    assert settings["source"] == "rtsp://***"
    assert settings["webhook"][0]["url"] == "https://***"
    events = json.loads(inside["events.json"])
    assert events["counts"] == {"2026-11-30": {"face": 1, "health": 1}}
    (event,) = events["of_the_appliance"]
    assert (event["subject"], event["after"]) == ("camera", "rtsp://***@IPv4/live is gone")
    log = inside["log.txt"].decode()
    assert "the camera rtsp://***@IPv4/live is gone" in log
    assert "127.0.0.1:8737" in log
    assert "happy" not in log
    assert "does not answer" in inside["health.json"].decode()
    packages = json.loads(inside["versions.json"])["packages"]
    assert packages["opencv-python-headless"].count(".") >= 2  # which looks like an address
    assert json.loads(inside["machine.json"])["now"]["disk_free_mb"] > 0


def test_settings_that_cannot_be_used_are_told_without_their_values(device):
    device.write_text('[page]\nport = "hidden"\nAnna = "hidden"\nhidden\n')
    _, inside = made(device)
    text = inside["config.toml"].decode()
    assert "# line 2: page.port" in text
    assert "hidden" not in text
    assert json.loads(inside["machine.json"])["now"]


def test_no_file_is_replaced_and_a_full_disk_leaves_none(device, monkeypatch):
    made(device)
    result = CliRunner().invoke(support_bundle, ["--config", str(device), "--out", "b.zip"])
    assert isinstance(result.exception, BadInput)
    result = CliRunner().invoke(support_bundle, ["--config", str(device), "--out", "/proc/b.zip"])
    assert isinstance(result.exception, SinkError)
    assert "Traceback" not in result.output
    answer = json.loads(CliRunner().invoke(support_bundle, ["--config", str(device), "--json"]).stdout)
    assert list(answer["inside"]) == [part.name for part in collecting.parts()]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("uptime 10:20:30, version 1.2.3.4.5", "uptime 10:20:30, version 1.2.3.4.5"),
        ("2026-11-30T19:00:00.123456", "2026-11-30T19:00:00.123456"),
        ("from 10.0.0.12:53", "from IPv4:53"),
        ("password: hidden", "password: ***"),
        ('psk="with spaces"', "psk=***"),
        ("anna@example.org wrote", "***@*** wrote"),
        ("$6$salt$hash of root", "*** of root"),
        ("at [fe80::1%eth0]:80, fd00::1 and ::1", "at [IPv6%eth0]:80, IPv6 and ::1"),
        ("hall-7-b and hall-7", "hall-7-b and HOST"),
    ],
)
def test_what_is_taken_out_of_a_text(text, cleaned):
    assert clean(text, "hall-7") == cleaned


def test_what_cannot_be_collected_for_whatever_reason_costs_no_other_part(device, monkeypatch):
    def failing(_):
        raise TypeError("5 is no path")

    monkeypatch.setattr(collecting, "_health", failing)
    _, inside = made(device)
    assert inside["health.json"].decode() == "not collected: 5 is no path\n"
    assert json.loads(inside["events.json"])["counts"]


def test_lists_and_tables_are_masked_as_deep_as_they_go():
    assert masked({"mqtt": {"host": "b", "port": 1}, "a": [{"url": "http://x/y"}], "user": ""}) == {
        "mqtt": {"host": "***", "port": 1},
        "a": [{"url": "http://***"}],
        "user": "",
    }
