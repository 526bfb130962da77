from __future__ import annotations

import logging
import threading

import pytest

from edge_fer.clock import FakeClock
from edge_fer.sources.live import BACKOFF_S, LATER_BACKOFF_S, REPORT_S, Backoff, FaultLog, within


def test_pauses_stay_short_for_a_minute_then_grow():
    clock = FakeClock()
    backoff = Backoff(clock)
    pauses = []
    while clock.time < 200:
        pauses.append(backoff.next_s())
        clock.advance(pauses[-1])
    soon = [pause for pause in pauses if pause <= 5]
    assert soon[: len(BACKOFF_S)] == list(BACKOFF_S)
    assert sum(soon) == pytest.approx(60, abs=5)
    assert pauses[len(soon) : len(soon) + 4] == [*LATER_BACKOFF_S, LATER_BACKOFF_S[-1]]
    backoff.reset()
    assert backoff.next_s() == BACKOFF_S[0]


@pytest.fixture
def faults(caplog):
    clock = FakeClock()
    caplog.set_level(logging.WARNING)
    return FaultLog("camera 7", clock), clock, caplog


def test_the_first_fault_and_its_end_are_told_at_once(faults):
    log, _, caplog = faults
    log.stopped("no frame for 10 s", 0.5)
    log.failed("refused", 1, 1.0)
    log.failed("refused", 2, 2.0)
    log.back()
    assert caplog.messages == [
        "camera 7 stopped delivering: no frame for 10 s; reopening it in 0.5 s",
        "camera 7 is still away (try 1): refused; next try in 1 s",
        "camera 7 is back",
    ]


def test_a_fault_after_the_wait_at_the_start_is_told_at_once(faults):
    log, clock, caplog = faults
    log.waiting("refused")
    log.failed("refused", 2, 1.0)
    clock.advance(1.0)
    log.back()
    log.stopped("no frame for 10 s", 0.5)
    assert caplog.messages[-2:] == [
        "camera 7 is back",
        "camera 7 stopped delivering: no frame for 10 s; reopening it in 0.5 s",
    ]


def test_a_camera_that_fails_again_and_again_is_told_once_a_minute_with_a_count(faults):
    log, clock, caplog = faults
    for _ in range(3 * 60):
        log.stopped("gone", 0.5)
        log.back()
        clock.advance(1.0)
    told = [message for message in caplog.messages if "times" in message]
    assert len(told) == 2
    assert "stopped delivering 60 times, at last: gone" in told[0]
    assert len(caplog.messages) == 4


def test_faults_that_were_not_told_are_told_when_it_is_time(faults):
    log, clock, caplog = faults
    for _ in range(5):
        log.stopped("gone", 0.5)
        log.back()
    log.remind()
    assert len(caplog.messages) == 2
    clock.advance(REPORT_S)
    log.remind()
    log.remind()
    assert caplog.messages[2:] == ["camera 7 stopped delivering 4 times and is back each time"]


def test_a_camera_that_stays_away_is_told_once_a_minute(faults):
    log, clock, caplog = faults
    log.stopped("gone", 0.5)
    for tries in range(1, 40):
        clock.advance(5.0)
        log.failed("gone", tries, 5.0)
    assert 4 <= len(caplog.messages) <= 6


def test_within_returns_and_raises_what_the_function_does():
    assert within(5, lambda: 3, late=lambda _: None, name="x") == 3
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0, late=lambda _: None, name="x")


def test_what_comes_too_late_is_handed_over():
    go, handed = threading.Event(), threading.Event()
    with pytest.raises(TimeoutError):
        within(0.01, lambda: go.wait(5), late=lambda _: handed.set(), name="x")
    assert not handed.is_set()
    go.set()
    assert handed.wait(5)
