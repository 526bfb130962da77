"""What the settings of the outlets take and refuse."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edge_fer.appliance.event import Kind
from edge_fer.appliance.outlets.settings import (
    GpioSettings,
    MqttSettings,
    MusicSettings,
    SoundSettings,
    WebhookSettings,
)

CREDENTIAL = "mqtt-password"


def test_little_is_needed():
    assert MqttSettings(host="broker.local").tls is False
    assert WebhookSettings(url="https://example.org/hook").kinds == (Kind.ALERT, Kind.HEALTH)
    assert GpioSettings(pin=17, on=("angry",)).factory == "lgpio"
    assert MusicSettings(playlists={"happy": "/music/happy"}).volume == 70


def test_nothing_about_faces_leaves_the_device_by_default_but_states():
    assert not MqttSettings(host="broker.local").scores
    assert not WebhookSettings(url="https://example.org/hook").scores
    assert Kind.FACE not in WebhookSettings(url="https://example.org/hook").kinds


@pytest.mark.parametrize("host", ["localhost", "broker.example.org", "192.168.1.2", "fe80::1", "my_broker"])
def test_hosts(host):
    assert MqttSettings(host=host).host == host


@pytest.mark.parametrize("host", ["", "mqtt://broker", "broker:1883", "a b", "broker/x", "-x", "x" * 300, "a\x00"])
def test_what_is_no_host(host):
    with pytest.raises(ValidationError):
        MqttSettings(host=host)


@pytest.mark.parametrize("prefix", ["", "/a", "a/", "a//b", "a/+", "#", "$SYS", "a\nb", "x" * 201])
def test_what_is_no_prefix_of_topics(prefix):
    with pytest.raises(ValidationError):
        MqttSettings(host="b", prefix=prefix)


@pytest.mark.parametrize(
    "values",
    [
        {"password": CREDENTIAL},
        {"tls": True, "certificate_file": "own.pem"},
        {"ca_file": "ca.pem"},
        {"user": "me", "password": "a/b"},
        {"client_id": "a b"},
        {"user": "line\nbreak"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_does_not_fit_together(values):
    with pytest.raises(ValidationError):
        MqttSettings(host="b", **values)


def test_each_names_its_secret():
    assert MqttSettings(host="b", user="me", password=CREDENTIAL).credential == CREDENTIAL
    assert WebhookSettings(url="https://b", secret="@/etc/key").credential == "@/etc/key"  # noqa: S106 (a path)
    assert GpioSettings(pin=1, on=("alert",)).credential is None
    assert MusicSettings(playlists={"happy": "x"}).credential is None
    assert SoundSettings().credential is None


def test_a_sound_is_no_option_of_the_player():
    with pytest.raises(ValidationError, match="for an option"):
        SoundSettings(alarm="--help")
    with pytest.raises(ValidationError):
        SoundSettings(from_level="advice")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org", "example.org", "https://", "file:///etc/passwd", "https://me:secret@example.org",
        "https://example.org/a b", "https://example.org/\r\nX: y", "https://example.org:99999", "https://exämple.org",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_server(url):
    with pytest.raises(ValidationError):
        WebhookSettings(url=url)


@pytest.mark.parametrize(
    "values", [{"pin": -1}, {"pin": 99}, {"on": ()}, {"min_on_s": 5, "max_on_s": 1}, {"factory": "magic"}], ids=str
)
def test_what_is_no_lamp(values):
    with pytest.raises(ValidationError):
        GpioSettings(**{"pin": 17, "on": ("angry",)} | values)


@pytest.mark.parametrize("values", [{"playlists": {}}, {"volume": 0}, {"volume": 101}, {"who": "all"}], ids=str)
def test_what_is_no_player(values):
    with pytest.raises(ValidationError):
        MusicSettings(**{"playlists": {"happy": "x"}} | values)
