"""The second step of a conversion: quantize each target until it passes the gate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING

from edge_fer.dependencies import raise_broken_import
from edge_fer.evaluation.metrics import confusion
from edge_fer_convert import targets
from edge_fer_convert.contract.check import check_order
from edge_fer_convert.failures import Failure
from edge_fer_convert.fallbacks import FallbackSearch
from edge_fer_convert.fidelity import Fidelity
from edge_fer_convert.result import TargetResult
from edge_fer_convert.scoring import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.progress import ProgressListener
    from edge_fer_convert.preparation import Prepared
    from edge_fer_convert.targets import Converter


@dataclass(frozen=True)
class Quantized:
    """The targets, and what they were made with."""

    results: tuple[TargetResult, ...]
    """In the order of the job's targets; not timed yet."""
    failed: dict[str, Failure]
    """Targets that could not be made."""
    tools: dict[str, str]
    """Distribution → version of what made them."""
    float_bytes: dict[str, int]
    """Runtime → size of its float32 model."""


@dataclass(frozen=True)
class _Runtime:
    """One runtime's converter, and the scores of its own float32 model."""

    name: str
    converter: Converter
    reference: NDArray[np.float32]
    float_bytes: int


def quantize(prepared: Prepared, progress: ProgressListener) -> Quantized:
    """Make every target of the job that can be made.

    Raises `GateFailed` when a float32 form is not the model that was opened, and for labels that seem to be in another
    order; and the error of the first target when none can be made, or one cannot and the job is ``strict``.
    """
    with Scorer(prepared.job.metadata, prepared.crops, progress) as scorer:
        return _Quantizer(prepared, scorer).run()


@dataclass(frozen=True)
class _Quantizer:
    prepared: Prepared
    scorer: Scorer
    runtimes: dict[str, _Runtime] = field(default_factory=dict, init=False)
    failed: dict[str, Failure] = field(default_factory=dict, init=False)
    """Runtimes that cannot be opened, and targets that cannot be made."""

    def run(self) -> Quantized:
        results = []
        for target in self.prepared.job.targets:
            result = self._result(target)
            if result is not None:
                results.append(result)
        if not results:
            raise next(iter(self.failed.values())).error
        tools: dict[str, str] = {}
        float_bytes: dict[str, int] = {}
        for name, runtime in self.runtimes.items():
            tools.update(_versions(runtime.converter.tools))
            float_bytes[name] = runtime.float_bytes
        failed = {target: self.failed[target] for target in self.prepared.job.targets if target in self.failed}
        return Quantized(tuple(results), failed, tools, float_bytes)

    def _result(self, target: str) -> TargetResult | None:
        """Return the result of *target*; None when it cannot be made, which takes no other target with it."""
        name, _ = targets.split_target(target)
        if name not in self.runtimes and name not in self.failed:
            self._open(name)
        if name in self.failed:
            error = self.failed[name].error
        else:
            try:
                return _quantize_target(target, self.runtimes[name], self.prepared, self.scorer)
            except Exception as exc:  # noqa: BLE001  (tools raise anything)
                raise_broken_import(exc)
                error = exc
        if self.prepared.job.strict:
            raise error
        self.failed[target] = Failure(target, error)
        self.scorer.progress.warn(f"without {self.failed[target].line}")
        return None

    def _open(self, name: str) -> None:
        """Open the runtime *name*, one converter for all of its targets: it reads graph and ranges only once."""
        try:
            opened = _open_runtime(name, self.prepared, self.scorer)
        except Exception as exc:  # noqa: BLE001  (tools raise anything)
            raise_broken_import(exc)
            self.failed[name] = Failure(name, exc)
            return
        self._fidelity.check(name, opened.converter, opened.reference)
        if not self.runtimes:
            # Once is enough: the other runtimes execute the same model.
            _check_label_order(opened.reference, self.prepared, self.scorer.progress)
        self.runtimes[name] = opened

    @cached_property
    def _fidelity(self) -> Fidelity:
        return Fidelity(self.prepared, self.scorer.progress)


def _open_runtime(name: str, prepared: Prepared, scorer: Scorer) -> _Runtime:
    scorer.progress.step(f"{name}: float32")
    converter = targets.converter(name)(prepared.job.model, prepared.calibration.values)
    files = converter.float32()
    # The backend's own float32, so that the drop is the quantizer's and not the runtime's.
    reference = scorer.scores(f"{name}-float32", name, files)
    return _Runtime(name, converter, reference, len(files))


def _check_label_order(reference: NDArray[np.float32], prepared: Prepared, progress: ProgressListener) -> None:
    """Ask all the faces what `check_contract` has asked some of them; whoever insists has been warned by it."""
    if prepared.labels is None or prepared.job.force_contract:
        return
    counts = confusion(reference.argmax(axis=1), prepared.labels, len(prepared.job.metadata.labels))
    check_order(prepared.job, counts, progress)


def _quantize_target(target: str, runtime: _Runtime, prepared: Prepared, scorer: Scorer) -> TargetResult:
    job = prepared.job
    progress = scorer.progress
    search = FallbackSearch(
        converter=runtime.converter,
        values=prepared.calibration.values,
        score=lambda files: scorer.tried(target, runtime.name, files),
        labels=prepared.labels,
        reference=runtime.reference,
        gate=job.gate,
        step=progress.step,
        votes=job.votes,
        medians_ms=None if job.allow_slower else lambda *files: scorer.medians_ms(runtime.name, files),
    )
    chosen = search.run(target, strict=job.strict)
    worst = tuple(search.worst())
    for failure in search.failures:
        progress.warn(f"{target}: {failure.line}")
    # After the gate, because the search recognises a variant that it has tried by the bytes of its file.
    stamped = runtime.converter.stamp(chosen.files, job.metadata)
    result = TargetResult(
        asked=target,
        target=f"{runtime.name}-{chosen.variant.precision}",
        chosen=replace(chosen, files=stamped),
        attempts=tuple(search.attempts),
        worst=worst,
        failures=tuple(search.failures),
        fusion_layers=len(search.fusion_layers),
        computes=scorer.computes(runtime.name, stamped),
    )
    blind = job.gate.blind_to(chosen.comparison)
    if blind:
        progress.warn(f"{target}: {blind}")
    if result.target != target:
        progress.warn(f"{target} became {result.target}: {_why_it_fell_back(result)}")
    return result


def _why_it_fell_back(result: TargetResult) -> str:
    for attempt in result.attempts:
        if attempt.refused and not attempt.variant.shown_only:
            return attempt.refused
    return "it could not be made"


def _versions(distributions: Iterable[str]) -> dict[str, str]:
    """Return the versions of those *distributions* that are installed: of TensorFlow, only one of two is."""
    versions = {}
    for name in distributions:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
