"""The pages that are open, and what is sent to them: the newest moment, once each has shown the one before.

A viewer's connection carries, in JSON, ``hello`` once, ``status`` every second, and ``moment`` whenever the page has
answered ``{"pictures": true}`` or ``{"pictures": false}``: it is ready for one more, with or without a picture. The
picture follows its moment as a binary message, the camera process's own JPEG.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.websockets import WebSocketDisconnect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.websockets import WebSocket

    from edge_fer.appliance.latest import Latest, Moment

STATUS_EVERY_S: Final = 1.0
SENT_WITHIN_S: Final = 10.0
"""Time that a viewer may take to read what was sent."""
ANSWERED_WITHIN_S: Final = 30.0
"""Time that a viewer may take until it is ready for one more."""
LONGEST_ANSWER: Final = 64
"""Characters of ``{"pictures": false}``, with some to spare."""
ANSWERS_AT_ONCE: Final = 20
POLL_S: Final = 0.5
"""How often the thread looks whether anybody still watches, while no frames come."""
PICTURES_WITHIN_S: Final = 0.5
"""While a picture came within this time, moments without one are left out: boxes belong to their picture."""
POLICY: Final = 1008
TOO_MANY: Final = 1013

_log: Final = logging.getLogger(__name__)


class Relay:
    """Takes each new moment from *latest*, in a thread, and hands it to the viewers on the event loop.

    The thread sleeps while nobody views. It tells *watching* whether anybody wants pictures.
    """

    def __init__(self, latest: Latest, watching: Callable[[bool], None], interval_s: float) -> None:
        self._latest = latest
        self._watching = watching
        self._interval_s = interval_s
        self._viewers: set[Viewer] = set()
        self._somebody = threading.Event()
        self._ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="page relay", daemon=True)

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; returns at once."""
        self._ended = True
        self._somebody.set()

    def __len__(self) -> int:
        """Return the number of viewers."""
        return len(self._viewers)

    def join(self, viewer: Viewer) -> None:
        """Send to *viewer* too, the newest moment first."""
        self._viewers.add(viewer)
        viewer.offer(self._latest.get()[1])
        self._somebody.set()

    def leave(self, viewer: Viewer) -> None:
        """Send to *viewer* no more."""
        self._viewers.discard(viewer)
        if not self._viewers and not self._ended:
            self._somebody.clear()

    def _run(self) -> None:
        told = False
        count = self._latest.get()[0]
        next_s = 0.0
        while not self._ended:
            wanted = any(viewer.wants_pictures for viewer in tuple(self._viewers))
            if wanted != told:
                told = wanted
                self._tell(wanted)
            if not self._somebody.is_set():
                self._somebody.wait()
                continue
            newest, moment = self._latest.wait(count, POLL_S)
            if newest == count or moment is None:
                continue
            count = newest
            # A loop that is woken for each of 500 frames a second would do nothing else.
            if moment.picture is not None or time.monotonic() >= next_s:
                next_s = time.monotonic() + self._interval_s / 2
                self._spread(moment)
        if told:
            self._tell(wanted=False)

    def _tell(self, wanted: bool) -> None:
        try:
            self._watching(wanted)
        except Exception:  # noqa: BLE001 (whatever it was, viewers are served on)
            _log.exception("the camera process was not told whether pictures are wanted")

    def _spread(self, moment: Moment) -> None:
        def offer() -> None:
            for viewer in self._viewers:
                viewer.offer(moment)

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(offer)


@dataclass(frozen=True)
class Feed:
    """What a viewer is sent besides moments."""

    hello: dict[str, Any]
    status: Callable[[], Awaitable[dict[str, Any]]]
    interval_s: float
    """Shortest time between two moments."""
    pictures: bool
    """Whether pictures may be sent at all."""


class Viewer:
    """One open page."""

    def __init__(self, socket: WebSocket, feed: Feed) -> None:
        self.wants_pictures = False
        self._socket = socket
        self._feed = feed
        self._moment: Moment | None = None
        self._ready = False
        self._woken = asyncio.Event()
        self._picture_s = float("-inf")
        self._answered_s = time.monotonic()
        self._answers = float(ANSWERS_AT_ONCE)

    def offer(self, moment: Moment | None) -> None:
        """Take the newest moment; it replaces one that was not sent."""
        if moment is None:
            return
        now = time.monotonic()
        if moment.picture is not None:
            self._picture_s = now
        elif self.wants_pictures and now - self._picture_s < PICTURES_WITHIN_S:
            return
        self._moment = moment
        self._woken.set()

    async def serve(self) -> None:
        """Send and receive until the viewer goes, or breaks a rule."""
        await self._send_json(self._feed.hello)
        reading = asyncio.create_task(self._read())
        writing = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            writing.cancel()
            ends = await asyncio.gather(reading, writing, return_exceptions=True)
        if not any(isinstance(end, WebSocketDisconnect) for end in ends):
            with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
                await self._socket.close(POLICY)

    async def _read(self) -> None:
        """Read answers until one breaks a rule."""
        while True:
            message = await self._socket.receive()
            if message["type"] != "websocket.receive":
                raise WebSocketDisconnect(message.get("code", 1000))
            wanted = _answer(message)
            now = time.monotonic()
            self._answers += (now - self._answered_s) * 2 / self._feed.interval_s
            self._answers = min(self._answers, ANSWERS_AT_ONCE) - 1
            if wanted is None or self._answers < 0:
                return
            self._answered_s = now
            self.wants_pictures = wanted and self._feed.pictures
            self._ready = True
            self._woken.set()

    async def _write(self) -> None:
        """Send the status every second, and moments while the viewer keeps up."""
        status_s = 0.0
        moment_s = 0.0
        while time.monotonic() - self._answered_s < ANSWERED_WITHIN_S:
            now = time.monotonic()
            if now >= status_s:
                status_s = now + STATUS_EVERY_S
                await self._send_json(await self._feed.status())
            if self._ready and self._moment is not None and now >= moment_s:
                # Pictures come at the same rate, but not evenly: one that is late must not delay the next.
                moment_s = max(moment_s + self._feed.interval_s, now - self._feed.interval_s)
                await self._send_moment()
            self._woken.clear()
            waits_for_time = self._ready and self._moment is not None
            until = min(status_s, moment_s) if waits_for_time else status_s
            await _woken_or(self._woken, until - time.monotonic())

    async def _send_moment(self) -> None:
        moment = self._moment
        if moment is None:
            return
        self._moment = None
        self._ready = False
        picture = moment.picture if self.wants_pictures else None
        await self._send_json(as_message(moment, time.monotonic(), with_picture=picture is not None))
        if picture is not None:
            async with asyncio.timeout(SENT_WITHIN_S):
                await self._socket.send_bytes(picture)

    async def _send_json(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SENT_WITHIN_S):
            await self._socket.send_text(json.dumps(message, separators=(",", ":")))


def as_message(moment: Moment, now: float, *, with_picture: bool) -> dict[str, Any]:
    """Return *moment* as a page receives it: of each face what it shows. *now* is the service's monotonic clock."""
    faces = []
    for face in moment.record.get("faces", []):
        shown = {"track": face["track"], "box": face["box"], "state": face["state"], "seen": face.get("seen", "found")}
        faces.append({**shown, "scores": face["smoothed"]})
    driver = {} if moment.driver is None else {"driver": moment.driver}
    return {
        "type": "moment",
        "age_s": round(max(0.0, now - moment.came_s), 3),
        "size": list(moment.size_px),
        "picture": with_picture,
        "faces": faces,
        "stage_ms": moment.record.get("stage_ms", {}),
        "dropped": moment.record.get("dropped", 0),
        **driver,
    }


def _answer(message: Any) -> bool | None:
    """Return whether pictures are wanted; None for a message that no page sends."""
    text = message.get("text")
    if text is None or len(text) > LONGEST_ANSWER:
        return None
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("pictures"), bool):
        return None
    return bool(answer["pictures"])


async def _woken_or(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, timeout_s)):
            await event.wait()
    except TimeoutError:
        return
