"""From a float model and some faces to targets that pass the gate: prepare, quantize, time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge_fer.progress import ProgressListener
from edge_fer_convert.preparation import prepare
from edge_fer_convert.quantization import quantize
from edge_fer_convert.result import Conversion
from edge_fer_convert.timing import time_targets

if TYPE_CHECKING:
    from edge_fer_convert.job import Job


def convert(job: Job, progress: ProgressListener | None = None) -> Conversion:
    """Make every target of *job*, compare it with float32, and time it.

    Raises `BadInput` for a job that cannot be done, before any work as far as that can be known, and `GateFailed` when
    no variant of a target passes the gate.
    """
    started = time.monotonic()
    # The warnings are kept too, because the report repeats them.
    log = _WarningLog(progress or ProgressListener())
    prepared = prepare(job, log)
    quantized = quantize(prepared, log)
    # Timed at the end, all together, so that no quantizer runs beside them.
    results = time_targets(quantized.results, job.metadata, prepared.crops, log)
    return Conversion(
        job=prepared.job,
        calibration=prepared.calibration,
        images=len(prepared.crops),
        labels=prepared.labels,
        deduplicated=prepared.deduplicated,
        contract=prepared.contract,
        results=results,
        failed=quantized.failed,
        tools=quantized.tools,
        float_bytes=quantized.float_bytes,
        warnings=tuple(log.warnings),
        seconds=time.monotonic() - started,
    )


class _WarningLog(ProgressListener):
    """Passes everything on to another listener, and keeps the warnings for the report."""

    def __init__(self, listener: ProgressListener) -> None:
        self._listener = listener
        self.warnings: list[str] = []

    def step(self, message: str, share: float = 0.0) -> None:
        self._listener.step(message, share)

    def tell(self, message: str) -> None:
        self._listener.tell(message)

    def warn(self, message: str) -> None:
        self.warnings.append(message)
        self._listener.warn(message)
