from __future__ import annotations

import numpy as np

from edge_fer.backends import BackendInfo
from edge_fer.boxes import Box
from edge_fer.clock import FakeClock
from edge_fer.commands.summary import Summary, executed_by
from edge_fer.records import FaceRecord, Record
from edge_fer.sources import SourceBase

SCORES = np.array([0.6, 0.4], np.float32)


def record(*tracks: int) -> Record:
    faces = tuple(FaceRecord(track, Box(0, 0, 9, 9), 1.0, SCORES, SCORES, "a") for track in tracks)
    return Record(0, 0.0, "x", ("a", "b"), faces, {"capture": 1.0, "detect": 3.0})


def test_of_a_film_each_face_counts_once():
    clock = FakeClock()
    summary = Summary(clock)
    summary.begin()
    for tracks in ((1,), (1, 2), (2,), ()):
        clock.advance(0.05)
        summary.saw(record(*tracks), still=False)
    source = SourceBase()
    source.skipped, source.dropped = 2, 3
    summary.ended(source, ["out/x.mp4", ""])
    assert list(summary.lines("compact")) == [
        "4 frames, 2 faces, 0.2 s, 20 frames a second, 2 skipped, 3 dropped",
        "4.00 ms a frame: capture 1.00, detect 3.00",
        "compact",
        "saved: out/x.mp4",
    ]


def test_of_pictures_every_face_counts():
    clock = FakeClock()
    summary = Summary(clock)
    summary.begin()
    for tracks in ((1,), (1, 2), ()):
        clock.advance(2.0)
        summary.saw(record(*tracks), still=True)
    summary.ended(SourceBase(), [])
    assert next(summary.lines("")) == "3 pictures, 3 faces, 1 without a face, 6.0 s, 0.5 pictures a second"


def test_without_a_frame_there_is_no_time_a_frame():
    summary = Summary(FakeClock())
    summary.begin()
    summary.ended(SourceBase(), [])
    assert list(summary.lines("compact")) == ["0 frames, 0 faces", "compact"]


def test_one_thread_is_one_thread():
    info = BackendInfo("litert", "ai-edge-litert", "2.3.0", 1, "int8", "int8")
    told = "compact, litert-int8: ai-edge-litert 2.3.0, computes int8, 1 thread"
    assert executed_by("compact", "litert-int8", info, "") == told
    assert executed_by("compact", "litert-int8", info, "assumed of x") == f"{told}; assumed of x"
