"""The names of sources: what each stands for, and how it is shown without the password that may be part of it."""

from __future__ import annotations

import os
import re
import stat
import sys
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from edge_fer.errors import SourceError
from edge_fer.sources.options import SCENES

STREAM_SCHEMES: Final = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "tcp", "http", "https")
"""Schemes of the network addresses that are read."""
LAST_CAMERA: Final = 255
"""Highest number of a camera."""
MASK: Final = "***"
"""What stands in the place of a secret."""
MAX_STEM: Final = 60
"""Longest stem of a file's name, in characters."""
PLAIN_PARTS: Final = frozenset({"cam", "camera", "live", "mjpeg", "stream", "video"})
"""Last parts of addresses that many cameras have: no secrets."""
MAX_ADDRESS_BYTES: Final = 4096
"""Longest address that is read from a file."""
VIDEO_DEVICES: Final = 81
"""Major number of Linux' video devices."""

# Parts of the names of fields that hold a secret, such as X-Amz-Signature or rtsp_user; then whole names.
SECRET_PARTS: Final = (
    "pass",
    "pwd",
    "user",
    "usr",
    "token",
    "key",
    "auth",
    "secret",
    "sig",
    "cred",
    "login",
    "account",
)
SECRET_NAMES: Final = frozenset(
    {"pw", "psw", "sid", "session", "sessionid", "streamid", "jwt", "name", "u", "p", "pin"}
)

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/{1,2}", re.ASCII)
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+(%\w+)?\]|[\w.-]*)(:\d{1,5})?")
# Some cameras put the fields into the path, as in /user=admin_password=secret_channel=1.sdp.
_FIELD: Final = re.compile(r"(?P<start>^|[?&;/#,_])(?P<name>[^?&;/#,=]+)=(?P<value>[^?&;/#]*)")


class Kind(Enum):
    """What a name stands for."""

    STANDARD_INPUT = "-"
    """What comes through a pipe."""
    SYNTHETIC = "synthetic"
    """Drawn people: ``synthetic`` or ``synthetic:SCENE``."""
    CAMERA = "camera"
    """The camera of this machine, USB or ribbon cable."""
    PICAMERA = "picamera"
    DEVICE = "device"
    """A camera of the machine: a number, a device file, or a link to one."""
    STREAM = "stream"
    """A network address."""
    PATH = "path"
    """A file or a folder, whether it exists or not."""


def kind_of(name: str) -> Kind:
    """Return what *name* stands for. Raises `SourceError` for a number or a scheme that cannot be."""
    if name in (Kind.CAMERA.value, Kind.PICAMERA.value, Kind.STANDARD_INPUT.value):
        return Kind(name)
    if name.partition(":")[0] == Kind.SYNTHETIC.value:
        scene_of(name)
        return Kind.SYNTHETIC
    if re.fullmatch(r"[+-]?\d+", name):
        return _camera_number(name)
    scheme = _SCHEME.match(name)
    if scheme is not None and "://" in scheme[0]:
        if scheme[1].lower() not in STREAM_SCHEMES:
            known = " ".join(f"{scheme}://" for scheme in STREAM_SCHEMES)
            raise SourceError(f"no source {redact(name)!r}; of a file, pass its path; streams begin with {known}")
        return Kind.STREAM
    return Kind.DEVICE if _is_device(name) else Kind.PATH


def scene_of(name: str) -> str:
    """Return the scene of the synthetic camera *name*, ``synthetic[:SCENE]``. Raises `SourceError` for another one."""
    _, colon, scene = name.partition(":")
    if not colon:
        return SCENES[0]
    if scene not in SCENES:
        raise SourceError(f"no scene {redact(name)[:MAX_STEM]!r}; pass {_scene_names()}")
    return scene


def _scene_names() -> str:
    names = [f"{Kind.SYNTHETIC.value}:{scene}" for scene in SCENES]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _camera_number(name: str) -> Kind:
    # The length first, since Python refuses to convert numbers of thousands of digits.
    if name.isdecimal() and len(name) <= 4 and int(name) <= LAST_CAMERA:
        return Kind.DEVICE
    shown = name if len(name) <= MAX_STEM else f"{name[:MAX_STEM]}…"
    raise SourceError(f"camera {shown} cannot be: cameras have numbers from 0 to {LAST_CAMERA}")


def _is_device(name: str) -> bool:
    """Return whether *name* is a camera's device file, a link to one, or the place of one that is not there now."""
    try:
        status = os.stat(name)  # noqa: PTH116  (follows links, as /dev/v4l/by-id/ holds them)
    except (OSError, ValueError):
        return name.startswith(("/dev/video", "/dev/v4l/"))
    if not stat.S_ISCHR(status.st_mode):
        return False
    if sys.platform == "linux" and os.major(status.st_rdev) != VIDEO_DEVICES:
        raise SourceError(f"{name} is a device, but no camera; list cameras with 'ls /dev/video*'")
    return True


def resolve(name: str) -> str:
    """Return *name*; of ``@FILE``, the first line of the file, so that no list of processes shows a password.

    Raises `SourceError` if the file cannot be read or is empty.
    """
    if not name.startswith("@"):
        return name
    path = Path(name[1:])
    try:
        with path.open("rb") as file:
            content = file.read(MAX_ADDRESS_BYTES)
        lines = content.decode().split("\n")
    except OSError as exc:
        raise SourceError(f"the address cannot be read from {path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError:
        raise SourceError(f"the address in {path} is not UTF-8 text; write it on one line") from None
    address = lines[0].strip()
    if not address:
        raise SourceError(f"the first line of {path} is empty; write the source's address there")
    return address


def redact(name: str) -> str:
    """Return the address *name* without user name, password and secret fields; any other name as it is.

    An address that is not well formed loses more rather than less: all that may be part of a secret is masked.
    """
    scheme = _SCHEME.match(name)
    if scheme is None:
        # An address whose scheme was forgotten, as in admin:secret@host/cam; but not a file that merely has an @.
        before, at, after = name.rpartition("@")
        return f"{MASK}@{after}" if at and ":" in before and not Path(name).exists() else name
    rest = name[scheme.end() :]
    # To the last @ of all, since a user name or a password may hold a slash, a question mark or a further @.
    secret, at, rest = rest.rpartition("@")
    end = re.search(r"[/?#\\]", rest)
    host = rest[: end.start()] if end else rest
    tail = rest[len(host) :]
    shown_host = host if _HOST.fullmatch(host) else MASK
    return scheme[0] + (MASK if secret else "") + at + shown_host + _mask_fields(tail)


def _mask_fields(text: str) -> str:
    """Return the path and query *text* with the values of secret fields masked."""
    return _FIELD.sub(lambda field: _mask(field) if _is_secret(field["name"]) else _masked_inside(field), text)


def _mask(field: re.Match[str]) -> str:
    return f"{field['start']}{field['name']}={MASK}"


def _masked_inside(field: re.Match[str]) -> str:
    # The value may hold an address or further fields, percent-encoded or not: ?url=rtsp%3A%2F%2Fadmin%3Apw%40host.
    value = field["value"]
    decoded = _decoded(value)
    inside = re.search(r"[@:=]", decoded)
    return f"{field['start']}{field['name']}={MASK}" if inside else field[0]


def _is_secret(name: str) -> bool:
    # Encoded names are names as well: p%77d is pwd.
    plain = _decoded(name).lower().lstrip("_-")
    return plain in SECRET_NAMES or any(part in plain for part in SECRET_PARTS)


def _decoded(text: str) -> str:
    # Until nothing changes, since it may have been encoded several times.
    while (plain := unquote_plus(text)) != text:
        text = plain
    return text


def scrub(text: str) -> str:
    """Return *text*, a message of another library, with all addresses in it redacted.

    A password may hold a quote or a space, so an address goes to its last @ at least, even if that is of a later one.
    """
    return re.sub(r"[A-Za-z][A-Za-z0-9+.-]*://(.*@)?[^\s'\"<>)…]+", lambda address: redact(address[0]), text)


def stem(name: str) -> str:
    """Return the stem of a file's name for what is saved of the source *name*.

    An address without a user and a query gives the last part of its path, where that is one of `PLAIN_PARTS`; another
    address gives its host, or 'camera': any other part may be a secret.
    """
    if name == Kind.STANDARD_INPUT.value:
        return "standard-input"
    if not _SCHEME.match(name):
        # A colon, as in synthetic:hard, would be an address to some programs, and no name to others.
        return Path(redact(name)).stem.replace(":", "-") or "camera"
    shown = redact(name)
    try:
        parts = urlsplit(shown)
        host = parts.hostname or ""
    except ValueError:
        return "camera"
    last = parts.path.rpartition("/")[2]
    if last in PLAIN_PARTS and not parts.query and "@" not in parts.netloc:
        return last
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", host).strip(".-")[:MAX_STEM]
    return plain or "camera"
