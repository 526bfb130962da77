from __future__ import annotations

import contextlib
import io
import os
import threading

import av
import cv2
import numpy as np
import pytest

from edge_fer.errors import SourceError
from edge_fer.sources.standard_input import opened


def picture(suffix: str = ".png", seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def film(form: str, frames: int = 5, *, noise: int = 0) -> bytes:
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    with av.open(stream, "w", form) as container:
        video = container.add_stream("mpeg4", 10)
        video.width, video.height, video.pix_fmt = 80, 64, "yuv420p"
        for index in range(frames):
            pixels = np.full((64, 80, 3), 40 * index % 256, np.uint8) + rng.integers(
                0, noise + 1, (64, 80, 3), np.uint8
            )
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "bgr24")))
        container.mux(video.encode(None))
    return stream.getvalue()


def piped(content: bytes):
    """A pipe with *content*, written by a thread, since it may be more than a pipe holds."""
    reading, writing = os.pipe()

    def write():
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as end:
            end.write(content)

    threading.Thread(target=write, daemon=True).start()
    return os.fdopen(reading, "rb")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tiff", ".webp", ".ppm"])
def test_a_picture_is_a_still(suffix):
    with piped(picture(suffix)) as pipe, opened(pipe) as source:
        (frame,) = source.frames()
        assert source.stills
        assert frame.image.shape == (60, 80, 3)
        assert frame.name == "standard input"


@pytest.mark.parametrize("form", ["mpegts", "matroska", "avi"])
def test_a_film_is_read_while_it_comes(form):
    with piped(film(form)) as pipe, opened(pipe) as source:
        frames = [(frame.time_s, int(frame.image.mean())) for frame in source.frames()]
        assert not source.stills
    assert len(frames) == 5
    assert [time for time, _ in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.02)
    assert [brightness for _, brightness in frames] == pytest.approx([0, 40, 80, 120, 160], abs=6)


def test_jpegs_one_after_the_other_are_a_stream():
    with piped(b"".join(picture(".jpg", seed) for seed in range(4))) as pipe, opened(pipe) as source:
        assert not source.stills
        assert len([frame.index for frame in source.frames()]) == 4


def test_a_file_behind_it_may_be_an_mp4_of_any_kind(tmp_path):
    (tmp_path / "a.mp4").write_bytes(film("mp4"))
    with (tmp_path / "a.mp4").open("rb") as file, opened(file) as source:
        assert len(list(source.frames())) == 5
    with piped(film("mp4", 60, noise=200)) as pipe, pytest.raises(SourceError, match="index is at its end"):
        list(opened(pipe).frames())


@pytest.mark.parametrize("content", [b"a text", b"\xff\xd8\xffno picture", b"GIF89a"])
def test_what_is_neither_is_told(content):
    with piped(content) as pipe, pytest.raises(SourceError, match="standard input"):
        list(opened(pipe).frames())


def test_ctrl_c_while_it_waits_for_the_next_bytes_is_not_lost():
    content = film("mpegts", 40)

    class Interrupted(io.RawIOBase):
        def __init__(self):
            self.rest = content

        def read1(self, size):
            if len(self.rest) < len(content) // 2:
                raise KeyboardInterrupt
            data, self.rest = self.rest[:512], self.rest[512:]
            return data

    with opened(Interrupted()) as source, pytest.raises(KeyboardInterrupt):
        list(source.frames())
