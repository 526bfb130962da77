from __future__ import annotations

import os
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.errors import SourceError
from edge_fer.sources.addresses import Kind, kind_of, redact, resolve, scrub, stem

# No shorter one: it could stand in the rest of the address by chance.
SECRETS = st.text(st.sampled_from("Zq7@:/#?&%=+ \\é[]"), min_size=4, max_size=16).map("S3cret".__add__)
SCHEMES = st.sampled_from(["rtsp", "RTSP", "rtsps", "http", "https", "rtmp", "srt", "foo"])
HOSTS = st.sampled_from(["127.0.0.1", "cam.example", "[::1]", "[fe80::1%eth0]:554", "host:8080"])
FIELDS = st.sampled_from(
    ["pwd", "password", "PASS", "token", "access_token", "key", "api-key", "auth", "user", "usr", "secret",
     "X-Amz-Signature", "loginuse", "passphrase", "p%77d", "%70assword", "p%2577d"]
)  # fmt: skip


@given(SCHEMES, HOSTS, SECRETS, SECRETS, st.booleans())
def test_no_user_name_and_no_password_is_shown(scheme, host, user, password, encoded):
    if encoded:
        user, password = quote(user, safe=""), quote(password, safe="")
    shown = redact(f"{scheme}://{user}:{password}@{host}/cam?channel=1")
    assert "S3cret" not in shown
    assert shown.startswith(f"{scheme}://***@")


@given(SCHEMES, HOSTS, FIELDS, st.text("Zq7:@%+ é[]", max_size=12), st.sampled_from("?&;/#"))
def test_no_secret_field_is_shown(scheme, host, field, secret, separator):
    shown = redact(f"{scheme}://{host}/stream?channel=1{separator}{field}=S3cret{secret}&width=640")
    assert "S3cret" not in shown
    if "@" not in secret:
        assert shown.endswith("&width=640")
        assert "channel=1" in shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://admin:S3cret@127.0.0.1:9/cam?channel=1", "rtsp://***@127.0.0.1:9/cam?channel=1"),
        ("http://host/s?user=admin&pwd=S3cret", "http://host/s?user=***&pwd=***"),
        ("rtsp://host/user=admin_password=S3cret_channel=1.sdp", "rtsp://host/user=***"),
        ("http://host/s?url=rtsp%3A%2F%2Fadmin%3AS3cret%40cam", "http://host/s?url=***"),
        ("rtsp://admin:pa/S3cret@host/x", "rtsp://***@host/x"),
        ("rtsp://admin:S3cret%40host", "rtsp://***"),
        ("rtsp://adm?in:S3cret@host/x", "rtsp://***@host/x"),
        ("rtsp:/admin:S3cret@host", "rtsp:/***@host"),
        ("admin:S3cret@host/cam", "***@host/cam"),
        ("udp://@239.0.0.1:5000", "udp://@239.0.0.1:5000"),
        ("http://[::1]:80/stream", "http://[::1]:80/stream"),
        ("drive.mp4", "drive.mp4"),
        ("me@home.png", "me@home.png"),
    ],
)
def test_an_address_is_shown_as_far_as_it_is_no_secret(address, shown):
    assert redact(address) == shown


def test_addresses_inside_a_message_are_redacted():
    message = "[Errno 5] Input/output error: 'rtsp://admin:S3cret@host/cam'; tried http://b/?pwd=S3cret twice"
    assert scrub(message) == "[Errno 5] Input/output error: 'rtsp://***@host/cam'; tried http://b/?pwd=*** twice"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rtsp://admin:S3cret@cam.example:554/x", "cam.example"),
        ("http://[fe80::1]/x", "fe80-1"),
        ("http://cam.example/live/stream", "stream"),
        ("http://cam.example/live/S3cret", "cam.example"),
        ("http://cam.example/stream?user=admin&pwd=S3cret", "cam.example"),
        ("http://admin:S3cret@cam.example/stream", "cam.example"),
        ("rtsp://admin:S3cret%40cam", "camera"),
        ("http://../../etc/x?user=S3cret", "camera"),
        ("udp://@:5000", "camera"),
        ("drive.mp4", "drive"),
        ("/dev/video0", "video0"),
        ("synthetic:hard", "synthetic-hard"),
        ("-", "standard-input"),
    ],
)
def test_a_file_is_named_after_the_host_or_a_plain_part(name, expected):
    assert stem(name) == expected


@given(SCHEMES, SECRETS, SECRETS)
def test_a_files_name_holds_no_secret_and_no_path(scheme, user, password):
    name = stem(f"{scheme}://{user}:{password}@cam/x?pwd={password}")
    assert "S3cret" not in name
    assert "/" not in name
    assert name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("synthetic", Kind.SYNTHETIC),
        ("synthetic:hard", Kind.SYNTHETIC),
        ("synthetic.mp4", Kind.PATH),
        ("picamera", Kind.PICAMERA),
        ("0", Kind.DEVICE),
        ("/dev/video97", Kind.DEVICE),
        ("/dev/v4l/by-id/usb-unplugged-video-index0", Kind.DEVICE),
        ("RTSP://host/x", Kind.STREAM),
        ("srt://host:1", Kind.STREAM),
        ("tcp://host:1", Kind.STREAM),
        ("photo.jpg", Kind.PATH),
    ],
)
def test_the_kinds_of_names(name, kind):
    assert kind_of(name) is kind


def test_a_link_to_a_camera_is_a_camera(tmp_path, monkeypatch):
    link = tmp_path / "front-door"
    link.symlink_to("/dev/null")
    # The major number of video devices, which /dev/null has not.
    monkeypatch.setattr(os, "major", lambda _: 81)
    assert kind_of(str(link)) is Kind.DEVICE


@pytest.mark.parametrize("name", ["99999999999", "-1", "+1", "256", "9" * 5000])
def test_a_number_that_no_camera_has_is_refused(name):
    with pytest.raises(SourceError, match="cameras have numbers from 0 to 255") as caught:
        kind_of(name)
    assert len(str(caught.value)) < 150


def test_an_unknown_scheme_is_refused_without_its_password():
    with pytest.raises(SourceError, match=r"no source 'foo://\*\*\*@host/x'; .* rtsp://"):
        kind_of("foo://admin:S3cret@host/x")


def test_a_device_that_is_no_camera_is_refused():
    with pytest.raises(SourceError, match="/dev/null is a device, but no camera"):
        kind_of("/dev/null")


def test_an_address_is_read_from_a_file(tmp_path):
    path = tmp_path / "camera"
    path.write_text("rtsp://admin:S3cret@host/x\nnote\n")
    assert resolve(f"@{path}") == "rtsp://admin:S3cret@host/x"
    assert resolve("0") == "0"


@pytest.mark.parametrize(("content", "message"), [(b"\n", "is empty"), (b"\xff", "not UTF-8"), (None, "No such file")])
def test_a_file_without_an_address_is_an_error(tmp_path, content, message):
    path = tmp_path / "camera"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        resolve(f"@{path}")


@pytest.mark.parametrize("password", ["S3cret", "a'S3cret", 'a"S3cret', "a S3cret", "a<S3cret>", "(S3cret)"])
def test_a_message_is_shown_without_the_secrets_of_an_address(password):
    shown = scrub(f"unexpected argument (rtsp://admin:{password}@host/cam), 1 of 2")
    assert shown == "unexpected argument (rtsp://***@host/cam), 1 of 2"


def test_a_message_that_names_a_scheme_only_stays():
    message = "pass a camera (0, /dev/video0, rtsp://…) or rtsp://host:554/cam"
    assert scrub(message) == message
