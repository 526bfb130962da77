"""Small sound films of a drawn face in every container that edge-fer reads. They are damaged afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import av
import numpy as np

from edge_fer.sources.synthetic import SyntheticCamera

if TYPE_CHECKING:
    from pathlib import Path

FRAMES: Final = 10
CODECS: Final = {
    "film.avi": ("avi", "mjpeg", "yuvj420p"),
    "film.mp4": ("mp4", "libx264", "yuv420p"),
    "old.mp4": ("mp4", "mpeg4", "yuv420p"),
    "film.mkv": ("matroska", "libx264", "yuv420p"),
    "film.webm": ("webm", "libvpx", "yuv420p"),
    "film.mov": ("mov", "mjpeg", "yuvj420p"),
    "film.ts": ("mpegts", "libx264", "yuv420p"),
    "film.mpg": ("mpeg", "mpeg1video", "yuv420p"),
    "film.h264": ("h264", "libx264", "yuv420p"),
    "film.mjpeg": ("mjpeg", "mjpeg", "yuvj420p"),
    "film.flv": ("flv", "libx264", "yuv420p"),
    "film.wmv": ("asf", "wmv2", "yuv420p"),
}
"""Container, codec and pixels by name."""


def write_films(folder: Path) -> None:
    """Write all films to *folder*."""
    camera = SyntheticCamera(width_px=160, height_px=120)
    frames = [np.asarray(camera.frame(index * 3).image) for index in range(FRAMES)]
    for name, (container, codec, pixels) in CODECS.items():
        with av.open(str(folder / name), "w", format=container) as film:
            stream = film.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 160, 120, pixels
            stream.thread_count = 1  # the same bytes each time
            for image in frames:
                picture = av.VideoFrame.from_ndarray(image, "gray").reformat(format=pixels)
                film.mux(stream.encode(picture))
            film.mux(stream.encode(None))
