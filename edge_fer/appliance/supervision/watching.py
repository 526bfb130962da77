"""Keeps a watcher running: replaces the one that dies, hangs or sees nothing, and tries another one beside it."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from edge_fer.appliance.supervision.restarts import Restarts
from edge_fer.appliance.watcher.job import Order
from edge_fer.appliance.watcher.messages import Kind
from edge_fer.errors import EdgeFerError, GaveUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.appliance.limits import Supervision
    from edge_fer.appliance.supervision.reporter import Reporter
    from edge_fer.appliance.watcher.handle import Watcher
    from edge_fer.appliance.watcher.job import Job, Pictures
    from edge_fer.appliance.watcher.messages import Message
    from edge_fer.clock import Clock

TERMINATE_S: Final = 1.0
"""How long a watcher may take to end before it is killed."""
KILL_S: Final = 5.0
"""How long the kernel may take to end it. One that takes longer hangs in a driver."""
MAX_LEFT_BEHIND: Final = 2
"""Watchers that hang in the kernel. With so many, no further one is started until one of them ends."""
LATE_S: Final = 3.0
"""After so long without a frame, the status says so."""
RECONNECTS: Final = "camera_reconnects"
"""What the status counts when the camera is opened again."""
NAMES: Final = {
    "search": "the detector",
    "follow": "the detector",
    "classify": "the classifier",
    "observe": "what observes the driver",
}
"""Stages that must end soon, in words. Others wait for a camera, which has deadlines of its own."""


class Spawn(Protocol):
    """Makes a watcher."""

    def __call__(self, job: Job, hear: Callable[[Watcher, Message], None]) -> Watcher:
        """Return a watcher that will do *job* once it is started, and will be heard by *hear*, in a thread."""


class Audience(Protocol):
    """What becomes of what the watcher says. Called from the threads of watchers."""

    def frame(self, message: Message) -> None:
        """Take a frame."""

    def gone(self, reason: str) -> None:
        """Nobody looks any more: tracks are counted from 1 again."""


@dataclass
class _Life:
    """What is known of one watcher."""

    watcher: Watcher
    started_s: float
    heard_s: float
    progress_s: float
    """When a frame came, or the source was tried."""
    ready: dict[str, Any] | None = None
    """What it said when the model was loaded."""
    last_words: str = ""
    source_fault: str = ""
    """Why the source could not be opened or read when it was last tried."""
    exit_code: int | None = None
    """As it told itself, with an error that is not the camera's."""
    ages_s: dict[str, float] | None = None
    active: bool = False
    """Whether it has delivered a frame or tried the source."""


@dataclass
class _Ending:
    """A watcher that was told to end."""

    watcher: Watcher
    since_s: float
    killed: bool = False


@dataclass
class Candidate:
    """A job that is to replace the present one, if it works."""

    job: Job
    accepted: Callable[[], None]
    refused: Callable[[str], None]
    """Called with the reason."""
    life: _Life | None = None
    back_to: Job | None = None
    """What the watcher did before, while the candidate is on trial."""
    until_s: float = 0.0
    fallback: Job | None = None
    """What to go back to, if that is not what the watcher does when the candidate takes over."""


class WatcherKeeper:
    """Runs one watcher. `tick` is to be called a few times a second, always by the same thread."""

    def __init__(
        self, job: Job, spawn: Spawn, audience: Audience, limits: Supervision, reporter: Reporter, clock: Clock
    ) -> None:
        self._job = job
        self._spawn = spawn
        self._audience = audience
        self._limits = limits
        self._reporter = reporter
        self._clock = clock
        self._restarts = Restarts(clock, limits.give_up_restarts, limits.give_up_within_s)
        self._lock = threading.RLock()
        """Held while a watcher is heard, and when another one takes its place: what it says later counts no more."""
        self._life: _Life | None = None
        self._left_behind: list[Watcher] = []
        self._ending: list[_Ending] = []
        self._candidate: Candidate | None = None
        self._pictures: Pictures | None = None
        self._resume_s = clock.now()
        self._progress_s = clock.now()
        self._was_ready = False

    @property
    def job(self) -> Job:
        """What the watcher does, or will do when it is started again."""
        return self._job

    @property
    def ready(self) -> dict[str, Any] | None:
        """Bundle, target and runtime of the watcher; None until it has loaded the model."""
        return None if self._life is None else self._life.ready

    @property
    def pid(self) -> int | None:
        """Number of the watcher's process; None while there is none."""
        return None if self._life is None else self._life.watcher.pid

    @property
    def settled(self) -> bool:
        """Whether a watcher was ready, and has delivered a frame or tried the source, since the start."""
        return self._was_ready

    @property
    def trying(self) -> bool:
        """Whether a candidate is being tried."""
        return self._candidate is not None

    def alive(self) -> bool:
        """Return whether frames come, or the source is tried, or a watcher may still be on its way there."""
        allowed_s = self._limits.stale_after_s + self._limits.start_within_s + TERMINATE_S + KILL_S
        return self._clock.now() - self._progress_s <= allowed_s

    def hangs(self) -> bool:
        """Return whether a watcher was killed and does not end: it hangs in the kernel."""
        now = self._clock.now()
        return any(ending.killed and now - ending.since_s > KILL_S for ending in self._ending)

    def tolerate(self) -> None:
        """Go on without the watchers that do not end, unless there are too many of them already."""
        self._left_behind += [ending.watcher for ending in self._ending]
        self._ending.clear()

    def want(self, pictures: Pictures | None) -> None:
        """Let the watcher send *pictures* from now on, or none. May be called from any thread."""
        self._pictures = pictures
        life = self._life
        if life is not None:
            life.watcher.tell(self._picture_order())

    def tick(self) -> None:
        """Look after the watcher. Raises `GaveUp`, or the error of a first watcher that can never work."""
        self._reap()
        self._look_at_candidate()
        if self._life is None:
            self._start_when_due()
        else:
            self._judge(self._life)
        self._judge_trial()

    def replace(self, candidate: Candidate) -> None:
        """Try *candidate* beside the present watcher, which goes on until the new one is ready."""
        if self._candidate is not None:
            # What has not been proven is nothing to go back to.
            candidate.fallback = self._candidate.back_to
            self._refuse("it was overtaken by another change")
        self._candidate = candidate
        try:
            candidate.life = self._made(candidate.job.model_copy(update={"wait": True}))
            candidate.life.watcher.start()
        except OSError as exc:
            self._refuse(f"no process can be started: {exc.strerror or exc}")

    def stop(self, within_s: float) -> None:
        """End all watchers, within *within_s*."""
        lives = [self._life, None if self._candidate is None else self._candidate.life]
        with self._lock:
            self._life = None
            self._candidate = None
        for life in lives:
            if life is not None:
                self._end(life.watcher)
        end_s = self._clock.now() + within_s
        while self._ending and self._clock.now() < end_s:
            self._reap()
            self._clock.sleep(0.02)

    # what watchers say, in their threads

    def _hear(self, watcher: Watcher, message: Message) -> None:
        with self._lock:
            life = self._life_of(watcher)
            if life is not None:
                self._hear_of(life, message)

    def _hear_of(self, life: _Life, message: Message) -> None:
        now = self._clock.now()
        life.heard_s = now
        if message.kind is Kind.BEAT:
            life.ages_s = message.content["ages"]
        elif message.kind is Kind.READY:
            life.progress_s = now
            life.ready = message.content
        elif message.kind is Kind.FAILED:
            life.last_words = message.content["words"]
            life.exit_code = message.content["exit_code"]
        elif life is self._life:
            self._hear_of_camera(life, message, now)

    def _hear_of_camera(self, life: _Life, message: Message, now: float) -> None:
        if message.kind is Kind.LOG:
            life.last_words = message.content["words"]
            self._reporter.say("camera says", message.content["words"])
            return
        life.progress_s = self._progress_s = now
        if message.kind is Kind.FRAME:
            life.active = True
            life.last_words = life.source_fault = ""
            self._reporter.works("camera")
            self._audience.frame(message)
        elif message.kind is Kind.TRIED:
            life.active = True
            self._reporter.count(RECONNECTS)
            if message.content["fault"] is not None:
                life.source_fault = message.content["fault"]
                self._reporter.fails("camera", life.source_fault)
        elif message.kind is Kind.REOPENED:
            self._reporter.count(RECONNECTS)
        elif message.kind is Kind.OPENED:
            life.source_fault = ""
            self._audience.gone("the source was opened")

    def _life_of(self, watcher: Watcher) -> _Life | None:
        candidate = self._candidate
        for life in (self._life, None if candidate is None else candidate.life):
            if life is not None and life.watcher is watcher:
                return life
        return None

    # the one that runs

    def _made(self, job: Job) -> _Life:
        now = self._clock.now()
        return _Life(self._spawn(job, self._hear), now, now, now)

    def _start_when_due(self) -> None:
        # The camera may be open in one that has not ended yet.
        if self._ending or self._clock.now() < self._resume_s:
            return
        self._left_behind = [watcher for watcher in self._left_behind if watcher.ended() is None]
        if len(self._left_behind) >= MAX_LEFT_BEHIND:
            return
        self._life = self._made(self._job)
        try:
            self._life.watcher.start()
        except OSError as exc:
            self._life = None
            self._failed(f"no process can be started: {exc.strerror or exc}")
            return
        self._life.watcher.tell(self._picture_order())

    def _judge(self, life: _Life) -> None:
        """Replace the watcher if it does not work."""
        reason = self._fault_of(life)
        if reason is not None:
            self._refuse_unusable(life)
            self._drop(life, reason)
            self._failed(reason)
            return
        if life.active:
            self._reporter.works("watcher")
            self._was_ready = True
        if life.ready is not None and self._clock.now() - life.progress_s > LATE_S:
            more = f": {life.last_words}" if life.last_words else ""
            self._reporter.fails("camera", life.source_fault or f"no frame for {LATE_S:g} s or longer{more}")

    def _fault_of(self, life: _Life) -> str | None:
        """Return what is wrong with a watcher; None if nothing is."""
        now = self._clock.now()
        code = life.watcher.ended()
        if code is not None:
            return life.last_words if life.exit_code is not None else _how_it_ended(code)
        if now - life.heard_s > self._limits.stuck_after_s and life.ready is not None:
            return f"its process says nothing for {self._limits.stuck_after_s:g} s"
        for stage, age_s in (life.ages_s or {}).items():
            if stage in NAMES and age_s > self._limits.stuck_after_s:
                return f"{NAMES[stage]} does not answer for {self._limits.stuck_after_s:g} s"
        if life.ready is None and now - life.started_s > self._limits.start_within_s:
            return f"it is not ready within {self._limits.start_within_s:g} s"
        if life.ready is not None and now - life.progress_s > self._limits.stale_after_s:
            return f"no frame for {self._limits.stale_after_s:g} s"
        return None

    def _failed(self, reason: str) -> None:
        """Note that the watcher does not work, and start it again later. Raises `GaveUp`."""
        self._reporter.fails("watcher", reason)
        pause_s = self._restarts.failed()
        self._resume_s = self._clock.now() + pause_s
        if self._candidate is not None and self._candidate.back_to is not None:
            self._roll_back(reason)
            return
        if self._restarts.too_many:
            most, within_s = self._limits.give_up_restarts, self._limits.give_up_within_s
            raise GaveUp(f"the watcher failed {most} times within {within_s:g} s, at last: {reason}; look at the log")
        self._reporter.restarted("watcher", reason)

    def _refuse_unusable(self, life: _Life) -> None:
        """Raise the error of a watcher that ended by itself, if none has ever worked: another would not either."""
        if life.exit_code is None or self._was_ready:
            return
        if self._candidate is None:
            error = EdgeFerError(life.last_words)
            error.exit_code = life.exit_code
            raise error

    # the one that is to replace it

    def _look_at_candidate(self) -> None:
        candidate = self._candidate
        if candidate is None or candidate.life is None or candidate.back_to is not None:
            return
        life = candidate.life
        fault = self._fault_of(life) if life.ready is None else None
        if fault is not None:
            self._end(life.watcher)
            self._refuse(fault)
        elif life.ready is not None:
            self._hand_over(candidate, life)

    def _hand_over(self, candidate: Candidate, life: _Life) -> None:
        """End the present watcher, and once it has ended let the candidate have the camera."""
        if self._life is not None:
            self._drop(self._life, "the watcher is replaced")
        if self._ending:
            return
        now = self._clock.now()
        candidate.back_to = candidate.fallback or self._job
        candidate.until_s = now + self._limits.bundle_trial_s
        self._job = candidate.job.model_copy(update={"verify": False})
        life.progress_s = life.heard_s = now
        self._life = life
        life.watcher.tell(Order(go=True))
        life.watcher.tell(self._picture_order())

    def _judge_trial(self) -> None:
        candidate = self._candidate
        if candidate is None or candidate.back_to is None or self._life is None:
            return
        if self._clock.now() >= candidate.until_s:
            self._candidate = None
            candidate.accepted()

    def _roll_back(self, reason: str) -> None:
        candidate = self._candidate
        if candidate is not None and candidate.back_to is not None:
            self._job = candidate.back_to
            self._resume_s = self._clock.now()
        self._refuse(reason)

    def _refuse(self, reason: str) -> None:
        candidate = self._candidate
        self._candidate = None
        if candidate is None:
            return
        if candidate.life is not None and candidate.life is not self._life:
            self._end(candidate.life.watcher)
        candidate.refused(reason)

    # those that are to end

    def _drop(self, life: _Life, reason: str) -> None:
        """End the present watcher, which sees nobody any more for *reason*."""
        with self._lock:
            self._life = None
            self._audience.gone(reason)
        self._end(life.watcher)

    def _end(self, watcher: Watcher) -> None:
        if any(ending.watcher is watcher for ending in self._ending) or watcher.ended() is not None:
            return
        watcher.terminate()
        self._ending.append(_Ending(watcher, self._clock.now()))

    def _reap(self) -> None:
        """Forget watchers that have ended, and kill those that do not."""
        now = self._clock.now()
        left = []
        for ending in self._ending:
            if ending.watcher.ended() is not None:
                continue
            left.append(ending)
            if not ending.killed and now - ending.since_s > TERMINATE_S:
                ending.watcher.kill()
                ending.killed = True
                ending.since_s = now
        self._ending = left

    def _picture_order(self) -> Order:
        return Order(no_pictures=True) if self._pictures is None else Order(pictures=self._pictures)


def _how_it_ended(code: int) -> str:
    """Return in words how a process ended, whose exit code or negative signal is *code*."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"its process was ended by {name}"
