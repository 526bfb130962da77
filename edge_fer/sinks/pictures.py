"""Results drawn into the picture: image files, a video, a window. They show people, so only on request."""

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
from edge_fer.sinks import SinkClosed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.records import FaceRecord, Record
    from edge_fer.sources import Frame

DEFAULT_FPS: Final = 30.0
"""Rate of a video whose frames tell none."""
MIN_FPS: Final = 1.0
MAX_FPS: Final = 240.0
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
    """A PNG file for each image, under the image's name, in a folder. No file is overwritten."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise SinkError(f"{folder} cannot be created: {exc.strerror or exc}; choose another folder") from exc
        self._folder = folder

    def write(self, frame: Frame, record: Record) -> None:
        """Write the picture. Raises `SinkError` if it cannot be encoded or written."""
        name = Path(record.source).stem
        path = self._folder / f"{name}.png"
        if path.exists():
            path = self._folder / f"{name}-{record.index}.png"
        encoded, content = cv2.imencode(".png", annotate(frame, record))
        if not encoded:
            raise SinkError(f"{record.source} cannot be encoded as PNG; scale it down first")
        try:
            # "x" fails if another program has written the file in the meantime.
            with path.open("xb") as file:
                file.write(content.tobytes())
        except OSError as exc:
            raise SinkError(f"{path} cannot be written: {exc.strerror or exc}; choose an empty folder") from exc

    def close(self) -> None:
        """Do nothing: each file was closed when it was written."""


class AnnotatedVideo:
    """An ``.mp4`` of all frames. Its rate is that of the first two frames."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise SinkError(f"{path} exists; choose another name, or remove it first")
        self._path = path
        self._first: tuple[NDArray[np.uint8], float] | None = None
        self._writer: cv2.VideoWriter | None = None

    def write(self, frame: Frame, record: Record) -> None:
        """Append the frame. Raises `SinkError` if the file cannot be opened."""
        picture = annotate(frame, record)
        if self._writer is not None:
            self._writer.write(picture)
        elif self._first is None:
            # The file begins with the second frame: only then is the rate known, which cannot be changed later.
            self._first = picture, record.time_s
        else:
            first_picture, first_time_s = self._first
            elapsed_s = record.time_s - first_time_s
            self._writer = self._open(first_picture, 1 / elapsed_s if elapsed_s > 0 else DEFAULT_FPS)
            self._writer.write(picture)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is None and self._first is not None:
            self._writer = self._open(self._first[0], DEFAULT_FPS)
        self._first = None
        if self._writer is not None:
            self._writer.release()

    def _open(self, first: NDArray[np.uint8], fps: float) -> cv2.VideoWriter:
        """Begin the file with its *first* picture."""
        height, width = first.shape[:2]
        codec = cv2.VideoWriter.fourcc(*"mp4v")  # OpenCV's wheels cannot encode H.264
        writer = cv2.VideoWriter(str(self._path), codec, min(max(fps, MIN_FPS), MAX_FPS), (width, height))
        if not writer.isOpened():
            raise SinkError(f"{self._path} cannot be written as video; check that its folder exists and is writable")
        writer.write(first)
        return writer


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
