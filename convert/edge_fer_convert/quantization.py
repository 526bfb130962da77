"""The second step of a conversion: quantize each target until it passes the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.evaluation.metrics import confusion
from edge_fer_convert import targets
from edge_fer_convert.fallbacks import FallbackSearch
from edge_fer_convert.plausibility import check_order
from edge_fer_convert.result import TargetResult
from edge_fer_convert.scoring import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from edge_fer.progress import ProgressListener
    from edge_fer_convert.preparation import Prepared
    from edge_fer_convert.targets import Converter

SAME_MODEL: Final = 1e-2
"""Difference of scores up to which the float32 models of two runtimes count as the same model."""


@dataclass(frozen=True)
class Quantized:
    """The targets, and what they were made with."""

    results: tuple[TargetResult, ...]
    """In the order of the job's targets; not timed yet."""
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
    """Make every target of the job.

    Raises `GateFailed` when none of a target's variants passes, and for labels that seem to be in another order.
    """
    # One converter for all targets of a runtime: it reads the graph and measures the ranges only once.
    scorer = Scorer(prepared.job.metadata, prepared.crops, progress)
    runtimes: dict[str, _Runtime] = {}
    results = []
    for target in prepared.job.targets:
        name, _ = targets.split_target(target)
        if name not in runtimes:
            runtimes[name] = _open_runtime(name, prepared, scorer)
            _check_float32(runtimes, runtimes[name], prepared, progress)
        results.append(_quantize_target(target, runtimes[name], prepared, scorer))
    tools: dict[str, str] = {}
    float_bytes: dict[str, int] = {}
    for name, runtime in runtimes.items():
        tools.update(_versions(runtime.converter.tools))
        float_bytes[name] = runtime.float_bytes
    return Quantized(tuple(results), tools, float_bytes)


def _open_runtime(name: str, prepared: Prepared, scorer: Scorer) -> _Runtime:
    scorer.progress.step(f"{name}: float32")
    converter = targets.converter(name)(prepared.job.model, prepared.calibration.values)
    files = converter.float32()
    # The backend's own float32, so that the drop is the quantizer's and not the runtime's.
    reference = scorer.scores(f"{name}-float32", name, files)
    return _Runtime(name, converter, reference, len(files))


def _check_float32(
    runtimes: dict[str, _Runtime], opened: _Runtime, prepared: Prepared, progress: ProgressListener
) -> None:
    """Refuse labels in another order, and warn about runtimes whose float32 models differ."""
    first = next(iter(runtimes.values()))
    if opened is first:
        # Once is enough: the other runtimes execute the same model, which is checked below.
        _check_label_order(opened.reference, prepared, progress)
        return
    difference = float(np.abs(opened.reference - first.reference).max())
    if difference > SAME_MODEL:
        progress.warn(
            f"{opened.name}-float32 is not the same model as {first.name}-float32: "
            f"scores differ by up to {difference:.3f}"
        )


def _check_label_order(reference: NDArray[np.float32], prepared: Prepared, progress: ProgressListener) -> None:
    """Ask all the faces what `check_answers` has asked some of them; whoever insists has been warned by it."""
    if prepared.labels is None or prepared.job.force_labels:
        return
    counts = confusion(reference.argmax(axis=1), prepared.labels, len(prepared.job.metadata.labels))
    check_order(prepared.job, counts, progress)


def _quantize_target(target: str, runtime: _Runtime, prepared: Prepared, scorer: Scorer) -> TargetResult:
    job = prepared.job
    progress = scorer.progress
    search = FallbackSearch(
        converter=runtime.converter,
        values=prepared.calibration.values,
        score=lambda files: scorer.scores(target, runtime.name, files),
        labels=prepared.labels,
        reference=runtime.reference,
        gate=job.gate,
        step=progress.step,
        votes=job.votes,
    )
    chosen = search.run(target, strict=job.strict)
    for failure in search.failures:
        progress.warn(f"{target}: one variant could not be made: {failure}")
    # After the gate, because the search recognises a variant that it has tried by the bytes of its file.
    stamped = runtime.converter.stamp(chosen.files, job.metadata)
    result = TargetResult(
        asked=target,
        target=f"{runtime.name}-{chosen.variant.precision}",
        chosen=replace(chosen, files=stamped),
        attempts=tuple(search.attempts),
        worst=tuple(search.worst()),
        fusion_layers=len(search.fusion_layers),
        computes=scorer.computes(runtime.name, stamped),
    )
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
