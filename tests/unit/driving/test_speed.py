"""The speed that somebody writes into a file."""

import os
from pathlib import Path

import pytest

from edge_fer.clock import FakeClock
from edge_fer.driving import speed
from edge_fer.driving.speed import SpeedFile


def test_the_speed_is_that_of_the_file(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "speed"
    told = SpeedFile(path, clock)
    assert told.read() is None
    for text, expected in (("50", 50.0), ("0.5\n", 0.5), ("130.25", 130.25)):
        path.write_text(text)
        clock.advance(speed.READ_EVERY_S)
        assert told.read() == expected


def test_a_file_that_nobody_writes_any_more_tells_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "speed"
    path.write_text("80")
    told = SpeedFile(path, clock)
    assert told.read() == 80
    clock.advance(speed.OLD_AFTER_S)
    assert told.read() == 80
    clock.advance(0.1)
    assert told.read() is None
    os.utime(path, ns=(1, 1))  # written again, with the same number
    clock.advance(speed.READ_EVERY_S)
    assert told.read() == 80


def test_the_file_is_not_read_with_every_frame(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "speed"
    path.write_text("80")
    told = SpeedFile(path, clock)
    assert told.read() == 80
    path.write_text("90")
    clock.advance(speed.READ_EVERY_S / 2)
    assert told.read() == 80


@pytest.mark.parametrize("text", [b"", b"fast", b"-1", b"nan", b"inf", b"1e9", b"50 km/h", b"\xff\x00"])
def test_what_is_no_speed_is_unknown(text: bytes) -> None:
    assert speed.parsed(text) is None


def test_what_is_no_file_is_unknown(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ""):
        assert SpeedFile(tmp_path / name, FakeClock()).read() is None
