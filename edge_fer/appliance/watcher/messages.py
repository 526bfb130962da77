"""What the watcher tells the service, and how a message stands in the pipe between them.

A message is two lengths (4 bytes each, the higher first), then JSON, then a JPEG, which is mostly empty.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTHS: Final = struct.Struct(">II")
MAX_JSON_BYTES: Final = 1 << 20
"""A record of a thousand faces takes half of it."""
MAX_PICTURE_BYTES: Final = 16 << 20


class Kind(StrEnum):
    """What a message is about."""

    BEAT = "beat"
    """The process lives. ``ages``: seconds that each stage has been at work for."""
    READY = "ready"
    """The model is loaded, and answers as it should."""
    FRAME = "frame"
    """``record``, as ``edge-fer run --json`` prints it, and ``size``: width and height in pixels. Where a driver is
    monitored also ``driver``: what `edge_fer.driving.observation.Observation` holds, with the time of the frame."""
    OPENED = "opened"
    """The source was opened: tracks are counted from 1 again."""
    REOPENED = "reopened"
    """The camera had stopped delivering, was opened again, and delivers."""
    TRIED = "tried"
    """The source has ended, or could not be opened, which is then in ``fault``; it is tried again."""
    LOG = "log"
    """``words`` that the camera's code has logged."""
    FAILED = "failed"
    """The process ends because of what is in ``words``, with ``exit_code``."""


@dataclass(frozen=True)
class Message:
    """One message."""

    kind: Kind
    content: dict[str, Any]
    picture: bytes = b""
    """A frame as JPEG."""

    def as_bytes(self) -> bytes:
        """Return the message as it is written. Raises `ValueError` for a number that JSON does not have."""
        content = json.dumps({"kind": self.kind.value, **self.content}, separators=(",", ":"), allow_nan=False).encode()
        return LENGTHS.pack(len(content), len(self.picture)) + content + self.picture


def read_all(stream: BinaryIO) -> Iterator[Message]:
    """Yield the messages in *stream* until it ends. Raises `BadInput` for what is no message."""
    while head := stream.read(LENGTHS.size):
        if len(head) < LENGTHS.size:
            return
        json_bytes, picture_bytes = LENGTHS.unpack(head)
        if json_bytes > MAX_JSON_BYTES or picture_bytes > MAX_PICTURE_BYTES:
            raise BadInput(f"the watcher sends a message of {json_bytes} and {picture_bytes} bytes; start it again")
        content = stream.read(json_bytes)
        picture = stream.read(picture_bytes)
        if len(content) < json_bytes or len(picture) < picture_bytes:
            return  # it ended while it wrote
        yield _parsed(content, picture)


def _parsed(content: bytes, picture: bytes) -> Message:
    try:
        fields = json.loads(content)
        return Message(Kind(fields.pop("kind")), fields, picture)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BadInput(f"the watcher sends what is no message: {content[:60]!r}; start it again") from exc
