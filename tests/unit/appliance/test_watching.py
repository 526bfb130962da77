"""The keeper of the watcher: fake watchers, a fake clock, and what becomes of those that die, hang or see nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge_fer.appliance.event import Kind as EventKind
from edge_fer.appliance.limits import Supervision
from edge_fer.appliance.status import Status
from edge_fer.appliance.supervision.reporter import Reporter
from edge_fer.appliance.supervision.watching import Candidate, WatcherKeeper
from edge_fer.appliance.watcher.job import Job, Order, Pictures
from edge_fer.appliance.watcher.messages import Kind, Message
from edge_fer.clock import FakeClock
from edge_fer.errors import EdgeFerError, GaveUp

JOB = Job(source="0", model="compact")
OTHER = Job(source="0", model="other")
READY = {"bundle": "compact", "target": "litert-int8", "runtime": "fake 1"}


class FakeWatcher:
    """Does nothing but what the test says."""

    def __init__(self, job, hear):
        self.job = job
        self.pid = id(self)
        self._hear = hear
        self.orders = []
        self.code = None
        self.obeys = True
        self.killable = True
        self.signals = []
        self.started = False
        self.refuses_to_start = False

    def start(self):
        if self.refuses_to_start:
            raise OSError(11, "Resource temporarily unavailable")
        self.started = True

    def tell(self, order):
        self.orders.append(order)

    def ended(self):
        return self.code

    def terminate(self):
        self.signals.append("TERM")
        if self.obeys:
            self.code = -15

    def kill(self):
        self.signals.append("KILL")
        if self.killable:
            self.code = -9

    def say(self, kind, **content):
        self._hear(self, Message(kind, content))

    def works(self):
        self.say(Kind.READY, **READY)
        self.say(Kind.OPENED)
        self.say(Kind.FRAME, record={}, size=[1, 1])


class World:
    """A keeper and what it made and told."""

    def __init__(self, **limits):
        self.clock = FakeClock(100.0)
        self.status = Status(20.0, self.clock.now)
        self.events = []
        self.watchers = []
        self.frames = 0
        self.ends = []
        reporter = Reporter(self.status, self.events.append, lambda: datetime.now(UTC))
        self.keeper = WatcherKeeper(JOB, self.spawn, self, Supervision(**limits), reporter, self.clock)
        self.keeper.tick()

    def spawn(self, job, hear):
        watcher = FakeWatcher(job, hear)
        self.watchers.append(watcher)
        return watcher

    def frame(self, message):
        self.frames += 1

    def gone(self, reason):
        self.ends.append(reason)

    @property
    def newest(self):
        return self.watchers[-1]

    def pass_s(self, seconds, *, beats=True, frames=False):
        """Let time pass, in which the newest watcher beats and sees."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.clock.advance(0.5)
            for watcher in self.watchers:
                if beats and watcher.code is None:
                    watcher.say(Kind.BEAT, ages={})
            if frames and self.newest.code is None:
                self.newest.say(Kind.FRAME, record={}, size=[1, 1])
            self.keeper.tick()

    def part(self, name):
        return self.status.as_dict()["parts"][name]


@pytest.fixture
def world():
    made = World()
    made.newest.works()
    made.keeper.tick()
    return made


def test_a_watcher_that_works_is_left_alone(world):
    world.pass_s(300, frames=True)
    assert len(world.watchers) == 1
    assert world.frames > 100
    assert world.part("watcher")["fault"] is None
    assert world.keeper.settled
    assert world.keeper.alive()
    assert world.events == []


def test_one_that_dies_is_started_again_and_everybody_is_told(world):
    world.newest.code = -11
    world.keeper.tick()
    assert world.part("watcher")["fault"] == "its process was ended by SIGSEGV"
    assert len(world.watchers) == 1  # not before the pause
    world.pass_s(1)
    assert len(world.watchers) == 2
    world.newest.works()
    world.keeper.tick()
    assert world.part("watcher") == {"fault": None, "since_s": 0.0, "restarts": 1}
    assert [(event.kind, event.before, event.after) for event in world.events] == [
        (EventKind.HEALTH, "working", "failing"),
        (EventKind.HEALTH, "working", "restarting"),
        (EventKind.HEALTH, "failing", "working"),
    ]
    assert "its process was ended by SIGSEGV" in world.ends


def test_one_that_says_nothing_is_killed(world):
    world.newest.obeys = False
    world.pass_s(11, beats=False)
    assert world.newest.signals == ["TERM"]
    assert "says nothing for 10 s" in world.part("watcher")["fault"]
    world.pass_s(2, beats=False)
    assert world.watchers[0].signals == ["TERM", "KILL"]
    world.pass_s(1, beats=False)
    assert len(world.watchers) == 2


@pytest.mark.parametrize(("stage", "words"), [("search", "the detector"), ("classify", "the classifier")])
def test_one_whose_stage_hangs_is_replaced(world, stage, words):
    world.newest.say(Kind.BEAT, ages={stage: 9.0})
    world.keeper.tick()
    assert world.newest.signals == []
    world.newest.say(Kind.BEAT, ages={stage: 10.5})
    world.keeper.tick()
    assert world.newest.signals == ["TERM"]
    assert world.part("watcher")["fault"].startswith(words)


def test_one_without_frames_is_replaced_but_not_while_it_tries_the_source(world):
    world.pass_s(5)
    assert world.part("camera")["fault"] == "no frame for 3 s or longer"
    world.newest.say(Kind.LOG, words="camera 0 stopped delivering")
    world.keeper.tick()
    assert "stopped delivering" in world.part("camera")["fault"]
    world.newest.say(Kind.TRIED, fault="no camera 0")
    assert world.part("camera")["fault"] == "no camera 0"
    world.pass_s(10)  # the pauses between tries grow
    assert world.part("camera")["fault"] == "no camera 0"
    world.newest.say(Kind.OPENED)
    world.pass_s(5)
    assert "no frame for 3 s or longer" in world.part("camera")["fault"]
    world.pass_s(14)
    assert len(world.watchers) == 1
    world.pass_s(3)
    assert len(world.watchers) == 2
    assert world.watchers[0].signals == ["TERM"]


def test_the_watchdog_is_not_fed_where_nothing_comes_of_restarts(world):
    assert world.keeper.alive()
    for _ in range(4):
        world.pass_s(25)
    assert len(world.watchers) > 2
    assert not world.keeper.alive()


def test_five_failures_in_a_minute_are_enough(world):
    def fail_for_ever():
        while True:
            world.newest.code = -11
            world.pass_s(0.5)

    with pytest.raises(GaveUp, match="failed 5 times within 60 s, at last: its process was ended by SIGSEGV"):
        fail_for_ever()
    assert len(world.watchers) == 5
    assert GaveUp.exit_code == 70


def test_five_failures_in_an_hour_are_not(world):
    for _ in range(5):
        world.newest.code = -11
        world.pass_s(1)
        world.newest.works()
        world.pass_s(100, frames=True)
    assert len(world.watchers) == 6


def test_the_error_of_the_first_one_is_the_services(world):
    world = World()
    world.newest.say(Kind.FAILED, words="the bundle is damaged", exit_code=4)
    world.newest.code = 4
    with pytest.raises(EdgeFerError, match="the bundle is damaged") as caught:
        world.keeper.tick()
    assert caught.value.exit_code == 4


def test_a_later_error_is_tried_again(world):
    world.newest.say(Kind.FAILED, words="too little memory", exit_code=1)
    world.newest.code = 1
    world.pass_s(1)
    assert len(world.watchers) == 2


def test_one_that_is_never_ready_is_replaced():
    world = World(start_within_s=30)
    world.pass_s(29)
    assert len(world.watchers) == 1
    world.pass_s(3)
    assert len(world.watchers) == 2


def test_one_that_cannot_be_killed_hangs_in_the_kernel_and_no_other_gets_the_camera(world):
    world.newest.obeys = world.newest.killable = False
    world.newest.say(Kind.BEAT, ages={"search": 11.0})
    world.keeper.tick()
    world.pass_s(5, beats=False)
    assert not world.keeper.hangs()
    world.pass_s(4, beats=False)
    assert world.keeper.hangs()
    assert len(world.watchers) == 1
    world.keeper.tolerate()
    world.pass_s(1)
    assert len(world.watchers) == 2
    assert not world.keeper.hangs()


def test_no_more_than_some_are_left_behind(world):
    for _ in range(5):
        world.newest.killable = world.newest.obeys = False
        world.newest.say(Kind.READY, **READY)
        world.newest.say(Kind.BEAT, ages={"search": 11.0})
        world.pass_s(10, beats=False)
        world.keeper.tolerate()
        world.pass_s(10, beats=False)
    assert len(world.watchers) == 2
    world.watchers[0].code = -9
    world.pass_s(1, beats=False)
    assert len(world.watchers) == 3


def test_where_no_process_can_be_started_it_is_tried_again(world):
    world.newest.code = -9
    spawn = world.keeper._spawn

    def refusing(job, hear):
        watcher = spawn(job, hear)
        watcher.refuses_to_start = len(world.watchers) == 2
        return watcher

    world.keeper._spawn = refusing
    world.pass_s(1)
    assert "no process can be started" in world.part("watcher")["fault"]
    world.pass_s(2)
    assert world.newest.started


def test_what_one_says_that_was_replaced_counts_no_more(world):
    old = world.newest
    old.obeys = False
    old.say(Kind.BEAT, ages={"search": 11.0})
    world.keeper.tick()
    frames = world.frames
    old.say(Kind.FRAME, record={}, size=[1, 1])
    assert world.frames == frames


def test_each_new_one_learns_which_pictures_are_wanted(world):
    wanted = Pictures(fps=10, width_px=640, quality=75)
    world.keeper.want(wanted)
    assert world.newest.orders[-1] == Order(pictures=wanted)
    world.newest.code = -11
    world.pass_s(1)
    assert world.newest.orders == [Order(pictures=wanted)]
    world.keeper.want(None)
    assert world.newest.orders[-1] == Order(no_pictures=True)


# another job


class Outcome:
    def __init__(self):
        self.accepted = False
        self.reason = None

    def candidate(self, job=OTHER):
        return Candidate(job, self.accept, self.refuse)

    def accept(self):
        self.accepted = True

    def refuse(self, reason):
        self.reason = reason


def test_a_candidate_takes_over_once_it_is_ready_and_is_kept_after_its_trial(world):
    outcome = Outcome()
    old = world.newest
    world.keeper.replace(outcome.candidate())
    new = world.newest
    assert new.job.wait
    world.clock.advance(0.5)
    old.say(Kind.FRAME, record={}, size=[1, 1])
    world.keeper.tick()
    assert old.code is None
    assert world.frames == 2
    new.say(Kind.READY, **READY)
    world.keeper.tick()  # ends the old one
    world.keeper.tick()
    assert old.code == -15
    assert Order(go=True) in new.orders
    new.say(Kind.FRAME, record={}, size=[1, 1])
    world.pass_s(59, frames=True)
    assert not outcome.accepted
    world.pass_s(2, frames=True)
    assert outcome.accepted
    assert world.keeper.job == OTHER
    assert not world.keeper.trying


def test_a_candidate_that_is_refused_leaves_the_present_one_alone(world):
    outcome = Outcome()
    old = world.newest
    world.keeper.replace(outcome.candidate())
    world.newest.say(Kind.FAILED, words="its checksum is wrong", exit_code=4)
    world.newest.code = 4
    world.keeper.tick()
    assert outcome.reason == "its checksum is wrong"
    old.say(Kind.FRAME, record={}, size=[1, 1])
    world.pass_s(5, frames=False)
    assert old.code is None
    assert world.keeper.job == JOB


def test_one_that_fails_in_its_trial_is_rolled_back(world):
    outcome = Outcome()
    world.keeper.replace(outcome.candidate())
    world.newest.say(Kind.READY, **READY)
    world.pass_s(1)
    world.newest.works()
    world.pass_s(10, frames=True)
    world.newest.code = -6
    world.pass_s(1)
    assert outcome.reason == "its process was ended by SIGABRT"
    assert world.newest.job == JOB
    assert not world.newest.job.wait
    world.newest.works()
    world.pass_s(100, frames=True)
    assert not outcome.accepted
    assert len(world.watchers) == 3


def test_a_candidate_that_is_overtaken_is_ended_and_what_was_proven_is_gone_back_to(world):
    first = Outcome()
    world.keeper.replace(first.candidate())
    world.newest.say(Kind.READY, **READY)
    world.pass_s(1)
    world.newest.works()
    second = Outcome()
    third_job = Job(source="0", model="third")
    world.keeper.replace(second.candidate(third_job))
    assert "overtaken" in first.reason
    world.newest.say(Kind.READY, **READY)
    world.pass_s(1)
    world.newest.code = -11
    world.pass_s(1)
    assert second.reason is not None
    assert world.newest.job == JOB


def test_a_candidate_that_never_gets_ready_is_refused(world):
    outcome = Outcome()
    world.keeper.replace(outcome.candidate())
    for _ in range(61):
        world.clock.advance(1)
        world.watchers[0].say(Kind.FRAME, record={}, size=[1, 1])
        world.keeper.tick()
    assert "not ready within 60 s" in outcome.reason
    assert world.watchers[0].code is None
    assert world.newest.code == -15


def test_the_end_ends_all(world):
    world.keeper.replace(Outcome().candidate())
    world.watchers[0].obeys = False
    world.keeper.stop(5.0)
    assert world.watchers[0].code == -9
    assert world.watchers[1].code == -15
    assert world.keeper.pid is None
