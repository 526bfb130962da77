"""Lines for the journal, and none that fills it."""

from __future__ import annotations

import io
import logging
import os

import pytest

from edge_fer.appliance import log


class Clock:
    def __init__(self):
        self.s = 0.0

    def __call__(self):
        return self.s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def written(clock):
    """A logger of its own, and the text that it has written as for the journal."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.Lines(for_journal=True))
    handler.addFilter(log.Sparing(60.0, clock))
    logger = logging.Logger("tried")  # noqa: LOG001  (none that outlives the test)
    logger.addHandler(handler)
    return logger, stream


def lines(stream):
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("level", "number"), [("critical", 2), ("error", 3), ("warning", 4), ("info", 6), ("debug", 7)]
)
def test_the_journal_gets_the_level_as_a_number(written, level, number):
    logger, stream = written
    getattr(logger, level)("the camera is gone")
    assert lines(stream) == [f"<{number}>the camera is gone"]


def test_one_line_a_minute_of_a_kind_and_the_next_counts_the_others(written, clock):
    logger, stream = written
    for second in range(61):
        clock.s = float(second)
        logger.warning("no frame for %d s", second)
        logger.warning("the broker is silent", extra={"kind": f"broker {second % 2}"})
    assert lines(stream) == [
        "<4>no frame for 0 s",
        "<4>the broker is silent",
        "<4>the broker is silent",
        "<4>no frame for 60 s (and 59 more of these)",
        "<4>the broker is silent (and 29 more of these)",
    ]


def test_kinds_are_forgotten_before_they_fill_the_memory(clock):
    sparing = log.Sparing(60.0, clock)
    for number in range(3 * log.MAX_KINDS):
        assert sparing.filter(logging.makeLogRecord({"msg": f"kind {number}"}))
    assert len(sparing._seen) == log.MAX_KINDS


def test_a_message_stays_one_line_and_tells_no_password(written):
    logger, stream = written
    error = OSError("rtsp://admin:hidden@camera/live\nis gone")
    logger.error("it cannot be opened: \x1b[2J", exc_info=error)
    (line,) = lines(stream)
    assert line.startswith(r"<3>it cannot be opened: \x1b[2J: OSError: rtsp://***@camera/live\nis gone")
    assert "hidden" not in line


def test_only_the_stream_that_systemd_has_named_is_the_journal(tmp_path, monkeypatch):
    with (tmp_path / "stream").open("w") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert log.goes_to_journal(stream)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + 1}")
        assert not log.goes_to_journal(stream)
    assert not log.goes_to_journal(io.StringIO())


def test_elsewhere_a_line_has_the_time_and_the_level(monkeypatch):
    logger = logging.getLogger("edge_fer")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    monkeypatch.setattr(logger, "propagate", True)
    stream = io.StringIO()
    log.start(stream)
    logging.getLogger("edge_fer.appliance.tried").info("settings were read again")
    time, rest = stream.getvalue().split(" ", 1)
    assert len(time) == len("12:00:00")
    assert rest == "info: settings were read again\n"
