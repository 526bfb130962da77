"""Decides which bundle the watcher uses, and tries another one when the settings or the files change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer import profile
from edge_fer.appliance.supervision.bundles import Accepted, Bundles, is_shipped, mark_of
from edge_fer.appliance.supervision.watching import Candidate
from edge_fer.appliance.watcher.job import Job, differs
from edge_fer.errors import EdgeFerError
from edge_fer.options import DEFAULT_MODEL

if TYPE_CHECKING:
    from edge_fer.appliance.config import Config
    from edge_fer.appliance.supervision.reporter import Reporter
    from edge_fer.appliance.supervision.watching import WatcherKeeper
    from edge_fer.clock import Clock

LOOK_S: Final = 1.0
"""How often it is looked whether the bundle's files have changed. A change is taken once two looks agree."""
PART: Final = "bundle"


@dataclass(frozen=True)
class _Tried:
    """A bundle from outside that is being tried."""

    source: Path
    mark: str
    copy: Path

    def accepted(self) -> Accepted:
        return Accepted(str(self.source), self.mark, self.copy)


class Models:
    """Knows the bundle that is configured, the copy that works, and what was tried already."""

    def __init__(self, config: Config, bundles: Bundles, reporter: Reporter, clock: Clock) -> None:
        self._config = config
        self._bundles = bundles
        self._reporter = reporter
        self._clock = clock
        self._handled: str | None = None
        """Mark of the files that are used, or were refused."""
        self._seen: str | None = None
        self._first: _Tried | None = None
        self._look_s = clock.now()

    def first_job(self) -> Job:
        """Return what the first watcher is to do. Raises `BadInput` for a profile that cannot be used."""
        job = self._job(self._config)
        if is_shipped(job.model):
            return job.model_copy(update={"verify": True})
        source = Path(job.model)
        known = self._bundles.accepted(source)
        if known is not None:
            # If the files have changed meanwhile, the next look sees it.
            self._handled = known.mark
            return job.model_copy(update={"model": str(known.copy)})
        self._first = self._copied(source)
        model = source if self._first is None else self._first.copy
        return job.model_copy(update={"model": str(model), "verify": True})

    def check(self, config: Config) -> None:
        """Raise `BadInput` if `reload` would."""
        self._job(config)

    def reload(self, config: Config, keeper: WatcherKeeper) -> None:
        """Let *keeper* work as *config* says, if that is another way. Raises `BadInput` as `first_job` does."""
        before = self._config
        job = self._job(config)
        was = self._job(before)
        self._config = config
        changed = differs(was, job)
        if not changed:
            return
        if "model" in changed or "public_key" in changed:
            self._handled = self._seen = None
            self._try(job, keeper)
            return
        job = job.model_copy(update={"model": keeper.job.model})
        keeper.replace(Candidate(job, lambda: None, self._settings_refused))

    def tick(self, keeper: WatcherKeeper) -> None:
        """Look whether the bundle's files have changed, and try them if so."""
        if self._first is not None and keeper.settled:
            self._accept(self._first)
            self._first = None
        if self._clock.now() < self._look_s:
            return
        self._look_s = self._clock.now() + LOOK_S
        try:
            job = self._job(self._config)
        except EdgeFerError as exc:  # a profile that was damaged meanwhile
            self._reporter.fails(PART, str(exc))
            return
        mark = None if is_shipped(job.model) else mark_of(Path(job.model))
        # A copy that is still under way, or a folder that was emptied, is no bundle yet.
        stable = mark is not None and mark == self._seen
        self._seen = mark
        if stable and mark != self._handled and not keeper.trying and keeper.settled:
            self._try(job, keeper)

    def _try(self, job: Job, keeper: WatcherKeeper) -> None:
        """Let *keeper* try the bundle of *job*, from outside or shipped."""
        if is_shipped(job.model):
            candidate = Candidate(job.model_copy(update={"verify": True}), self._shipped_accepted, self._refused)
        else:
            tried = self._copied(Path(job.model))
            if tried is None:
                return
            if str(tried.copy) == keeper.job.model:
                # What was damaged is as it was.
                self._accept(tried)
                return
            job = job.model_copy(update={"model": str(tried.copy), "verify": True})
            candidate = Candidate(job, lambda: self._accept(tried), self._refused)
        self._reporter.notice(PART, None, Path(job.model).name, "another bundle is tried")
        keeper.replace(candidate)

    def _copied(self, source: Path) -> _Tried | None:
        mark = mark_of(source)
        self._handled = mark
        if mark is None:
            return None
        try:
            return _Tried(source, mark, self._bundles.copied(source))
        except OSError as exc:
            self._reporter.fails(PART, f"{source} cannot be copied: {exc.strerror or exc}")
            return None

    def _accept(self, tried: _Tried) -> None:
        try:
            self._bundles.accept(tried.accepted())
        except OSError as exc:
            self._reporter.fails(PART, f"it works, but cannot be remembered: {exc.strerror or exc}")
            return
        self._reporter.works(PART)
        self._reporter.notice(PART, None, tried.copy.name, "it works and is kept")

    def _shipped_accepted(self) -> None:
        self._reporter.works(PART)

    def _refused(self, reason: str) -> None:
        self._reporter.fails(PART, f"the new one is not used: {reason}")
        self._reporter.notice(PART, "tried", "refused", f"the one before stays: {reason}")

    def _settings_refused(self, reason: str) -> None:
        self._reporter.fails("settings", f"they are not used for the camera: {reason}")
        self._reporter.notice("settings", "tried", "refused", f"those before stay for the camera: {reason}")

    def _job(self, config: Config) -> Job:
        chosen = profile.choose(config.model, config.target, config.threads, DEFAULT_MODEL, config.detector)
        return Job.of(config, chosen, chosen.model)
