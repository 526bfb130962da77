"""Check that a bundle computes on this machine what it computed on the workstation."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_fer import trial
from edge_fer.backends import BACKENDS
from edge_fer.classifier import Classifier, GoldenCheck
from edge_fer.errors import BackendError, BadBundle, MissingDependency
from edge_fer.text import printable

if TYPE_CHECKING:
    from edge_fer.bundle import Bundle
    from edge_fer.manifest import Target

PATIENCE_S: Final = 3.0
"""After this time, and a fault, no further target is run: whoever waits knows enough."""


@dataclass(frozen=True)
class Verification:
    """The result for one target."""

    target: str
    runtime: str
    """Package and version that executed it, or the reason why none could."""
    check: GoldenCheck | None
    """None if the target cannot be run here."""
    fault: str | None = None
    """What is wrong with the target, if it could not be loaded or executed."""

    @property
    def ran(self) -> bool:
        """Whether it was executed to its end."""
        return self.check is not None

    @property
    def failed(self) -> bool:
        """Whether it could not be loaded or executed, or its scores differ by more than allowed."""
        return self.fault is not None or (self.check is not None and not self.check.passed)

    @classmethod
    def of_dict(cls, fields: dict[str, Any]) -> Verification:
        """Return the result with the *fields* of `as_dict`."""
        check = fields["check"]
        return cls(fields["target"], fields["runtime"], check and GoldenCheck(**check), fields["fault"])

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of the JSON object that ``edge-fer verify --json`` prints."""
        passed = None if self.check is None and self.fault is None else not self.failed
        return {**asdict(self), "passed": passed}

    def sentence(self) -> str:
        """Return the result as one line for people."""
        if self.fault is not None:
            return printable(f"{self.target}: FAILED: {self.fault}")
        if self.check is None:
            return printable(f"{self.target}: files and checksums match; not run: {self.runtime}")
        verdict = "matches" if self.check.passed else "DOES NOT MATCH"
        return (
            f"{self.target}: {verdict}: {self.check.same_label} of {self.check.inputs} golden inputs get their label, "
            f"scores differ by at most {self.check.worst:.5f} (allowed {self.check.tolerance:.5f}); {self.runtime}"
        )


def verify(bundle: Bundle, threads: int = 1, *, only: str | None = None) -> list[Verification]:
    """Check all files and run every target whose runtime is installed, or the one called *only*.

    The targets of a bundle from outside run in a process of their own each (see `edge_fer.trial`). Raises `BadBundle`
    if a file is damaged, or if there is no such target.
    """
    # All files first: of a damaged bundle, nothing is executed.
    bundle.model_card()
    bundle.read(bundle.manifest.golden)
    for target in bundle.manifest.targets:
        bundle.contents(target)
    results: list[Verification] = []
    began = time.monotonic()
    for target in bundle.manifest.targets if only is None else [bundle.target(only)]:
        # One target that hangs is enough to refuse the bundle, and each takes its whole time.
        if any(result.fault for result in results) and time.monotonic() - began > PATIENCE_S:
            results.append(Verification(target.name, "another target of the bundle failed after a long time", None))
            continue
        results.append(_verify(bundle, target, threads))
    return results


def verify_here(bundle: Bundle, target: Target, threads: int) -> Verification:
    """Return the result of *target*, run in this process. Raises what loading and running it raises."""
    with Classifier(bundle, target.name, threads=threads) as classifier:
        info = classifier.backend.info
        return Verification(target.name, f"{info.runtime} {info.version}", classifier.check_golden())


def _verify(bundle: Bundle, target: Target, threads: int) -> Verification:
    # A bundle of a later version may have targets for other runtimes.
    if target.runtime not in BACKENDS:
        return Verification(target.name, f"this edge-fer has no backend {target.runtime!r}", None)
    try:
        if bundle.trusted:
            return verify_here(bundle, target, threads)
        contents = bundle.contents(target)
        return Verification.of_dict(trial.check_golden(bundle, target, contents, threads=threads))
    except MissingDependency as exc:
        return Verification(target.name, str(exc), None)
    except (BadBundle, BackendError) as exc:
        return Verification(target.name, "", None, fault=str(exc))
