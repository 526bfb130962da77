"""The suite that every sink passes, and the tests of what each does beyond it."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_fer.boxes import Box
from edge_fer.cli import main
from edge_fer.emotions import UNKNOWN
from edge_fer.errors import MissingDependency, SinkError
from edge_fer.records import FaceRecord, Record
from edge_fer.sinks import SinkClosed, pictures
from edge_fer.sinks.lines import JsonLines, SmallPictures, Text
from edge_fer.sinks.pictures import AnnotatedImages, AnnotatedVideo, Preview, annotate
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

    def test_nothing_is_overwritten(self, tmp_path):
        sink = AnnotatedImages(tmp_path)
        sink.write(FRAME, record("a"))
        sink.write(FRAME, record("a", index=1))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["picture-1.png", "picture.png"]
        with pytest.raises(SinkError, match="empty folder"):
            sink.write(FRAME, record("a", index=1))

    def test_a_folder_that_cannot_be_created_is_an_error(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(SinkError, match="cannot be created"):
            AnnotatedImages(tmp_path / "file" / "out")


class TestAnnotatedVideo(SinkSuite):
    @pytest.fixture
    def sink(self, tmp_path):
        return AnnotatedVideo(tmp_path / "out.mp4")

    def test_the_video_can_be_read_again(self, tmp_path):
        sink = AnnotatedVideo(tmp_path / "out.mp4")
        for index in range(5):
            sink.write(FRAME, record("a", index=index))
        sink.close()
        capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
        assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 5
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(30, abs=0.1)

    def test_a_single_frame_is_a_video_too(self, tmp_path):
        sink = AnnotatedVideo(tmp_path / "out.mp4")
        sink.write(FRAME, record("a"))
        sink.close()
        assert cv2.VideoCapture(str(tmp_path / "out.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 1

    def test_it_does_not_overwrite(self, tmp_path):
        (tmp_path / "out.mp4").write_text("")
        with pytest.raises(SinkError, match="exists"):
            AnnotatedVideo(tmp_path / "out.mp4")

    def test_a_missing_folder_is_an_error(self, tmp_path):
        with pytest.raises(SinkError, match="cannot be written"):
            write_two(AnnotatedVideo(tmp_path / "no" / "out.mp4"))


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
        assert done.stderr.splitlines()[-1].startswith("3 frames, 0 skipped, 0 dropped; edge-fer")


def click_close_button(window) -> None:
    """Do what the window manager does when somebody clicks on the window's close button."""
    window.tk.eval(window.protocol("WM_DELETE_WINDOW"))


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


def test_small_pictures_without_a_face_are_explained_once(caplog):
    hint = SmallPictures(64)
    small = Frame(np.zeros((256, 300), np.uint8), 0.0, 0, "a.png")
    for _ in range(3):
        hint.write(small, record())
    hint.write(small, record("happy"))
    hint.write(Frame(np.zeros((257, 300), np.uint8), 0.0, 0, "a.png"), record())
    assert not caplog.messages
    hint.close()
    hint.close()
    assert len(caplog.messages) == 1
    assert "no face in 3 pictures of at most 256 px a side" in caplog.text
    assert "edge-fer eval --data" in caplog.text


def test_the_box_and_the_state_are_drawn():
    drawn = annotate(FRAME, record("a"))
    assert drawn.shape == FRAME.image.shape
    assert not np.array_equal(drawn, FRAME.image)
    assert np.array_equal(annotate(FRAME, record()), FRAME.image)
