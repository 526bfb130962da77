"""Check that a bundle computes on this machine what it computed on the workstation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edge_fer.backends import BACKENDS
from edge_fer.classifier import Classifier
from edge_fer.errors import MissingDependency
from edge_fer.text import printable

if TYPE_CHECKING:
    from edge_fer.bundle import Bundle, Target
    from edge_fer.classifier import GoldenCheck


@dataclass(frozen=True)
class Verification:
    """The result for one target."""

    target: str
    runtime: str
    """Package and version that executed it, or the reason why none could."""
    check: GoldenCheck | None
    """None if the target cannot be run here."""

    @property
    def ran(self) -> bool:
        """Whether it was executed."""
        return self.check is not None

    @property
    def failed(self) -> bool:
        """Whether it was executed and its scores differ by more than allowed."""
        return self.check is not None and not self.check.passed

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of the JSON object that ``edge-fer verify --json`` prints."""
        return {**asdict(self), "passed": None if self.check is None else self.check.passed}

    def sentence(self) -> str:
        """Return the result as one line for people."""
        if self.check is None:
            return printable(f"{self.target}: files and checksums match; not run: {self.runtime}")
        verdict = "matches" if self.check.passed else "DOES NOT MATCH"
        return (
            f"{self.target}: {verdict}: {self.check.same_label} of {self.check.inputs} golden inputs get their label, "
            f"scores differ by at most {self.check.worst:.5f} (allowed {self.check.tolerance:.5f}); {self.runtime}"
        )


def verify(bundle: Bundle, threads: int = 1) -> list[Verification]:
    """Check all files and run every target whose runtime is installed. Raises `BadBundle` if a file is damaged."""
    # All files first: of a damaged bundle, nothing is executed.
    bundle.read(bundle.manifest.golden)
    for target in bundle.manifest.targets:
        for entry in target.files:
            bundle.read(entry)
    return [_verify(bundle, target, threads) for target in bundle.manifest.targets]


def _verify(bundle: Bundle, target: Target, threads: int) -> Verification:
    # A bundle of a later version may have targets for other runtimes.
    if target.runtime not in BACKENDS:
        return Verification(target.name, f"this edge-fer has no backend {target.runtime!r}", None)
    try:
        with Classifier(bundle, target.name, threads=threads) as classifier:
            info = classifier.backend.info
            return Verification(target.name, f"{info.runtime} {info.version}", classifier.check_golden())
    except MissingDependency as exc:
        return Verification(target.name, str(exc), None)
