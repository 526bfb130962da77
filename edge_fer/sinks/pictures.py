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

from edge_fer.emotions import UNKNOWN
from edge_fer.errors import MissingDependency, SinkError
from edge_fer.preprocess import to_gray
from edge_fer.sinks import SinkClosed, private

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.records import FaceRecord, Record
    from edge_fer.sources import Frame

GREEN: Final = (80, 200, 80)  # BGR
GREY: Final = (160, 160, 160)


def annotate(frame: Frame, record: Record) -> NDArray[np.uint8]:
    """Return a copy of *frame* as BGR ``(height, width, 3)`` uint8 with each face's box, state and score drawn in.

    Of a frame that was decoded reduced, the copy is of the reduced size.
    """
    image = frame.image
    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        canvas = image.copy()
    else:
        # In colour, so that boxes of grey frames are coloured too.
        canvas = np.asarray(cv2.cvtColor(to_gray(image), cv2.COLOR_GRAY2BGR), np.uint8)
    thickness = max(1, round(min(canvas.shape[:2]) / 240))  # 2 px at 640x480, in proportion at other sizes
    for face in record.faces:
        _draw(canvas, face, face.box.times(1 / frame.reduced), thickness)
    return canvas


def _draw(canvas: NDArray[np.uint8], face: FaceRecord, box: Box, thickness: int) -> None:
    x, y, width, height = (round(value) for value in box)
    colour = GREY if face.state == UNKNOWN else GREEN
    cv2.rectangle(canvas, (x, y), (x + width, y + height), colour, thickness)
    text = f"{face.track} {face.state} {face.smoothed.max():.0%}"
    baseline = y - 2 * thickness - 2
    if y <= 12 * thickness:  # no room above the box
        baseline = y + height + 12 * thickness
    cv2.putText(canvas, text, (x, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.5 * thickness, colour, thickness, cv2.LINE_AA)


class AnnotatedImages:
    """A PNG file for each image, under the image's name, in a folder. If a name is taken, the file gets a number."""

    def __init__(self, folder: Path) -> None:
        private.make_folder(folder)
        self._folder = folder

    def write(self, frame: Frame, record: Record) -> None:
        """Write the picture. Raises `SinkError` if it cannot be encoded or written; then there is no file of it."""
        encoded, content = cv2.imencode(".png", annotate(frame, record))
        if not encoded:
            raise SinkError(f"{record.source} cannot be encoded as PNG; scale it down first")
        private.write(self._folder / f"{Path(record.source).stem}.png", content.tobytes())

    def close(self) -> None:
        """Do nothing: each file was closed when it was written."""


class Preview:
    """A window that shows the frames. Closing it ends the run.

    It is a Tk window, since the headless OpenCV has none. Raises `MissingDependency` without a screen or without Tk,
    `SinkError` if the screen refuses a window.
    """

    def __init__(self, title: str = "edge-fer") -> None:
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
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self._mark_closed)
        self._label: Any = tk.Label(self._root)
        self._label.pack()
        self._photo: Any = None
        self._open = True

    def write(self, frame: Frame, record: Record) -> None:
        """Show the frame. Raises `SinkClosed` once the window was closed."""
        if self._open:
            picture = cv2.cvtColor(annotate(frame, record), cv2.COLOR_BGR2RGB)
            # PPM has no compression: it is the fastest way of pixels into Tk.
            header = f"P6 {picture.shape[1]} {picture.shape[0]} 255 ".encode()
            # Kept in an attribute: Tk shows nothing once Python has collected the image.
            self._photo = self._tk.PhotoImage(master=self._root, data=header + picture.tobytes(), format="PPM")
            self._label.configure(image=self._photo)
            self._root.update()  # handles the window's events, among them a click on its close button
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

    def _mark_closed(self) -> None:
        self._open = False
