"""Does a bundle compute here what it computed on the workstation?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edge_fer.backends import BACKENDS
from edge_fer.classifier import Classifier
from edge_fer.errors import MissingDependency

if TYPE_CHECKING:
    from edge_fer.bundle import Bundle, Target
    from edge_fer.classifier import GoldenCheck


@dataclass(frozen=True)
class Verified:
    """What became of one target."""

    target: str
    runtime: str
    """Package and version that executed it, or why nothing did."""
    check: GoldenCheck | None
    """None when it could not be run here."""

    @property
    def ran(self) -> bool:
        """Whether it was executed."""
        return self.check is not None

    @property
    def failed(self) -> bool:
        """Whether it was executed and answered differently."""
        return self.check is not None and not self.check.passed

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON has it."""
        return {**asdict(self), "passed": self.check.passed if self.check else None}

    def sentence(self) -> str:
        """Return the result as a line for people."""
        if self.check is None:
            return f"{self.target}: files and checksums are right; not run: {self.runtime}"
        verdict = "matches" if self.check.passed else "DOES NOT MATCH"
        return (
            f"{self.target}: {verdict}: {self.check.same_label} of {self.check.inputs} golden inputs get its label, "
            f"scores differ by at most {self.check.worst:.5f} (allowed {self.check.tolerance:.5f}); {self.runtime}"
        )


def verify(bundle: Bundle, threads: int = 1) -> list[Verified]:
    """Check all files and run every target whose runtime is here. Raises `BadBundle` for damaged files."""
    for entry in (bundle.manifest.golden, *(file for target in bundle.manifest.targets for file in target.files)):
        bundle.read(entry)
    return [_verify(bundle, target, threads) for target in bundle.manifest.targets]


def _verify(bundle: Bundle, target: Target, threads: int) -> Verified:
    if target.runtime not in BACKENDS:
        return Verified(target.name, f"this edge-fer has no backend {target.runtime!r}", None)
    try:
        with Classifier(bundle, target.name, threads=threads) as classifier:
            info = classifier.backend.info
            return Verified(target.name, f"{info.runtime} {info.version}", classifier.check_golden())
    except MissingDependency as exc:
        return Verified(target.name, str(exc), None)
