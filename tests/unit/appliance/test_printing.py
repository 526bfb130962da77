"""Records are printed, and nobody who does not read them stops the camera."""

from __future__ import annotations

import json
import os
import signal

import pytest

from edge_fer.appliance.service.printing import MOST, Printer


class Told:
    def __init__(self):
        self.counts = 0
        self.words = []

    def count(self, _):
        self.counts += 1

    def say(self, _, words):
        self.words.append(words)


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def pipe():
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


def test_each_record_is_a_line(told, pipe):
    printer = Printer(told, pipe[1])
    for index in range(3):
        printer.put({"index": index, "source": "ä"})
    printer.close(60)
    lines = os.read(pipe[0], 1000).splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1, 2]
    assert told.words == []


def test_one_who_does_not_read_costs_records_and_no_time(told, pipe):
    printer = Printer(told, pipe[1])
    # The pipe takes less than one of these, and one is in the thread's hands.
    for _ in range(MOST + 5):
        printer.put({"much": "x" * (1 << 20)})
    assert told.counts in {4, 5}
    assert told.words[0] == "records are not printed: nobody reads them"
    printer.close(0.01)
    # Its thread is let go once the reader is gone.
    os.close(pipe[0])
    pipe[0] = os.open(os.devnull, os.O_RDONLY)


def test_one_who_has_gone_is_told_of_and_costs_nothing(told, pipe):
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN
    os.close(pipe[0])
    pipe[0] = os.open(os.devnull, os.O_RDONLY)
    printer = Printer(told, pipe[1])
    printer.put({})
    printer.close(60)
    assert told.words == ["records cannot be printed: [Errno 32] Broken pipe"]


def test_nobody_waits_for_what_was_never_begun(told, pipe):
    Printer(told, pipe[1]).close(60)
