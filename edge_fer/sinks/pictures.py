"""Results drawn into the picture: files, a video, a window. They show people: only on request."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_fer.emotions import UNKNOWN
from edge_fer.errors import MissingDependency, SinkError
from edge_fer.preprocess import to_gray

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.records import Record
    from edge_fer.sources import Frame

DEFAULT_FPS = 30.0
GREEN, GREY = (80, 200, 80), (160, 160, 160)  # BGR


def annotate(frame: Frame, record: Record) -> NDArray[np.uint8]:
    """Return *frame* as BGR ``(height, width, 3)`` uint8, a copy, with each face's box, state and score drawn in."""
    image = frame.image
    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        canvas = image.copy()
    else:
        canvas = np.asarray(cv2.cvtColor(to_gray(image), cv2.COLOR_GRAY2BGR), np.uint8)
    line = max(1, round(min(canvas.shape[:2]) / 240))
    for face in record.faces:
        x, y, width, height = (round(v) for v in face.box)
        colour = GREY if face.state == UNKNOWN else GREEN
        cv2.rectangle(canvas, (x, y), (x + width, y + height), colour, line)
        text = f"{face.track} {face.state} {face.smoothed.max():.0%}"
        place = (x, y - 2 * line - 2) if y > 12 * line else (x, y + height + 12 * line)
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * line, colour, line, cv2.LINE_AA)
    return canvas


class AnnotatedImages:
    """A PNG an image, under its own name, in a folder; nothing there is overwritten."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise SinkError(f"{folder} cannot be made: {exc.strerror or exc}") from exc
        self._folder = folder

    def write(self, frame: Frame, record: Record) -> None:
        """Write the picture."""
        path = self._folder / f"{Path(record.source).stem}.png"
        if path.exists():
            path = self._folder / f"{Path(record.source).stem}-{record.index}.png"
        encoded, content = cv2.imencode(".png", annotate(frame, record))
        try:
            if not encoded:
                raise SinkError(f"{record.source} cannot be encoded as PNG")
            with path.open("xb") as file:
                file.write(content.tobytes())
        except OSError as exc:
            raise SinkError(f"{path} cannot be written: {exc.strerror or exc}; choose an empty folder") from exc

    def close(self) -> None:
        """Hold nothing."""


class AnnotatedVideo:
    """An ``.mp4`` of all frames, at the rate that the first two of them have."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise SinkError(f"{path} exists; choose another name, or remove it first")
        self._path = path
        self._first: tuple[NDArray[np.uint8], float] | None = None
        self._writer: cv2.VideoWriter | None = None

    def write(self, frame: Frame, record: Record) -> None:
        """Append the frame."""
        picture = annotate(frame, record)
        if self._writer is not None:
            self._writer.write(picture)
        elif self._first is None:
            self._first = picture, record.time_s
        else:
            earlier, time_s = self._first
            elapsed_s = record.time_s - time_s
            self._writer = self._open(earlier, 1 / elapsed_s if elapsed_s > 0 else DEFAULT_FPS)
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
        size = first.shape[1], first.shape[0]
        rate = min(max(fps, 1.0), 240.0)
        writer = cv2.VideoWriter(str(self._path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        if not writer.isOpened():
            raise SinkError(f"{self._path} cannot be written as video; is its folder there, and writable?")
        writer.write(first)
        return writer


class Preview:
    """A window. Made with Tk, since headless OpenCV has none; closing it ends the run."""

    def __init__(self, title: str = "edge-fer") -> None:
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
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
        self._root.protocol("WM_DELETE_WINDOW", self._stop)
        self._label: Any = tk.Label(self._root)
        self._label.pack()
        self._photo: Any = None
        self._open = True

    def write(self, frame: Frame, record: Record) -> None:
        """Show the frame. Raises `KeyboardInterrupt` once the window was closed."""
        if self._open:
            picture = cv2.cvtColor(annotate(frame, record), cv2.COLOR_BGR2RGB)
            header = f"P6 {picture.shape[1]} {picture.shape[0]} 255 ".encode()
            self._photo = self._tk.PhotoImage(master=self._root, data=header + picture.tobytes(), format="PPM")
            self._label.configure(image=self._photo)
            self._root.update()
        if not self._open:
            raise KeyboardInterrupt

    def close(self) -> None:
        """Close the window."""
        self._open = False
        with contextlib.suppress(self._tk.TclError):
            self._root.destroy()

    def _stop(self) -> None:
        self._open = False
