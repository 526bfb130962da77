"""The suite that every source passes, and the tests of what each does beyond it."""

from __future__ import annotations

import logging
import os
import re
import shutil
import struct
import sys
import threading
import traceback
import types
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from edge_fer.clock import FakeClock, SystemClock
from edge_fer.errors import BadInput, MissingDependency, SourceError
from edge_fer.preprocess import to_gray
from edge_fer.sources import Source, camera, files, open_source, video
from edge_fer.sources.camera import Camera
from edge_fer.sources.device import DeviceCapture
from edge_fer.sources.files import Folder, Image
from edge_fer.sources.live import BACKOFF_S, AccessDenied
from edge_fer.sources.picamera import PiCamera
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.sources.video import Video

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)


class FakeCapture:
    """A camera that delivers a number of frames and then stops; with *gate*, one frame for each time it is released."""

    VALUES = 200
    """Its pixels are below this."""

    def __init__(self, frames: int, opened: bool = True, gate: threading.Semaphore | None = None):
        self.left = frames
        self.opened = opened
        self.gate = gate
        self.released = False

    def isOpened(self):  # noqa: N802
        return self.opened

    def read(self):
        if self.gate is not None:
            self.gate.acquire(timeout=5)
        if self.left <= 0:
            return False, None
        self.left -= 1
        return True, np.full((48, 64, 3), self.left % self.VALUES, np.uint8)

    def release(self):
        self.released = True


class HangingCapture(FakeCapture):
    """Delivers some frames; then its read hangs until it is released, or with *stuck*, until `go` is set."""

    LATE = FakeCapture.VALUES

    def __init__(self, *, frames: int = 1, stuck: bool = False):
        super().__init__(frames)
        self.go = threading.Event()
        self.reading = threading.Event()
        self.stuck = stuck
        self.returned = False

    def read(self):
        if self.left:
            return super().read()
        self.reading.set()
        self.go.wait(10)
        self.returned = True
        return True, np.full((48, 64, 3), self.LATE, np.uint8)

    def release(self):
        super().release()
        if not self.stuck:
            self.go.set()


class Opener:
    """Opens the given captures, one with each call; after the last, the camera stays away."""

    def __init__(self, *captures: FakeCapture):
        self.captures = iter(captures)
        self.calls = 0

    def __call__(self, device, width_px, height_px, fps) -> FakeCapture:
        self.calls += 1
        return next(self.captures, FakeCapture(0, opened=False))


def wait_until(condition) -> None:
    """Wait, for at most five seconds, until *condition* is true."""
    clock = SystemClock()
    end_s = clock.now() + 5
    while not condition():
        assert clock.now() < end_s, "it never happened"
        clock.sleep(0.001)


def threads_of(device: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"camera {device}"]


def write_video(path: Path, frames: int = 20) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(rng.integers(0, 256, (48, 64, 3)).astype(np.uint8))
    writer.release()
    return path


def write_film(path: Path, times: list[float], codec="mjpeg", pixels="yuvj420p", size=(64, 48)) -> Path:
    """Write a film with frames at *times*, in seconds."""
    width, height = size
    rng = np.random.default_rng(0)
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = size
        stream.pix_fmt = {"mpeg4": "yuv420p", "mpeg2video": "yuv420p"}.get(codec, pixels)
        if path.suffix != ".avi":  # AVI has no times but its rate
            stream.codec_context.time_base = Fraction(1, 20 if codec == "mpeg2video" else 1000)
        for time_s in times:
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), "bgr24")
            frame.time_base = Fraction(1, 1000)
            frame.pts = round(time_s * 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def times_of(path: Path) -> list[float]:
    with Video(path) as source:
        return [frame.time_s for frame in source.frames()]


class SourceSuite:
    """What every source does; each inherits it."""

    stills = False
    live = False
    frames = 3

    @pytest.fixture
    def source(self, tmp_path) -> Source:
        raise NotImplementedError

    def take(self, source: Source) -> list:
        taken = []
        for frame in source.frames():
            taken.append((frame.index, frame.time_s, frame.name, to_gray(frame.image).shape))
            if len(taken) == self.frames:
                break
        return taken

    def test_it_delivers_frames_with_growing_numbers_and_times(self, source):
        taken = self.take(source)
        assert len(taken) == self.frames
        indices, times, names, _ = zip(*taken, strict=True)
        assert list(indices) == sorted(set(indices))
        assert list(times) == sorted(times)
        assert all(names)
        source.close()

    def test_it_tells_whether_its_frames_are_stills(self, source):
        assert source.stills is self.stills
        source.close()

    def test_it_tells_whether_its_frames_come_at_their_own_pace(self, source):
        assert source.live is self.live
        source.close()

    def test_its_counters_start_at_zero(self, source):
        assert source.dropped == source.skipped == 0
        source.close()

    def test_it_is_closed_by_with_and_may_be_closed_again(self, source):
        with source as entered:
            assert entered is source
        source.close()


class TestImage(SourceSuite):
    stills, frames = True, 1

    @pytest.fixture
    def source(self, tmp_path):
        cv2.imwrite(str(tmp_path / "a.png"), PICTURE)
        return open_source(str(tmp_path / "a.png"))

    def test_the_pixels_are_the_files(self, source):
        assert np.array_equal(next(iter(source.frames())).image, PICTURE)

    @pytest.mark.parametrize(
        ("content", "message"),
        [(b"", r"empty \(0 bytes\)"), (b"nonsense", "not an image"), (b"\x89PNG\r\n\x1a\n", "not an image")],
    )
    def test_a_file_that_is_no_image_is_an_error(self, tmp_path, content, message):
        path = tmp_path / "bad.png"
        path.write_bytes(content)
        with pytest.raises(SourceError, match=message):
            list(Image(path).frames())

    def test_a_hidden_image_is_read_when_it_is_named(self, tmp_path):
        cv2.imwrite(str(tmp_path / ".a.png"), PICTURE)
        assert len(list(open_source(str(tmp_path / ".a.png")).frames())) == 1

    def test_a_name_in_any_alphabet_is_read(self, tmp_path):
        path = tmp_path / "лицо 顔 é.png"
        path.write_bytes(cv2.imencode(".png", PICTURE)[1].tobytes())
        assert len(list(open_source(str(path)).frames())) == 1


class TestFolder(SourceSuite):
    stills, frames = True, 3

    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("c.png", "a.jpg", "b.bmp"):
            cv2.imwrite(str(tmp_path / name), PICTURE)
        (tmp_path / "notes.txt").write_text("not a picture")
        (tmp_path / "sub").mkdir()
        return tmp_path

    @pytest.fixture
    def source(self, folder):
        return open_source(str(folder))

    def test_other_files_are_passed_over(self, source):
        assert [frame.name for frame in source.frames()] == ["a.jpg", "b.bmp", "c.png"]

    def test_unreadable_images_are_counted_and_reported(self, folder, caplog):
        (folder / "aa.png").write_bytes(b"")
        (folder / "zz.png").write_bytes(b"nonsense")
        source = Folder(folder)
        assert len(list(source.frames())) == 3
        assert source.skipped == 2
        assert "aa.png is empty" in caplog.text

    def test_what_is_no_picture_is_named_once(self, folder, caplog):
        for name in ("._a.jpg", ".hidden.png", "b.HEIC"):
            (folder / name).touch()
        assert len(list(Folder(folder).frames())) == 3
        assert caplog.text.count("passed over: 1 resource fork") == 1
        assert "1 file that is no picture (.txt)" in caplog.text

    def test_what_is_no_file_is_skipped_and_named(self, folder, caplog):
        os.mkfifo(folder / "pipe.png")
        (folder / "loop.png").symlink_to("loop.png")
        (folder / "nowhere.png").symlink_to("not there")
        (folder / "bomb.png").write_bytes(b"P5 60000 60000 255 ")
        source = Folder(folder)
        assert len(list(source.frames())) == 3
        assert source.skipped == 4
        for reason in (
            "pipe.png cannot be read: it is a pipe",
            "loop.png cannot be read",
            "nowhere.png cannot be read: No such file",
        ):
            assert reason in caplog.text
        assert "bomb.png has 60000x60000 pixels" in caplog.text

    def test_a_name_that_is_not_utf8_stays_as_it_is(self, folder, monkeypatch):
        # Not caplog: pytest-xdist sends what was logged to its parent, as UTF-8.
        told = []
        monkeypatch.setattr(files.log, "warning", lambda message, *values: told.append(message % values))
        picture = (folder / "c.png").read_bytes()
        for name, content in ((b"\xe9.png", picture), (b"\xe8.png", b"")):
            (folder / os.fsdecode(name)).write_bytes(content)
        assert [frame.name for frame in Folder(folder).frames()][-1] == "\udce9.png"
        assert any("\udce8.png is empty" in line for line in told)

    def test_a_folder_without_images_is_an_error(self, tmp_path):
        (tmp_path / "notes.txt").write_text("x")
        with pytest.raises(SourceError, match=r"itself holds no images \(passed over: 1 file that is no picture"):
            Folder(tmp_path)

    def test_a_folder_of_broken_images_is_an_error(self, tmp_path):
        (tmp_path / "a.png").write_bytes(b"")
        with pytest.raises(SourceError, match="the only image cannot be read"):
            list(Folder(tmp_path).frames())


class TestVideo(SourceSuite):
    @pytest.fixture
    def path(self, tmp_path):
        return write_video(tmp_path / "clip.avi")

    @pytest.fixture
    def source(self, path):
        return open_source(str(path))

    def test_all_frames_come_in_the_videos_own_time(self, source):
        times = [frame.time_s for frame in source.frames()]
        assert times == pytest.approx([n / 10 for n in range(20)])

    def test_the_frames_of_a_video_cut_in_half_are_delivered_and_reported(self, path, caplog):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        source = Video(path)
        frames = list(source.frames())
        assert 0 < len(frames) < 20
        assert source.skipped == 20 - len(frames)
        assert f"after {len(frames)} of 20 frames" in caplog.text

    @pytest.mark.parametrize("content", [b"", b"nonsense" * 100])
    def test_a_file_that_is_no_video_is_an_error(self, tmp_path, content):
        path = tmp_path / "clip.mp4"
        path.write_bytes(content)
        with pytest.raises(SourceError, match="not a film that FFmpeg reads"):
            Video(path)

    def test_each_frame_has_its_own_time(self, tmp_path):
        times = [0.0, 0.1, 0.2, 3.7, 3.75, 9.0]
        assert times_of(write_film(tmp_path / "clip.mkv", times)) == pytest.approx(times, abs=0.001)

    def test_pictures_without_times_come_at_their_rate(self, tmp_path):
        film = write_film(tmp_path / "clip.mp4", [n / 10 for n in range(5)])
        raw = tmp_path / "clip.mjpeg"
        with av.open(film) as container:
            raw.write_bytes(b"".join(bytes(packet) for packet in container.demux(video=0)))
        times = times_of(raw)
        assert times == pytest.approx([n * times[1] for n in range(5)])
        assert times[1] > 0

    def test_a_film_that_starts_late_starts_at_zero(self, tmp_path):
        assert times_of(write_film(tmp_path / "clip.ts", [7.0, 7.1, 7.3], "mpeg2video")) == pytest.approx([0, 0.1, 0.3])

    @pytest.mark.parametrize(("turn", "matrix"), [(1, (0, -1, 1, 0)), (2, (-1, 0, 0, -1)), (3, (0, 1, -1, 0))])
    def test_a_turned_film_is_upright(self, tmp_path, turn, matrix):
        path = write_film(tmp_path / "clip.mp4", [0.0, 0.1])
        upright = next(iter(Video(path).frames())).image
        a, b, c, d = (value << 16 for value in matrix)
        content = bytearray(path.read_bytes())
        # Version and flags, two dates, number, duration and the like stand between a track's name and its matrix.
        struct.pack_into(">9i", content, content.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(content)
        assert np.array_equal(next(iter(Video(path).frames())).image, np.rot90(upright, turn))

    def test_an_odd_size_and_grey_of_ten_bits_are_read(self, tmp_path):
        path = write_film(tmp_path / "clip.mkv", [0.0, 0.1], "ffv1", "gray10le", (63, 47))
        assert [frame.image.shape for frame in Video(path).frames()] == [(47, 63, 3)] * 2

    @pytest.mark.parametrize("name", [os.fsdecode(b"\xff\xfe.mp4"), "pipe:1 %d.mp4", "-i\n.mp4"])
    def test_any_name_is_read(self, tmp_path, name):
        path = write_film(tmp_path / "clip.mp4", [0.0, 0.1])
        assert [frame.name for frame in Video(path.rename(tmp_path / name)).frames()] == [name] * 2

    def test_a_damaged_picture_is_skipped_counted_and_told(self, tmp_path, caplog):
        path = write_film(tmp_path / "clip.avi", [n / 10 for n in range(10)], "png", "rgb24")
        content = bytearray(path.read_bytes())
        heads = [found.start() for found in re.finditer(b"IHDR", content)]
        content[heads[4] + 4] = 255  # a picture 4 billion pixels wide
        path.write_bytes(content)
        source = Video(path)
        assert len(list(source.frames())) == 9
        assert source.skipped == 1
        assert "1 frame of it cannot be decoded" in caplog.text

    def test_a_whole_film_is_not_said_to_be_cut_off(self, tmp_path, caplog):
        for times in ([0.0], [0.0, 5.0], [0.0, 0.1, 0.2, 8.0]):
            for name in ("clip.mp4", "clip.mkv", "clip.ts"):
                assert len(times_of(write_film(tmp_path / name, times, "mpeg4"))) == len(times)
        assert caplog.text == ""

    def test_sound_without_pictures_is_an_error(self, tmp_path):
        path = tmp_path / "sound.mp4"
        with av.open(path, "w") as container:
            stream = container.add_stream("aac", rate=44100)
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            sound.sample_rate = 44100
            container.mux([*stream.encode(sound), *stream.encode(None)])
        with pytest.raises(SourceError, match="no moving pictures"):
            Video(path)

    def test_a_list_of_other_files_is_no_film(self, tmp_path):
        write_film(tmp_path / "clip.ts", [0.0, 0.1], "mpeg2video")
        path = tmp_path / "list.mp4"
        for content in ("#EXTM3U\n#EXTINF:1,\nclip.ts\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile clip.ts\n"):
            path.write_text(content)
            with pytest.raises(SourceError, match="not a film that FFmpeg reads"):
                Video(path)

    def test_a_pipe_is_no_film(self, tmp_path):
        os.mkfifo(tmp_path / "clip.mp4")
        with pytest.raises(SourceError, match="not a file"):
            Video(tmp_path / "clip.mp4")

    def test_frames_that_take_all_memory_are_refused(self, path, monkeypatch):
        monkeypatch.setattr(video, "MAX_PIXELS", 1000)
        with pytest.raises(SourceError, match="its frames have over 0 megapixels"):
            list(Video(path).frames())


class TestCamera(SourceSuite):
    live = True

    @pytest.fixture
    def source(self):
        return Camera("7", opener=lambda *_: FakeCapture(10_000), clock=FakeClock())

    def test_the_newest_frame_is_handed_over_and_others_are_counted(self):
        gate = threading.Semaphore(0)
        capture = FakeCapture(1000, gate=gate)
        source = Camera("7", opener=lambda *_: capture, clock=FakeClock())
        frames = source.frames()
        gate.release()
        assert next(frames).index == 0
        gate.release(5)
        wait_until(lambda: source.dropped == 4)
        assert next(frames).index == 5
        assert source.dropped == 4
        gate.release(1000)
        source.close()
        assert capture.released

    def test_a_missing_camera_is_an_error(self):
        with pytest.raises(SourceError, match=r"camera 7 cannot be opened; .*ls /dev/video"):
            Camera("7", opener=lambda *_: FakeCapture(0, opened=False))

    def test_a_missing_device_file_is_an_error(self):
        with pytest.raises(SourceError, match="camera /dev/video97"):
            open_source("/dev/video97")

    def test_a_camera_that_stops_delivering_is_reopened_with_growing_pauses(self, caplog):
        clock = FakeClock()
        away = [FakeCapture(0, opened=False) for _ in range(3)]
        captures = iter([FakeCapture(2), *away, FakeCapture(10**9)])
        source = Camera("7", opener=lambda *_: next(captures), clock=clock)
        with caplog.at_level(logging.WARNING):
            for frame in source.frames():
                if source.reopened:
                    break
                assert frame.index < 1000
        source.close()
        assert clock.time == sum(BACKOFF_S[:4])
        assert "stopped delivering" in caplog.text
        assert "is back" in caplog.text
        assert all(capture.released for capture in away)

    def test_pauses_stay_short_while_a_camera_is_expected_back_soon(self):
        opener = Opener(FakeCapture(0), *[FakeCapture(0, opened=False)] * 8, FakeCapture(10**9))
        clock = FakeClock()
        source = Camera("7", opener=opener, clock=clock)
        next(source.frames())
        source.close()
        assert clock.time == sum(BACKOFF_S) + 5 * BACKOFF_S[-1]

    def test_a_read_that_hangs_is_abandoned_and_the_camera_reopened(self, caplog):
        clock, (hanging, healthy) = FakeClock(), (HangingCapture(), FakeCapture(10**9))
        source = Camera("7", opener=Opener(hanging, healthy), clock=clock)
        frames = source.frames()
        first = next(frames)
        assert hanging.reading.wait(5)
        clock.advance(10.1)
        second = next(frames)
        source.close()
        assert second.index > first.index
        assert second.time_s >= first.time_s
        assert source.reopened == 1
        assert hanging.released
        assert "stopped delivering: no frame for 10 s" in caplog.text

    def test_what_an_abandoned_read_delivers_late_is_not_taken(self):
        clock, hanging = FakeClock(), HangingCapture(stuck=True)
        source = Camera("7", opener=Opener(hanging, FakeCapture(10**9)), clock=clock)
        frames = source.frames()
        next(frames)
        assert hanging.reading.wait(5)
        clock.advance(10.1)
        next(frames)
        hanging.go.set()
        wait_until(lambda: hanging.returned)
        try:
            for _ in range(20):
                assert next(frames).image[0, 0, 0] != HangingCapture.LATE
        finally:
            source.close()

    def test_hanging_reads_do_not_pile_up(self, monkeypatch, caplog):
        monkeypatch.setattr(camera, "MAX_HANGING", 3)
        captures = []

        def opener(*_):
            captures.append(HangingCapture(stuck=True, frames=0))
            return captures[-1]

        clock = FakeClock()
        source = Camera("7", opener=opener, clock=clock)
        reader = threading.Thread(target=lambda: list(source.frames()), daemon=True)
        reader.start()

        def fails_on() -> bool:
            clock.advance(11)
            return "3 reads hang; waiting until one returns" in caplog.text

        wait_until(fails_on)
        assert len(captures) == 3
        captures[0].go.set()
        wait_until(lambda: len(captures) == 4)
        source.close()
        for capture in captures:
            capture.go.set()
        reader.join(5)
        assert not reader.is_alive()

    def test_a_camera_that_hangs_while_it_opens_at_the_start_is_an_error(self):
        go = threading.Event()
        late = FakeCapture(10)

        def opener(*_):
            go.wait(5)
            return late

        with pytest.raises(SourceError, match=r"does not answer within 0\.01 s"):
            Camera("7", opener=opener, read_timeout_s=0.01)
        go.set()
        wait_until(lambda: late.released)

    def test_a_stream_whose_time_stamps_stand_still_is_reopened(self, caplog):
        class Frozen(FakeCapture):
            time_s = 77.5

        clock = FakeClock()
        gate = threading.Semaphore(1)
        source = Camera("7", opener=Opener(Frozen(10**9, gate=gate), FakeCapture(10**9)), clock=clock)
        frames = source.frames()
        next(frames)
        clock.advance(6)
        gate.release()
        next(frames)
        clock.advance(6)  # frames came after six seconds, but their time did not go on
        gate.release()
        wait_until(lambda: next(frames) and source.reopened)
        gate.release(10)
        source.close()
        assert "the time stamps of its frames stand still for 10 s" in caplog.text

    def test_time_stamps_that_go_on_are_no_fault(self):
        class Timed(FakeCapture):
            @property
            def time_s(self):
                return float(self.left)

        clock = FakeClock()
        gate = threading.Semaphore(0)
        opener = Opener(Timed(10**9, gate=gate))
        source = Camera("7", opener=opener, clock=clock)
        frames = source.frames()
        for _ in range(5):
            gate.release()
            next(frames)
            clock.advance(6)
        gate.release(10)
        source.close()
        assert opener.calls == 1

    def test_a_camera_that_is_away_at_the_start_can_be_waited_for(self, caplog):
        clock = FakeClock()
        opener = Opener(FakeCapture(0, opened=False), FakeCapture(0, opened=False), FakeCapture(10**9))
        source = Camera("7", opener=opener, clock=clock, wait=True)
        assert "camera 7 is waited for: camera 7 cannot be opened" in caplog.text
        next(source.frames())
        source.close()
        assert clock.time == sum(BACKOFF_S[:2])
        assert source.reopened == 0

    def test_a_wrong_password_is_not_waited_for(self):
        def opener(*_):
            raise AccessDenied("refused")

        with pytest.raises(AccessDenied):
            Camera("rtsp://host", opener=opener, wait=True)

    def test_no_error_shows_the_password_of_an_address(self):
        class Broken(FakeCapture):
            def read(self):
                raise RuntimeError("cannot read rtsp://admin:S3cret@host/x")

        source = Camera("rtsp://admin:S3cret@host/x", opener=lambda *_: Broken(1), clock=FakeClock())
        with pytest.raises(SourceError, match=r"rtsp://\*\*\*@host/x failed") as caught:
            list(source.frames())
        assert "S3cret" not in "".join(traceback.format_exception(caught.value))
        assert not [thread for thread in threading.enumerate() if "S3cret" in thread.name]

    def test_asking_for_frames_again_starts_no_second_thread(self):
        source = Camera("asked twice", opener=lambda *_: FakeCapture(10_000), clock=FakeClock())
        first = next(source.frames())
        second = next(source.frames())
        try:
            assert len(threads_of("asked twice")) == 1
            assert second.index > first.index
        finally:
            source.close()

    def test_closing_ends_a_pause_before_reopening_at_once(self):
        clock = FakeClock(held=True)
        source = Camera("closed in a pause", opener=Opener(FakeCapture(0)), clock=clock)
        reader = threading.Thread(target=lambda: list(source.frames()))
        reader.start()
        assert clock.waiting.wait(5)
        source.close()
        try:
            assert threads_of("closed in a pause") == []
        finally:
            clock.advance(60)  # lets a thread that is still there go
            reader.join(5)
        assert not reader.is_alive()

    def test_nothing_is_opened_after_closing(self):
        clock = FakeClock(held=True)
        opener = Opener(FakeCapture(0), FakeCapture(10_000))
        source = Camera("never again", opener=opener, clock=clock)
        reader = threading.Thread(target=lambda: list(source.frames()))
        reader.start()
        assert clock.waiting.wait(5)
        source.close()
        clock.advance(60)
        reader.join(5)
        for thread in threads_of("never again"):
            thread.join(5)
        assert opener.calls == 1
        assert source.reopened == 0

    def test_a_camera_that_opens_after_closing_is_released(self, caplog):
        class SlowOpener(Opener):
            """The second time it is called, it closes the camera in the meantime."""

            def __call__(self, *arguments):
                capture = super().__call__(*arguments)
                if self.calls == 2:
                    closer.start()
                    assert closed.wait(5)
                return capture

        late = FakeCapture(10_000)
        closed = threading.Event()
        source = Camera("late", opener=SlowOpener(FakeCapture(0), late), clock=FakeClock())
        closer = threading.Thread(target=source.close)
        assert list(source.frames()) == []  # closing ends them, while the camera is still opening
        closed.set()
        closer.join(5)
        assert threads_of("late") == []
        assert late.released
        assert late.left == 10_000
        assert source.reopened == 0
        assert "is back" not in caplog.text

    def test_a_driver_that_does_not_return_does_not_hold_closing_up(self, monkeypatch, caplog):
        monkeypatch.setattr(camera, "CLOSING_S", 0.01)
        stuck = threading.Semaphore(0)
        capture = FakeCapture(1000, gate=stuck)
        source = Camera("stuck", opener=lambda *_: capture, clock=FakeClock())
        frames = source.frames()
        stuck.release()
        next(frames)
        source.close()
        assert "its driver does not return" in caplog.text
        stuck.release(1000)
        wait_until(lambda: capture.released)

    def test_an_error_in_the_thread_reaches_the_reader(self):
        class Broken(FakeCapture):
            def read(self):
                raise cv2.error("select() timeout")

        source = Camera("7", opener=lambda *_: Broken(1), clock=FakeClock())
        with pytest.raises(SourceError, match="select"):
            list(source.frames())

    def test_closing_ends_the_frames(self):
        source = Camera("7", opener=lambda *_: FakeCapture(10**9), clock=FakeClock())
        frames = source.frames()
        next(frames)
        source.close()
        assert len(list(frames)) <= 1


class FakeVideo:
    """Stands in the place of `cv2.VideoCapture`: notes what it is asked for, and grants what it is told to."""

    granted: dict[int, float]

    def __init__(self, place, api):
        self.place = place
        self.asked = {}
        self.values = dict(self.granted)

    def isOpened(self):  # noqa: N802
        return True

    def set(self, prop, value):
        self.asked[prop] = value
        self.values.setdefault(prop, value)

    def get(self, prop):
        return self.values.get(prop, 0.0)

    def read(self):
        return True, PICTURE

    def release(self): ...


class TestDevice:
    @pytest.fixture
    def open_device(self, monkeypatch):
        def open_(width_px, height_px, granted=None) -> FakeVideo:
            monkeypatch.setattr(FakeVideo, "granted", granted or {}, raising=False)
            monkeypatch.setattr(cv2, "VideoCapture", FakeVideo)
            return DeviceCapture("0", width_px, height_px, 30.0)._capture

        return open_

    def test_large_pictures_are_asked_for_as_mjpg(self, open_device):
        assert cv2.CAP_PROP_FOURCC not in open_device(640, 480).asked
        assert open_device(1280, 720).asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")

    def test_what_was_asked_for_and_granted_is_no_news(self, open_device, caplog):
        open_device(1280, 720)
        assert caplog.messages == []

    def test_another_size_rate_or_format_is_reported(self, open_device, caplog):
        granted = {
            cv2.CAP_PROP_FRAME_WIDTH: 800.0, cv2.CAP_PROP_FRAME_HEIGHT: 600.0, cv2.CAP_PROP_FPS: 15.0,
            cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"YUYV")),
        }  # fmt: skip
        open_device(1280, 720, granted)
        assert caplog.messages == ["camera 0 grants 800x600 at 15 fps YUYV; asked for 1280x720 at 30 fps MJPG"]

    def test_releasing_does_not_free_what_another_thread_reads(self, monkeypatch):
        released = []
        go, reading = threading.Event(), threading.Event()

        class Slow(FakeVideo):
            granted: dict[int, float] = {}  # noqa: RUF012

            def read(self):
                reading.set()
                go.wait(5)
                assert not released
                return super().read()

            def release(self):
                released.append(True)

        monkeypatch.setattr(cv2, "VideoCapture", Slow)
        capture = DeviceCapture("0", 640, 480, 30.0)
        reader = threading.Thread(target=capture.read)
        reader.start()
        assert reading.wait(5)
        capture.release()
        go.set()
        reader.join(5)
        capture.release()
        assert released
        assert capture.read() == (False, None)


def install_picamera2(monkeypatch, cameras: int = 1) -> list:
    """Install a picamera2 that delivers a YUV420 ramp with a stride of 96 bytes; return the list of its releases."""
    released = []
    planes = np.zeros((72, 96), np.uint8)
    planes[:48, :64] = np.arange(64, dtype=np.uint8)
    # Neither the colour nor the padding of the stride may be read.
    planes[48:] = 200
    planes[:48, 64:] = 201

    class Request:
        def __init__(self, number):
            self.number = number

        def get_metadata(self):
            return {"SensorTimestamp": 10**9 + self.number * 33_000_000}

        def release(self):
            released.append(self.number)

    class MappedArray:
        def __init__(self, request, stream):
            assert stream == "lores"
            self.array = planes

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

    class Picamera2:
        def __init__(self):
            if not cameras:
                raise IndexError("list index out of range")
            self.count = 0

        def create_video_configuration(self, lores, controls):
            assert lores == {"size": (64, 48), "format": "YUV420"}
            return object()

        def configure(self, configuration): ...
        def start(self): ...
        def stop(self): ...
        def close(self): ...

        def capture_request(self, flush):
            self.count += 1
            return Request(self.count)

    module = types.SimpleNamespace(Picamera2=Picamera2, MappedArray=MappedArray)
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return released


class TestPiCamera(SourceSuite):
    """With a fake picamera2: the real one needs a Raspberry Pi."""

    live = True

    @pytest.fixture
    def source(self, monkeypatch):
        self.released = install_picamera2(monkeypatch)
        return PiCamera(width_px=64, height_px=48)

    def test_the_brightness_plane_is_a_view_that_lasts_until_the_next_frame(self, source):
        frames = source.frames()
        first = next(frames)
        assert first.image.shape == (48, 64)
        assert not first.image.flags.owndata
        assert first.image.max() == 63
        assert self.released == []
        second = next(frames)
        assert self.released == [1]
        assert second.time_s - first.time_s == pytest.approx(0.033)

    def test_a_camera_that_hangs_is_started_again(self, source, monkeypatch, caplog):
        hang = threading.Event()
        frames = source.frames()
        next(frames)
        monkeypatch.setattr(source._camera, "capture_request", lambda flush: hang.wait(5))
        source._read_timeout_s = 0.01
        threading.Timer(0.05, hang.set).start()  # libcamera must return before the camera can be opened again
        source._clock = FakeClock()
        after = next(frames)
        assert after.index == 1
        assert source.reopened == 1
        assert "picamera stopped delivering: no frame for 0.01 s" in caplog.text
        source.close()

    def test_a_camera_that_fails_is_started_again(self, source, monkeypatch):
        def fail(flush):
            raise RuntimeError("camera frontend has timed out")

        frames = source.frames()
        next(frames)
        monkeypatch.setattr(source._camera, "capture_request", fail)
        assert next(frames).index == 1
        source.close()

    def test_a_camera_that_is_not_there_can_be_waited_for(self, monkeypatch, caplog):
        install_picamera2(monkeypatch, cameras=0)
        source = PiCamera(width_px=64, height_px=48, wait=True, clock=FakeClock())
        assert "picamera is waited for: the Pi's camera cannot be started" in caplog.text
        install_picamera2(monkeypatch)
        source._library = sys.modules["picamera2"]
        assert next(source.frames()).index == 0
        source.close()

    def test_without_a_camera_the_cable_is_named(self, monkeypatch):
        install_picamera2(monkeypatch, cameras=0)
        with pytest.raises(SourceError, match="ribbon cable"):
            PiCamera()

    def test_without_picamera2_the_apt_line_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "picamera2", None)
        with pytest.raises(MissingDependency, match="apt install python3-picamera2"):
            open_source("picamera")

    def test_a_picamera2_that_does_not_fit_its_numpy_is_told(self, tmp_path, monkeypatch):
        monkeypatch.delitem(sys.modules, "picamera2", raising=False)
        (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed')")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(MissingDependency, match=r"picamera2 cannot be loaded: ValueError: numpy.dtype .*NumPy"):
            open_source("picamera")


class TestSynthetic(SourceSuite):
    @pytest.fixture
    def source(self):
        return open_source("synthetic")

    def test_the_same_arguments_draw_the_same_frames(self):
        for one, other in zip(
            SyntheticCamera(frames=5, seed=4).frames(), SyntheticCamera(frames=5, seed=4).frames(), strict=True
        ):
            assert np.array_equal(one.image, other.image)
            assert one.truth == other.truth
        assert not np.array_equal(SyntheticCamera(seed=5).frame(0).image, SyntheticCamera(seed=4).frame(0).image)

    def test_any_frame_can_be_drawn_at_any_time(self):
        camera = SyntheticCamera(seed=4)
        later = camera.frame(77).image
        camera.frame(3)
        assert np.array_equal(camera.frame(77).image, later)

    def test_it_knows_what_it_drew(self):
        camera = SyntheticCamera(faces=3, hold_s=1.0, seed=4)
        frame = camera.frame(10)
        assert len(frame.truth) == 3
        labels = {camera.frame(30 * second).truth[0].label for second in range(7)}
        assert len(labels) == 7
        assert SyntheticCamera(hidden_s=[(0, 1)]).frame(10).truth == ()

    @pytest.mark.parametrize("values", [{"width_px": 10}, {"fps": 0}, {"faces": -1}, {"hold_s": 0}])
    def test_an_impossible_scene_is_refused(self, values):
        with pytest.raises(BadInput, match="synthetic camera"):
            SyntheticCamera(**values)

    def test_a_scene_without_faces_is_drawn(self):
        assert SyntheticCamera(faces=0).frame(0).truth == ()


class TestSyntheticHard(SourceSuite):
    @pytest.fixture
    def source(self):
        return open_source("synthetic:hard")

    def test_the_same_arguments_draw_the_same_frames_in_any_order(self):
        one = SyntheticCamera(scene="hard", seed=4)
        other = SyntheticCamera(scene="hard", seed=4)
        indices = (5, 400, 3000)  # of several shots, and of the second round
        frames = {index: one.frame(index) for index in indices}
        for index in reversed(indices):
            again = other.frame(index)
            assert np.array_equal(again.image, frames[index].image)
            assert again.truth == frames[index].truth
        assert not np.array_equal(SyntheticCamera(scene="hard", seed=5).frame(5).image, frames[5].image)

    def test_the_scene_is_part_of_the_name(self):
        easy = next(open_source("synthetic:easy").frames())
        assert np.array_equal(easy.image, next(open_source("synthetic").frames()).image)
        assert not np.array_equal(easy.image, next(open_source("synthetic:hard").frames()).image)

    def test_an_unknown_scene_is_refused(self):
        with pytest.raises(SourceError, match="no scene 'synthetic:x'; pass synthetic:easy, synthetic:hard or"):
            open_source("synthetic:x")
        with pytest.raises(BadInput, match="no scene 'x'; pass one of: easy, hard, drive"):
            SyntheticCamera(scene="x")


def test_an_unknown_source_names_the_known_ones():
    with pytest.raises(SourceError, match=r"no source 'nowhere.png'; pass an image, a folder"):
        open_source("nowhere.png")


def test_a_text_file_is_no_source(tmp_path):
    path = shutil.copy(__file__, tmp_path / "text.txt")
    with pytest.raises(SourceError, match=r"ends in '.txt'; images end in \.avif .*, videos in .*\.avi"):
        open_source(str(path))


def test_a_name_that_no_file_can_have_is_an_error():
    with pytest.raises(SourceError, match="cannot be read: File name too long"):
        open_source("a" * 5000)
