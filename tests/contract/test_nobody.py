"""The sinks that say why nobody is seen."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edge_fer.advice import Adviser, Reason
from edge_fer.boxes import Box
from edge_fer.errors import BadInput
from edge_fer.records import FaceRecord, Record
from edge_fer.sinks.nobody import MOST_LOOKED, FacelessFilm, FacelessPictures, NobodyThere
from edge_fer.sources import Frame

FRAME = Frame(np.full((120, 160, 3), 90, np.uint8), 0.0, 0, "picture.png")
SCORES = np.array([1.0], np.float32)
FACE = FaceRecord(1, Box(0, 0, 50, 50), 0.9, SCORES, SCORES, "a")


class Says(Adviser):
    """An adviser that gives one reason after the other, the last one for good, or raises it."""

    def __init__(self, *reasons):
        super().__init__(lambda min_face_px: None)
        self.reasons = list(reasons)
        self.looked = 0
        self.threads = set()

    def reason(self, gray, reduced=1):
        assert gray.shape == (120, 160)
        self.looked += 1
        self.threads.add(threading.current_thread())
        reason = self.reasons.pop(0) if len(self.reasons) > 1 else self.reasons[0]
        if isinstance(reason, Exception):
            raise reason
        return reason


def write(sink, *times_s, face=False):
    for time_s in times_s:
        record = Record(0, time_s, "picture.png", ("a",), (FACE,) if face else (), {})
        sink.write(FRAME, record)


def close(sink):
    """Close *sink*, twice."""
    sink.close()
    sink.close()


def test_one_picture_without_a_face_is_explained(caplog):
    sink = FacelessPictures(Says(Reason.TURNED_90))
    write(sink, 0.0)
    assert not caplog.messages
    close(sink)
    assert caplog.messages == ["no face: the picture seems to be turned; pass --rotate 90"]


def test_pictures_without_a_face_are_explained_by_their_number(caplog):
    sink = FacelessPictures(Says(Reason.DARK, Reason.CROPPED, Reason.CROPPED, None))
    write(sink, 0.0, 1.0, 2.0, 3.0)
    write(sink, 4.0, face=True)
    close(sink)
    assert caplog.messages == [
        "no face in 4 of 5 pictures: 2 may be cropped faces; if so, pass --faces whole",
        "no face in 4 of 5 pictures: 1 is too dark; more light helps",
    ]


def test_only_the_first_pictures_are_looked_at(caplog):
    adviser = Says(Reason.DARK)
    sink = FacelessPictures(adviser)
    write(sink, *map(float, range(MOST_LOOKED + 5)))
    close(sink)
    assert adviser.looked == MOST_LOOKED
    assert "no face in 25 of 25 pictures: of 20 that were looked at, 20 are too dark" in caplog.text


def test_pictures_with_faces_are_not_looked_at(caplog):
    adviser = Says(Reason.DARK)
    sink = FacelessPictures(adviser)
    write(sink, 0.0, face=True)
    close(sink)
    assert adviser.looked == 0
    assert not caplog.messages


def test_a_film_without_a_face_is_explained_at_its_end(caplog):
    adviser = Says(Reason.DARK, Reason.TURNED_180)
    sink = FacelessFilm(adviser)
    write(sink, *[index / 10 for index in range(100)])
    assert not caplog.messages
    close(sink)
    assert adviser.looked == 5  # at 0, 1, 2, 4 and 8 s
    assert caplog.messages == ["no face in 100 frames: the picture seems to be turned; pass --rotate 180"]


@pytest.mark.parametrize("reasons", [(Reason.SMALL, None), (None,)])
def test_what_is_seldom_true_of_a_film_is_not_said(caplog, reasons):
    sink = FacelessFilm(Says(*reasons))
    write(sink, *[index / 10 for index in range(100)])
    close(sink)
    assert not caplog.messages


def test_a_film_with_a_face_is_not_explained(caplog):
    adviser = Says(Reason.DARK)
    sink = FacelessFilm(adviser)
    write(sink, 0.0, 0.5)
    write(sink, 0.9, face=True)
    write(sink, 1.0, 2.0, 4.0)
    close(sink)
    assert adviser.looked == 1
    assert not caplog.messages


def test_a_camera_is_explained_after_five_seconds_and_each_reason_once(caplog):
    adviser = Says(Reason.DARK, Reason.DARK, Reason.SMALL)
    sink = NobodyThere(adviser)
    write(sink, 100.0, 104.9)
    assert adviser.looked == 0
    for time_s in (105.0, 164.9, 165.0, 284.9, 285.0):
        write(sink, time_s)
        settle(sink)
    assert adviser.looked == 3  # the pause doubles
    write(sink, 285.1)
    close(sink)
    assert caplog.messages == [
        "nobody has been seen for 5 s: the picture is too dark; more light helps",
        "nobody has been seen for 5 s: the picture has faces of less than 48 px; go nearer, or pass --min-face 24",
    ]
    assert threading.main_thread() not in adviser.threads


def test_who_is_away_for_a_moment_starts_no_look_and_who_leaves_often_one_a_minute():
    adviser = Says(None)
    sink = NobodyThere(adviser)
    for time_s in np.arange(0.0, 60.0, 4.0):
        write(sink, time_s)
        write(sink, time_s + 3.9, face=True)
    assert adviser.looked == 0
    for time_s in np.arange(60.0, 180.0, 10.0):
        write(sink, time_s, face=True)
        write(sink, time_s + 1, time_s + 6)
        settle(sink)
    close(sink)
    assert adviser.looked == 2


def test_what_is_found_out_after_somebody_came_is_not_said(caplog):
    sink = NobodyThere(Says(Reason.DARK))
    write(sink, 0.0, 5.0)
    write(sink, 5.1, face=True)
    close(sink)
    assert not caplog.messages


def test_what_the_last_look_finds_out_is_said_at_the_end(caplog):
    sink = NobodyThere(Says(Reason.WHITE))
    write(sink, 0.0, 5.0)
    close(sink)
    assert "overexposed" in caplog.text


def test_a_clock_that_starts_again_starts_the_absence_again():
    adviser = Says(None)
    sink = NobodyThere(adviser)
    write(sink, 1000.0, 1005.0)
    settle(sink)
    write(sink, 0.0, 4.0)
    settle(sink)
    assert adviser.looked == 1
    write(sink, 5.0)
    close(sink)
    assert adviser.looked == 2


def test_an_adviser_that_fails_ends_no_run(caplog):
    sink = NobodyThere(Says(BadInput("yunet.onnx is not there")))
    write(sink, 0.0, 5.0)
    close(sink)
    assert caplog.messages == ["nobody has been seen for 5 s, and why is not known: yunet.onnx is not there"]


def settle(sink):
    """Wait for the look that goes on."""
    if sink._look is not None:
        sink._look.exception(timeout=60)
