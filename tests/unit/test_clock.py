from __future__ import annotations

import threading

import pytest

from edge_fer import clock
from edge_fer.clock import FakeClock


def test_waiting_moves_a_clock_that_is_not_held():
    fake = FakeClock(10.0)
    assert not fake.wait(threading.Event(), 2.5)
    assert fake.now() == 12.5


def test_a_held_clock_lets_go_when_it_is_moved():
    fake = FakeClock(held=True)
    sleeper = threading.Thread(target=fake.sleep, args=(5.0,))
    sleeper.start()
    assert fake.waiting.wait(5)
    fake.advance(5.0)
    sleeper.join(5)
    assert not sleeper.is_alive()


def test_a_held_clock_that_nobody_moves_is_an_error(monkeypatch):
    monkeypatch.setattr(clock, "MAX_HELD_S", 0.01)
    fake = FakeClock(held=True)
    with pytest.raises(TimeoutError, match=r"stands at 0\.0 s for 0\.01 s; move it to 5\.0 s"):
        fake.sleep(5.0)
    assert not fake.waiting.is_set()
