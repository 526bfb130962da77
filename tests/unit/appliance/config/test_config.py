"""The settings of the appliance: read, refused in one line, written and read again."""

from __future__ import annotations

import os
import tomllib

import pytest
from pydantic import ValidationError

from edge_fer.appliance.config import MAX_BYTES, TABLES, Config
from edge_fer.errors import BadInput

EVERYTHING = """
device = "Raspberry Pi 4"
source = "picamera"
size = "1280x720"
threads = 2
public_key = "/etc/edge-fer/ours.public.pem"

[supervision]
stale_after_s = 5.0

[page]
bind = "::1"
port = 9000

[mqtt]
host = "broker.local"
user = "kiosk"
password = "mqtt-password"

[[webhook]]
url = "https://example.org/a"

[[webhook]]
url = "https://example.org/b"
kinds = ["alert"]

[gpio]
pin = 17
on = ["happy", "somebody"]

[music]
playlists = { happy = "/srv/happy.m3u" }
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "config.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_without_any_setting_it_watches_the_first_camera_for_this_device_only(written):
    config = Config.load(written(""))
    assert config == Config()
    assert config.source == "camera"
    assert config.page.only_this_device
    assert (config.mqtt, config.webhook, config.gpio, config.music) == (None, (), None, None)


def test_settings_can_be_written_and_read_again(written):
    config = Config.load(written(EVERYTHING))
    assert Config.load(written(config.dumps())) == config
    assert Config.load(written(Config().dumps())) == Config()
    # What a reader of the file sees: what was set, and the values outside of tables.
    dumped = tomllib.loads(config.dumps())
    assert dumped["page"] == {"bind": "::1", "port": 9000}
    assert dumped["max_fps"] == 15.0


def test_the_tables_are_known():
    tables = set()
    for name, field in Config.model_fields.items():
        if "Settings" in str(field.annotation) or name == "supervision":
            tables.add(name)
    assert tables == TABLES


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        Config().source = "1"


def test_a_file_that_windows_has_edited_is_read(written):
    assert Config.load(written(b'\xef\xbb\xbfsource = "1"\r\n')).source == "1"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("source = ", "cannot be used"),
        ("camera = 1", "camera"),
        ("[page]\nport = 70000", "page.port 70000"),
        ('[page]\nbind = "localhost.example"', "page.bind"),
        ('[page]\nbind = "0.0.0.0"', "name a credential in token"),
        ("[health]\nport = 9000", "health"),
        ('size = "huge"', "size"),
        ("max_fps = 0", "max_fps"),
        ("max_fps = nan", "max_fps"),
        ("threads = 1000", "threads"),
        ('source = "a\\nb"', "source"),
        ('source = "-"', "standard input"),
        ('source = "999"', "cameras have numbers from 0 to 255"),
        ('source = "ftp://camera"', "streams begin with"),
        ("[mqtt]", "mqtt.host"),
        ('[webhook]\nurl = "https://example.org"', "webhook"),
        ("a = " + "[" * 2000, "cannot be used"),
        (b'source = "\xff"', "cannot be used"),
        ("#" * (MAX_BYTES + 1), "larger than"),
        ("max_fps = 0\nthreads = 0", "1 more value is wrong; edge-fer config check"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(written, text, match):
    with pytest.raises(BadInput, match=match) as caught:
        Config.load(written(text))
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        Config.load(tmp_path / "none.toml")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BadInput, match="it is a pipe"):
        Config.load(pipe)
