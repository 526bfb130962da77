"""Couriers and the keeper of the store: what fails is tried again, what hangs is abandoned, what is lost is counted."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.service.outward import _close
from edge_fer.appliance.status import Status
from edge_fer.appliance.supervision import couriers
from edge_fer.appliance.supervision.couriers import Courier
from edge_fer.appliance.supervision.keeping import Keeper
from edge_fer.appliance.supervision.reporter import Reporter
from edge_fer.clock import FakeClock, SystemClock
from edge_fer.errors import OutletError, SinkError


def event(number):
    return Event(datetime.now(UTC), Kind.FACE, f"track {number}", None, "happy")


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class FakeOutlet:
    name = "fake"
    deadline_s = 5.0

    def __init__(self):
        self.refused = 0
        self.opened = 0
        self.closed = 0
        self.sent = []
        self.faults = []
        """What the next calls of `send` raise."""
        self.hang = threading.Event()
        self.hang.set()

    def open(self):
        self.opened += 1

    def send(self, one):
        self.hang.wait(30)
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(one.subject)

    def close(self):
        self.closed += 1


class Telling(FakeOutlet):
    def __init__(self):
        super().__init__()
        self.statuses = []

    def publish_status(self, status):
        self.statuses.append(status)


def end(courier):
    courier.end()
    courier.join(10)


class World:
    def __init__(self, outlet=FakeOutlet, most=10):
        self.clock = FakeClock(50.0)
        self.status = Status(20.0, self.clock.now)
        self.events = []
        self.reporter = Reporter(self.status, self.events.append, lambda: datetime.now(UTC))
        self.outlets = []
        self._outlet = outlet
        self.courier = Courier("mqtt", self.make, most, lambda: {"status": "ok"}, self.reporter, self.clock)

    def make(self):
        self.outlets.append(self._outlet())
        return self.outlets[-1]

    def part(self):
        return self.status.as_dict()["parts"].get("mqtt")


@pytest.fixture
def world():
    made = World()
    made.courier.tick()
    until(lambda: made.part() is not None)
    yield made
    for outlet in made.outlets:
        outlet.hang.set()
    end(made.courier)


def test_events_are_sent_in_order(world):
    for number in range(3):
        world.courier.put(event(number))
    until(lambda: world.courier.figures()["sent"] == 3)
    assert world.outlets[0].sent == ["track 0", "track 1", "track 2"]
    assert world.part()["fault"] is None
    assert world.courier.figures() == {"queued": 0, "dropped": 0, "refused": 0, "sent": 3, "hanging": 0}


def test_what_was_not_sent_is_sent_again_after_opening(world):
    world.outlets[0].faults = [OutletError("the broker is gone"), ValueError("odd")]
    world.courier.put(event(0))
    until(lambda: world.courier.figures()["sent"] == 1)
    assert world.outlets[0].sent == ["track 0"]
    assert world.outlets[0].opened == 3
    assert world.outlets[0].closed == 2
    assert world.events[0].detail["fault"] == "the broker is gone"
    until(lambda: world.part()["fault"] is None)


def test_one_that_hangs_is_abandoned_and_another_one_sends(world):
    first = world.outlets[0]
    first.hang.clear()
    world.courier.put(event(0))
    until(lambda: world.courier._round._busy_since_s is not None)
    world.clock.advance(6.9)
    world.courier.tick()
    assert world.part()["fault"] is None
    world.clock.advance(0.2)
    world.courier.tick()
    assert world.part()["fault"] == "it does not answer within 5 s"
    assert world.part()["restarts"] == 1
    world.clock.advance(1)
    world.courier.tick()
    until(lambda: world.courier.figures()["sent"] == 1)
    assert world.outlets[1].sent == ["track 0"]
    assert world.courier.figures()["hanging"] == 1
    first.hang.set()
    until(lambda: first.closed == 1)
    until(lambda: not world.courier._abandoned[0].thread.is_alive())
    world.courier.tick()
    assert world.courier.figures()["hanging"] == 0


def test_no_more_than_some_hang_at_a_time(world):
    class Hanging(FakeOutlet):
        def __init__(self):
            super().__init__()
            self.hang.clear()

    world._outlet = Hanging
    world.outlets[0].hang.clear()
    world.courier.put(event(0))
    for _ in range(20):
        until(lambda: world.courier._round is None or world.courier._round._busy_since_s is not None)
        world.clock.advance(20)
        world.courier.tick()
    assert len(world.outlets) == couriers.MAX_ABANDONED


def test_too_many_events_lose_the_oldest_which_are_counted():
    world = World(most=3)
    for number in range(5):
        world.courier.put(event(number))
    world.courier.tick()
    until(lambda: world.courier.figures()["sent"] == 3)
    assert world.outlets[0].sent == ["track 2", "track 3", "track 4"]
    assert world.courier.figures()["dropped"] == 2
    assert world.status.as_dict()["counts"]["events_dropped"] == 2
    end(world.courier)


def test_an_outlet_that_wants_the_status_gets_it():
    world = World(Telling)
    world.courier.put(event(0))
    world.courier.tick()
    until(lambda: world.outlets and world.outlets[0].statuses == [{"status": "ok"}])
    end(world.courier)


def test_at_the_end_all_are_closed_at_the_same_time(world):
    others = [World() for _ in range(3)]
    for other in others:
        other.courier.tick()
        until(lambda other=other: other.part() is not None)
    world.outlets[0].hang.clear()
    for number in range(5):
        world.courier.put(event(number))
    world.outlets[0].hang.set()
    _close([world.courier, *(other.courier for other in others)], SystemClock())
    assert len(world.outlets[0].sent) == 5
    assert [one.outlets[0].closed for one in (world, *others)] == [1, 1, 1, 1]


def test_one_that_takes_connections_and_no_events_does_not_work():
    class Refusing(FakeOutlet):
        def send(self, one):
            raise OutletError("not allowed")

    world = World(Refusing)
    world.courier.put(event(0))
    world.courier.tick()
    until(lambda: world.outlets and world.outlets[0].opened > 5)
    assert [one.after for one in world.events] == ["failing"]
    end(world.courier)


# the store


class FakeStore:
    def __init__(self):
        self.kept = []
        self.faults = []
        self.pruned = 0
        self.closed = False

    def append_many(self, events):
        if self.faults:
            raise self.faults.pop(0)
        self.kept += [one.subject for one in events]

    def prune(self):
        self.pruned += 1
        return 0

    def close(self):
        self.closed = True


def test_events_wait_while_the_disk_is_full():
    clock = FakeClock()
    status = Status(20.0, clock.now)
    told = []
    store = FakeStore()
    store.faults = [SinkError("no space left"), SinkError("no space left")]
    refusals = [SinkError("cannot be opened")]

    def opened():
        if refusals:
            raise refusals.pop()
        return store

    reporter = Reporter(status, told.append, lambda: datetime.now(UTC))
    keeper = Keeper(opened, 10, reporter, clock)
    for number in range(3):
        keeper.put(event(number))
    keeper.start()
    until(lambda: keeper.figures() == {"queued": 0, "lost": 0, "kept": 3})
    assert store.kept == ["track 0", "track 1", "track 2"]
    assert status.as_dict()["counts"] == {"store_failures": 3, "store_faults": 1}
    assert [one.after for one in told] == ["failing", "working"]
    keeper.close(5)
    assert store.closed
    assert store.pruned == 1


def test_what_the_memory_does_not_hold_is_lost_and_counted():
    clock = FakeClock()
    status = Status(20.0, clock.now)
    store = FakeStore()
    keeper = Keeper(lambda: store, 2, Reporter(status, lambda one: None, lambda: datetime.now(UTC)), clock)
    for number in range(5):
        keeper.put(event(number))
    keeper.start()
    keeper.close(5)
    assert store.kept == ["track 3", "track 4"]
    assert status.as_dict()["counts"] == {"events_lost": 3}


class FullStore(FakeStore):
    def append_many(self, events):
        raise SinkError("full")


def test_what_cannot_be_kept_at_the_end_is_counted():
    clock = FakeClock()
    status = Status(20.0, clock.now)
    keeper = Keeper(FullStore, 10, Reporter(status, lambda one: None, lambda: datetime.now(UTC)), clock)
    keeper.put(event(0))
    keeper.start()
    keeper.close(5)
    assert status.as_dict()["counts"]["events_lost"] == 1


def test_one_that_was_never_started_can_be_closed():
    clock = FakeClock()
    Keeper(FakeStore, 10, Reporter(Status(20.0, clock.now), print, lambda: datetime.now(UTC)), clock).close(1)
