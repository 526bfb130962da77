"""The last step of a conversion: time the targets on this machine."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.backends import load as load_backend
from edge_fer_convert import targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile
    from edge_fer.progress import ProgressListener
    from edge_fer_convert.model_metadata import ModelMetadata
    from edge_fer_convert.result import TargetResult

LATENCY_RUNS: Final = 100
"""Runs of each target that count: ten of them lie above the 90th percentile, the highest that is reported."""
WARM_UP: Final = 5
"""Runs before those that count: the first ones allocate memory and fill caches."""


def time_targets(
    results: Sequence[TargetResult], metadata: ModelMetadata, crops: NDArray[np.uint8], progress: ProgressListener
) -> tuple[TargetResult, ...]:
    """Return *results* with latencies of one face and one thread, on faces of *crops* ``(n, N, N)`` in turn."""
    progress.step("timing")
    models = [(targets.runtime_of(result.target), result.chosen.files.model_file(metadata)) for result in results]
    timed = []
    for result, latencies in zip(results, latencies_ms(models, crops, LATENCY_RUNS), strict=True):
        timed.append(replace(result, latency_ms=tuple(latencies)))
    return tuple(timed)


def latencies_ms(models: Sequence[tuple[str, ModelFile]], crops: NDArray[np.uint8], runs: int) -> list[list[float]]:
    """Return for each of *models*, runtime and file, how long *runs* runs take, on faces of *crops* in turn."""
    latencies: list[list[float]] = [[] for _ in models]
    with ExitStack() as stack:
        backends = [stack.enter_context(load_backend(runtime, model)) for runtime, model in models]
        for run in range(WARM_UP + runs):
            # Another face each time, as on a device.
            face = crops[run % len(crops)][np.newaxis]
            # All models in turn, so that a busy moment of the machine hits all of them alike.
            for backend, of_one in zip(backends, latencies, strict=True):
                started = time.perf_counter()
                backend.run(face)
                of_one.append(1e3 * (time.perf_counter() - started))
    return [of_one[WARM_UP:] for of_one in latencies]
