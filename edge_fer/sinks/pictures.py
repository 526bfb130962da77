"""Results drawn into the picture: image files, a window. They show people, so only on request."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer.clock import SystemClock
from edge_fer.errors import MissingDependency, SinkError
from edge_fer.sinks import SinkClosed, private
from edge_fer.sinks.drawing import annotate
from edge_fer.text import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.clock import Clock
    from edge_fer.records import Record
    from edge_fer.sources import Frame

POLL_S: Final = 0.02
"""How often a window that waits looks for a key."""
MAX_PAUSE_S: Final = 60.0
"""A longer pause between two frames of a film is a fault in its times, and is not waited for."""
SCREEN_SHARE: Final = 0.9
"""Greatest share of the screen's width and height that a picture takes: a bar and a title need some."""


class AnnotatedImages:
    """A PNG file for each image, under the image's name, in a folder. If a name is taken, the file gets a number."""

    def __init__(self, folder: Path) -> None:
        private.make_folder(folder)
        self._folder = folder
        self._count = 0
        self._last: Path | None = None

    def write(self, frame: Frame, record: Record) -> None:
        """Write the picture. Raises `SinkError` if it cannot be encoded or written; then there is no file of it."""
        encoded, content = cv2.imencode(".png", annotate(frame, record))
        if not encoded:
            raise SinkError(f"{record.source} cannot be encoded as PNG; scale it down first")
        self._last = private.write(self._folder / f"{Path(record.source).stem}.png", content.tobytes())
        self._count += 1

    def saved(self) -> str:
        """Return in words what was written; nothing before there is something."""
        if self._last is None or self._count == 1:
            return str(self._last or "")
        return f"{self._count} pictures in {self._folder}"

    def close(self) -> None:
        """Do nothing: each file was closed when it was written."""


class Preview:
    """A window that shows the frames. Closing it, ``q`` and Esc end the run. A picture that is larger is scaled down.

    With *waits*, as pictures need it, each stays until a key is pressed. With *paced*, as films need it, each appears
    at its time, or at once if it is late.

    It is a Tk window, since the headless OpenCV has none. Raises `MissingDependency` without a screen or without Tk,
    `SinkError` if the screen refuses a window.
    """

    def __init__(
        self, title: str = "edge-fer", *, waits: bool = False, paced: bool = False, clock: Clock | None = None
    ) -> None:
        has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if sys.platform == "linux" and not has_display:
            raise MissingDependency("there is no screen (DISPLAY is not set); run without --show, or with --save DIR")
        try:
            import tkinter as tk
        except ImportError as exc:
            raise MissingDependency(f"Tk cannot be imported ({exc}): apt install python3-tk") from exc
        try:
            self._root: Any = tk.Tk()
        except tk.TclError as exc:
            raise SinkError(f"no window can be opened: {exc}; run without --show, or with --save DIR") from exc
        self._tk: Any = tk
        self._title = title
        self._root.protocol("WM_DELETE_WINDOW", self._mark_closed)
        self._root.bind("<Key>", self._pressed)
        self._label: Any = tk.Label(self._root)
        self._label.pack()
        self._photo: Any = None
        self._open = True
        self._waits = waits
        self._next = False
        self._paced = paced
        self._clock = clock or SystemClock()
        self._origin_s: float | None = None

    def write(self, frame: Frame, record: Record) -> None:
        """Show the frame. Raises `SinkClosed` once the window was closed."""
        if self._open:
            self._show(annotate(frame, record), record.source)
            self._root.update()  # handles the window's events, among them a click on its close button
        if self._open and self._paced:
            self._wait_until(record.time_s)
        if self._open and self._waits:
            self._wait_for_key()
        if not self._open:
            raise SinkClosed

    def close(self) -> None:
        """Close the window."""
        self._open = False
        if self._root is None:
            return
        with contextlib.suppress(self._tk.TclError):  # it is destroyed already
            self._root.destroy()
        # Tcl aborts the process if its interpreter is freed by another thread than the one that made it. The objects of
        # a window refer to each other, so they are collected here, before a camera's thread happens to collect them.
        self._root = None
        self._label = None
        self._photo = None
        gc.collect()

    def _show(self, picture: NDArray[np.uint8], name: str) -> None:
        picture = fitting(picture, self._root.winfo_screenwidth(), self._root.winfo_screenheight())
        rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        # PPM has no compression: it is the fastest way of pixels into Tk.
        header = f"P6 {rgb.shape[1]} {rgb.shape[0]} 255 ".encode()
        # Kept in an attribute: Tk shows nothing once Python has collected the image.
        self._photo = self._tk.PhotoImage(master=self._root, data=header + rgb.tobytes(), format="PPM")
        self._label.configure(image=self._photo)
        keys = "any key: next, q: quit" if self._waits else "q: quit"
        self._root.title(f"{self._title}: {printable(name)} ({keys})")

    def _wait_for_key(self) -> None:
        self._next = False
        while self._open and not self._next:
            self._clock.sleep(POLL_S)
            self._root.update()

    def _wait_until(self, time_s: float) -> None:
        """Wait until a frame of *time_s* is due. The first one is due at once, and so is one whose time leapt."""
        now_s = self._clock.now()
        if self._origin_s is None:
            self._origin_s = now_s - time_s
        wait_s = time_s + self._origin_s - now_s
        if not 0 <= wait_s <= MAX_PAUSE_S:
            self._origin_s = now_s - time_s
            return
        while self._open and (left_s := time_s + self._origin_s - self._clock.now()) > 0:
            self._clock.sleep(min(POLL_S, left_s))
            self._root.update()

    def _pressed(self, event: Any) -> None:
        if event.keysym in {"q", "Q", "Escape"}:
            self._mark_closed()
        else:
            self._next = True

    def _mark_closed(self) -> None:
        self._open = False


def fitting(picture: NDArray[np.uint8], screen_width_px: int, screen_height_px: int) -> NDArray[np.uint8]:
    """Return *picture*, scaled down in proportion if it is larger than `SCREEN_SHARE` of the screen."""
    height, width = picture.shape[:2]
    scale = min(SCREEN_SHARE * screen_width_px / width, SCREEN_SHARE * screen_height_px / height)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
