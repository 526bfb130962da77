"""The suite that every sink passes, and the tests of what each does beyond it."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import gc
import io
import json
import os
import resource
import shutil
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from edge_fer.boxes import Box
from edge_fer.cli import main
from edge_fer.clock import FakeClock
from edge_fer.emotions import UNKNOWN
from edge_fer.errors import MissingDependency, SinkError
from edge_fer.records import FaceRecord, Record
from edge_fer.sinks import SinkClosed, pictures
from edge_fer.sinks.drawing import annotate
from edge_fer.sinks.film import AnnotatedVideo
from edge_fer.sinks.lines import JsonLines, Text
from edge_fer.sinks.pictures import AnnotatedImages, Preview, fitting
from edge_fer.sources import Frame

LABELS = ("a", "b")
FRAME = Frame(np.full((120, 160, 3), 90, np.uint8), 0.0, 0, "picture.png")


def record(*states: str, index: int = 0) -> Record:
    faces = []
    for number, state in enumerate(states):
        scores = np.array([0.7, 0.3], np.float32)
        smoothed = np.array([0.6, 0.4], np.float32)
        faces.append(FaceRecord(number + 1, Box(20.0 * number, 30.0, 40.0, 40.0), 0.8, scores, smoothed, state))
    return Record(index, index / 30, "picture.png", LABELS, tuple(faces), {"capture": 1.0, "detect": 2.0}, 3)


def write_two(sink) -> None:
    for index in range(2):
        sink.write(FRAME, record("a", index=index))


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (120, 160, 3)).astype(np.uint8)


def modes(*paths: Path) -> list[int]:
    return [path.stat().st_mode & 0o777 for path in paths]


def write_noise(sink, *numbers: int) -> None:
    for index in range(*numbers):
        sink.write(Frame(noise(index), 0.0, 0, "x"), record(index=index))


@contextlib.contextmanager
def at_most(size: int):
    """Let no file grow beyond *size* bytes, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def write_film(path: Path, times: list[float]) -> None:
    sink = AnnotatedVideo(path)
    for index, time_s in enumerate(times):
        sink.write(Frame(noise(index), time_s, index, "x"), dataclasses.replace(record("a"), time_s=time_s))
    sink.close()


def playing_times(path: Path) -> tuple[list[float], float]:
    """Return when each frame of a film begins, in seconds, and when the last one ends."""
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        unit = packets[0].time_base
        begins = [float(packet.pts * unit) for packet in packets]
        return begins, begins[-1] + float(packets[-1].duration * unit)


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(path) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


class SinkSuite:
    """What every sink does; each inherits it."""

    @pytest.fixture
    def sink(self, tmp_path):
        raise NotImplementedError

    def test_it_takes_frames_with_and_without_faces(self, sink):
        sink.write(FRAME, record())
        sink.write(FRAME, record("a", UNKNOWN, index=1))
        sink.close()

    def test_it_leaves_the_frame_alone(self, sink):
        before = FRAME.image.copy()
        sink.write(FRAME, record("a"))
        sink.close()
        assert np.array_equal(FRAME.image, before)

    def test_it_may_be_closed_twice_and_unused(self, sink):
        sink.close()
        sink.close()

    @pytest.mark.parametrize("shape", [(120, 160), (120, 160, 1), (120, 160, 4), (16, 16)])
    def test_it_takes_every_kind_of_frame(self, sink, shape):
        sink.write(Frame(np.zeros(shape, np.uint8), 0.0, 0, "x"), record("a"))
        sink.close()


class TestJsonLines(SinkSuite):
    @pytest.fixture
    def sink(self):
        return JsonLines(io.StringIO())

    def test_a_record_is_one_line_of_documented_fields(self):
        stream = io.StringIO()
        sink = JsonLines(stream)
        sink.write(FRAME, record("a"))
        sink.write(FRAME, record(index=1))
        first, second = (json.loads(line) for line in stream.getvalue().splitlines())
        assert first.keys() == {"index", "time_s", "source", "faces", "stage_ms", "dropped"}
        assert first["faces"][0] == {
            "track": 1, "box": [0.0, 30.0, 40.0, 40.0], "confidence": 0.8, "state": "a",
            "seen": "found", "roll_deg": 0.0,
            "scores": {"a": 0.7, "b": 0.3}, "smoothed": {"a": 0.6, "b": 0.4},
        }  # fmt: skip
        assert first["dropped"] == 3
        assert second["faces"] == []

    def test_the_guide_documents_every_field(self):
        guide = (Path(__file__).parents[2] / "docs" / "run.md").read_text(encoding="utf-8")
        written = record("a").as_dict()
        for field in (*written, *written["faces"][0]):
            assert f"`{field}`" in guide, field

    def test_a_full_disk_is_an_error(self):
        full = open("/dev/full", "w")  # noqa: PTH123, SIM115  (its closing fails as well)
        with pytest.raises(SinkError, match="disk full"):
            JsonLines(full).write(FRAME, record("a"))
        with contextlib.suppress(OSError):
            full.close()

    def test_a_closed_stdout_is_an_error(self):
        with pytest.raises(SinkError, match="stdout is closed"):
            JsonLines(None)


class TestTextOfStills(SinkSuite):
    @pytest.fixture
    def sink(self):
        return Text(io.StringIO(), every_frame=True)

    def test_each_face_gets_a_line(self):
        stream = io.StringIO()
        sink = Text(stream, every_frame=True)
        sink.write(FRAME, record("a", "b"))
        sink.write(FRAME, record())
        assert stream.getvalue().splitlines() == [
            "picture.png: face 1 at 0,30 40x40 px: a (a 60%, b 40%)",
            "picture.png: face 2 at 20,30 40x40 px: b (a 60%, b 40%)",
            "picture.png: no face",
        ]


class TestTextOfAStream(SinkSuite):
    @pytest.fixture
    def sink(self):
        return Text(io.StringIO(), every_frame=False)

    def test_only_changes_are_written(self):
        stream = io.StringIO()
        sink = Text(stream, every_frame=False)
        for index, states in enumerate([("a",), ("a",), (), ("a",), ("b",), ("b",), *[()] * 30]):
            sink.write(FRAME, record(*states, index=index))
        lines = stream.getvalue().splitlines()
        assert len(lines) == 3
        assert "px: a" in lines[0]
        assert "px: b" in lines[1]
        assert "out of sight" in lines[2]


class TestAnnotatedImages(SinkSuite):
    @pytest.fixture
    def sink(self, tmp_path):
        return AnnotatedImages(tmp_path / "out")

    def test_nothing_is_overwritten_and_a_second_run_goes_on(self, tmp_path):
        AnnotatedImages(tmp_path).write(FRAME, record("a"))
        (tmp_path / "picture-2.png").symlink_to("nowhere")
        AnnotatedImages(tmp_path).write(FRAME, record("a"))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["picture-2.png", "picture-3.png", "picture.png"]
        assert not (tmp_path / "nowhere").exists()

    def test_only_the_owner_may_read_pictures_of_people(self, tmp_path):
        AnnotatedImages(tmp_path / "new" / "out").write(FRAME, record("a"))
        assert modes(tmp_path / "new", tmp_path / "new" / "out") == [0o700, 0o700]
        assert modes(tmp_path / "new" / "out" / "picture.png") == [0o600]

    def test_a_file_system_without_hard_links_will_do(self, tmp_path, monkeypatch):
        def refuse(*_):
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        write_two(AnnotatedImages(tmp_path))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["picture-2.png", "picture.png"]
        assert modes(tmp_path / "picture.png") == [0o600]

    def test_a_name_as_long_as_a_file_system_takes_gets_its_number_too(self, tmp_path):
        named = dataclasses.replace(record("a"), source=f"{'x' * 251}.png")
        for _ in range(2):
            AnnotatedImages(tmp_path).write(FRAME, named)
        assert len(list(tmp_path.glob("*.png"))) == 2

    def test_a_folder_that_cannot_be_created_is_an_error(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(SinkError, match="cannot be created"):
            AnnotatedImages(tmp_path / "file" / "out")

    def test_a_folder_that_vanishes_is_an_error(self, tmp_path):
        sink = AnnotatedImages(tmp_path / "out")
        (tmp_path / "out").rmdir()
        with pytest.raises(SinkError, match=r"out/picture\.png cannot be written: No such file or directory"):
            sink.write(FRAME, record("a"))

    def test_a_full_disk_leaves_no_file(self, tmp_path):
        picture = Frame(noise(0), 0.0, 0, "picture.png")
        with at_most(1000), pytest.raises(SinkError, match=r"picture\.png cannot be written: File too large"):
            AnnotatedImages(tmp_path).write(picture, record("a"))
        assert list(tmp_path.iterdir()) == []


class TestAnnotatedVideo(SinkSuite):
    @pytest.fixture
    def sink(self, tmp_path):
        return AnnotatedVideo(tmp_path / "out.mp4")

    def test_frames_stay_as_long_as_in_life(self, tmp_path):
        times = [0.0, 0.066, 0.131, 5.2, 5.25]
        write_film(tmp_path / "out.mp4", times)
        played, end_s = playing_times(tmp_path / "out.mp4")
        assert played == pytest.approx(times, abs=1e-4)
        assert end_s == pytest.approx(5.3, abs=1e-3)

    def test_a_camera_of_15_frames_a_second_makes_a_film_of_4_seconds_of_60(self, tmp_path):
        jitter = np.random.default_rng(0).uniform(-0.02, 0.02, 60)
        write_film(tmp_path / "out.mp4", [100 + n / 15 + late for n, late in enumerate(jitter)])
        assert playing_times(tmp_path / "out.mp4")[1] == pytest.approx(4, abs=0.1)

    def test_a_time_that_starts_again_or_leaps_goes_on(self, tmp_path):
        write_film(tmp_path / "out.mp4", [50.0, 50.1, 0.0, 0.2, 0.2, 1e9, 1e9 + 0.3])
        played, _ = playing_times(tmp_path / "out.mp4")
        assert played == pytest.approx([0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.1], abs=1e-3)

    def test_browsers_play_it(self, tmp_path):
        write_film(tmp_path / "out.mp4", [0.0, 0.1, 0.2])
        with av.open(str(tmp_path / "out.mp4")) as film:
            codec = film.streams.video[0].codec_context
            if "libx264" in av.codecs_available:
                assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")

    def test_a_single_frame_is_a_film_too(self, tmp_path):
        write_film(tmp_path / "out.mp4", [3.0])
        assert playing_times(tmp_path / "out.mp4")[0] == [0]

    def test_a_size_that_changes_keeps_its_proportions(self, tmp_path):
        sink = AnnotatedVideo(tmp_path / "out.mp4")
        for index, shape in enumerate([(121, 161), (121, 161), (161, 121), (60, 80)]):
            white = np.full((*shape, 3), 255, np.uint8)
            sink.write(Frame(white, index / 10, index, "x"), record(index=index))
        sink.close()
        whole, _, tall, small = decoded(tmp_path / "out.mp4")
        assert whole.shape == (122, 162, 3)
        assert whole.min() > 240
        lit = tall.max(axis=(0, 2)) > 128
        assert lit.sum() == pytest.approx(121 * 121 / 161, abs=3)  # as high as the film, in proportion as wide
        assert not lit[:30].any()
        assert small[:, 10:150].min() > 240

    def test_the_colours_are_those_of_the_frames(self, tmp_path):
        sink = AnnotatedVideo(tmp_path / "out.mp4")
        colour = np.broadcast_to(np.array([40, 90, 200], np.uint8), (120, 160, 3))
        sink.write(Frame(colour, 0.0, 0, "x"), record())
        sink.close()
        assert np.abs(decoded(tmp_path / "out.mp4")[0].astype(int) - colour).max() < 6

    def test_a_name_that_is_taken_gets_a_number(self, tmp_path, caplog):
        (tmp_path / "out.mp4").symlink_to("nowhere")
        (tmp_path / "out-2.mp4").write_text("")
        write_film(tmp_path / "out.mp4", [0.0])
        assert playing_times(tmp_path / "out-3.mp4")[0] == [0]
        assert modes(tmp_path / "out-3.mp4") == [0o600]
        assert not (tmp_path / "nowhere").exists()
        assert (tmp_path / "out-2.mp4").read_text() == ""
        assert "this film is" in caplog.text

    def test_two_at_once_get_two_files(self, tmp_path):
        sinks = [AnnotatedVideo(tmp_path / "out.mp4") for _ in range(2)]
        for sink in sinks:
            write_two(sink)
        for sink in sinks:
            sink.close()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out-2.mp4", "out.mp4"]

    def test_what_was_written_can_be_played_at_any_moment(self, tmp_path):
        """A copy of the file is what a killed program, or a power cut, leaves behind."""
        sink = AnnotatedVideo(tmp_path / "out.mp4")
        for index in range(20):
            sink.write(Frame(noise(index), 0.0, 0, "x"), record(index=index))
            shutil.copy(tmp_path / "out.mp4", tmp_path / "copy.mp4")
            if index:
                assert len(decoded(tmp_path / "copy.mp4")) == index
        sink.close()
        assert len(decoded(tmp_path / "out.mp4")) == 20

    @pytest.mark.parametrize("limit", [0, 700, 200_000])
    def test_a_full_disk_is_an_error_and_leaves_a_film(self, tmp_path, limit):
        sink = AnnotatedVideo(tmp_path / "out.mp4")
        with at_most(limit), pytest.raises(SinkError, match=r"out\.mp4 cannot be written: File too large"):
            write_noise(sink, 300)
        sink.close()
        if limit < 1000:
            assert not (tmp_path / "out.mp4").exists() or (tmp_path / "out.mp4").stat().st_size < limit
        else:
            assert len(decoded(tmp_path / "out.mp4")) > 10

    def test_a_disk_that_is_full_at_the_end_leaves_a_film(self, tmp_path):
        sink = AnnotatedVideo(tmp_path / "out.mp4")
        write_noise(sink, 100)
        with at_most((tmp_path / "out.mp4").stat().st_size + 10), pytest.raises(SinkError, match="File too large"):
            sink.close()
        sink.close()
        assert len(decoded(tmp_path / "out.mp4")) > 80

    def test_a_film_that_is_removed_meanwhile_is_an_error(self, tmp_path):
        sink = AnnotatedVideo(tmp_path / "out" / "out.mp4")
        (tmp_path / "out").mkdir()
        sink.write(FRAME, record("a"))
        shutil.rmtree(tmp_path / "out")
        with pytest.raises(SinkError, match="was removed"):
            write_noise(sink, 1, 60)
        sink.close()

    def test_a_missing_folder_is_an_error(self, tmp_path):
        with pytest.raises(SinkError, match="cannot be written: No such file"):
            write_two(AnnotatedVideo(tmp_path / "no" / "out.mp4"))

    def test_ctrl_c_while_it_writes_leaves_a_film(self, tmp_path, monkeypatch):
        def interrupt(descriptor):
            raise KeyboardInterrupt

        sink = AnnotatedVideo(tmp_path / "out.mp4")
        write_noise(sink, 40)
        monkeypatch.setattr(os, "fstat", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_noise(sink, 40, 80)
        monkeypatch.undo()
        sink.close()
        assert len(decoded(tmp_path / "out.mp4")) > 20

    def test_without_h264_it_is_mpeg_4_and_says_so(self, tmp_path, monkeypatch, caplog):
        monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
        write_film(tmp_path / "out.mp4", [0.0, 0.1])
        assert playing_times(tmp_path / "out.mp4")[0] == pytest.approx([0, 0.1])
        assert "no encoder of H.264" in caplog.text
        monkeypatch.setattr(av, "codecs_available", set())
        with pytest.raises(MissingDependency, match="libx264, mpeg4"):
            write_film(tmp_path / "other.mp4", [0.0])
        assert not (tmp_path / "other.mp4").exists()


class TestPreview(SinkSuite):
    @pytest.fixture
    def windows(self, monkeypatch):
        """The Tk windows that are opened during a test."""
        tkinter = pytest.importorskip("tkinter", reason="Tk is not installed: apt install python3-tk")
        if not os.environ.get("DISPLAY"):
            pytest.skip("there is no screen; run under xvfb-run to test the preview window")
        opened = []

        class Recorded(tkinter.Tk):
            def __init__(self):
                super().__init__()
                opened.append(self)

        monkeypatch.setattr(tkinter, "Tk", Recorded)
        yield opened
        # Freed here: Tcl aborts the process if another test's thread collects a window.
        opened.clear()
        gc.collect()

    @pytest.fixture
    def sink(self, windows):
        return Preview()

    def test_it_raises_once_its_window_was_closed(self, sink, windows):
        sink.write(FRAME, record("a"))
        click_close_button(windows[0])
        with pytest.raises(SinkClosed):
            sink.write(FRAME, record("a"))
        sink.close()

    def test_a_closed_window_is_freed_by_the_thread_that_made_it(self, sink, windows):
        sink.write(FRAME, record("a"))
        window = weakref.ref(windows.pop())
        sink.close()
        assert window() is None

    @pytest.mark.parametrize("key", ["q", "Escape"])
    def test_a_key_closes_it(self, sink, windows, key):
        sink.write(FRAME, record("a"))
        press(windows[0], key)
        with pytest.raises(SinkClosed):
            sink.write(FRAME, record("a"))
        sink.close()

    def test_a_picture_stays_until_a_key_is_pressed(self, windows):
        class Impatient(FakeClock):
            def sleep(self, seconds):
                super().sleep(seconds)
                if self.now() > 2:
                    press(windows[0], "space" if self.now() < 3 else "q")

        clock = Impatient()
        sink = Preview(waits=True, clock=clock)
        sink.write(FRAME, record("a"))
        assert clock.now() == pytest.approx(2, abs=0.1)
        clock.advance(1.5)
        with pytest.raises(SinkClosed):
            sink.write(FRAME, record("a"))
        sink.close()

    def test_a_film_is_shown_at_the_speed_of_life(self, windows):
        clock = FakeClock()
        sink = Preview(paced=True, clock=clock)
        shown = []
        # The last three: one that is late, and times that leap, for which nobody waits.
        for index in (100, 101, 130, 100, 1_000_000):
            sink.write(FRAME, record("a", index=index))
            shown.append(round(clock.now(), 3))
        assert shown == [0, 0.033, 1.0, 1.0, 1.0]
        sink.close()

    def test_a_picture_larger_than_the_screen_is_scaled_down(self, sink, windows):
        sink.write(Frame(np.zeros((4000, 9000, 3), np.uint8), 0.0, 0, "x"), record())
        (screen,) = windows
        assert 0 < sink._photo.width() <= 0.9 * screen.winfo_screenwidth() + 1
        assert sink._photo.height() == pytest.approx(sink._photo.width() * 4 / 9, abs=1)
        assert "q: quit" in screen.title()
        sink.close()

    def test_closing_its_window_ends_a_run_with_its_summary(self, windows, monkeypatch):
        written = []

        class ClosedAfterThree(Preview):
            def write(self, frame, record):
                written.append(record.index)
                if len(written) == 3:
                    click_close_button(windows[0])
                super().write(frame, record)

        monkeypatch.setattr(pictures, "Preview", ClosedAfterThree)
        done = CliRunner().invoke(main, ["run", "--show", "--frames", "30", "--backend", "fake"])
        assert done.exit_code == 0, done.output
        assert written == [0, 1, 2]
        assert "3 frames, 1 face, " in done.stderr


def press(window, key: str) -> None:
    window.focus_force()
    window.event_generate(f"<KeyPress-{key}>")
    window.update()


def click_close_button(window) -> None:
    """Do what the window manager does when somebody clicks on the window's close button."""
    window.tk.eval(window.protocol("WM_DELETE_WINDOW"))


@pytest.mark.parametrize(
    ("size", "shown"), [((640, 480), (640, 480)), ((3840, 2160), (1728, 972)), ((100, 5000), (19, 972))]
)
def test_a_picture_fits_the_screen(size, shown):
    width, height = size
    assert fitting(np.zeros((height, width, 3), np.uint8), 1920, 1080).shape[1::-1] == shown


def test_without_a_screen_the_remedy_is_named(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(MissingDependency, match="no screen"):
        Preview()


def test_boxes_are_drawn_at_their_place_in_a_reduced_frame():
    whole = record("a")
    doubled = [replace(face, box=face.box.times(2)) for face in whole.faces]
    drawn = annotate(replace(FRAME, reduced=2), replace(whole, faces=tuple(doubled)))
    assert np.array_equal(drawn, annotate(FRAME, whole))


def test_the_box_and_the_state_are_drawn():
    drawn = annotate(FRAME, record("a"))
    assert drawn.shape == FRAME.image.shape
    assert not np.array_equal(drawn, FRAME.image)
    assert np.array_equal(annotate(FRAME, record()), FRAME.image)
