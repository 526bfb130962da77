"""The speed in a file, and what a message tells. The broker is in the contract tests of the outlets."""

from __future__ import annotations

import os

import pytest

from edge_fer.appliance.driver.speed import FileSpeed, _value, number
from edge_fer.clock import FakeClock


class Book:
    """Notes what it is told."""

    def __init__(self):
        self.faults = []

    def works(self, part):
        self.faults.append(None)

    def fails(self, part, fault):
        assert part == "speed"
        self.faults.append(fault)


def test_a_file_tells_the_speed_for_as_long_as_it_is_written(tmp_path):
    path = tmp_path / "speed"
    clock = FakeClock(100.0)
    book = Book()
    speed = FileSpeed(path, book, clock)
    speed.tick()
    assert speed.kmh() is None
    assert f"{path} has told no speed for 5 s" in book.faults[-1]
    for second in range(8):
        path.write_text("72.5\n")
        os.utime(path, (second, second))
        clock.advance(1)
        speed.tick()
        assert speed.kmh() == 72.5
    assert book.faults[-1] is None
    clock.advance(5.5)
    speed.tick()
    assert speed.kmh() is None
    assert book.faults[-1] is not None
    speed.close()


@pytest.mark.parametrize("text", [b"", b"fast", b"-1", b"nan", b"inf", b"1e9", b"7" * 100, b"\xff"])
def test_what_is_no_speed(text):
    with pytest.raises(ValueError, match="is no number"):
        number(text)


def test_a_message_is_a_number_or_json():
    assert number(_value(b"50", None)) == 50.0
    assert number(_value(b'{"kmh": 50.5, "x": 1}', "kmh")) == 50.5
    assert number(_value(b'{"kmh": "50"}', "kmh")) == 50.0
    for payload in (b"50", b"{}", b'{"kmh": true}', b'{"kmh": null}', b"[1]", b"{" * 5000, b'{"kmh": []}'):
        with pytest.raises(ValueError, match=r"kmh|no number"):
            number(_value(payload, "kmh"))
