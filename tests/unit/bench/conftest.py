"""Runs that were never measured: their times are drawn at random, so that what follows from them is known."""

from __future__ import annotations

import numpy as np
import pytest

from edge_fer import host
from edge_fer_bench import results
from edge_fer_bench.results import Accuracy, Block, Golden, Measurement, Reading, Run
from edge_fer_bench.worker import SINKS

STAGES = {"capture": 0.1, "detect": 3.0, "preprocess": 0.1, "classify": 2.0, "smooth": 0.1, SINKS: 0.1}


class Maker:
    """Makes runs and their parts."""

    golden = Golden(inputs=10, same_label=10, worst=0.0, tolerance=0.01, passed=True)

    def blocks(self, seed=0, count=8, frames=40, yardstick_ms=5.0, wander=0.01, **factors):
        rng = np.random.default_rng(seed)
        made = []
        for number in range(count):
            pace = np.exp(rng.normal(0, wander))
            stages = {
                stage: pace * factors.get(stage, 1.0) * mean * rng.gamma(100, 0.01, frames)
                for stage, mean in STAGES.items()
            }
            whole = sum(spent for stage, spent in stages.items() if stage != "capture")
            made.append(
                Block(at_s=float(number), frame_ms=tuple(whole), stages_ms={s: tuple(v) for s, v in stages.items()},
                      yardstick_ms=yardstick_ms)
            )  # fmt: skip
        return tuple(made)

    def measurement(self, target="litert-int8", threads=1, seed=0, accuracy=None, **values):
        factors = {name: values.pop(name) for name in STAGES if name in values}
        timing = {name: values.pop(name) for name in ("count", "frames", "yardstick_ms", "wander") if name in values}
        measured = None
        if accuracy is not None:
            measured = Accuracy(
                data="x.zip", images=2, accuracy=accuracy, macro_f1=0.4, recall=(0.5,), predicted=(0, 1)
            )
        given = {
            "name": f"mine {target} x{threads}", "bundle": "mine", "target": target, "threads": threads,
            "cold_start_s": (0.5,), "peak_memory_mb": (100.0,), "golden": self.golden, "accuracy": measured,
            "free": self.blocks(seed, **timing, **factors), **values,
        }  # fmt: skip
        return Measurement(**given)

    def run(self, *measurements, **values):
        given = {
            "edge_fer": "0.1.0", "suite": "quick", "command": "edge-fer bench", "seconds": 9.0,
            "started": results.now(), "seed": 0, "scene": {"width_px": 640, "height_px": 480, "faces": 1},
            "host": host.facts(),
            "readings": (Reading(at_s=1.0, others_cores=0.0, stolen_cores=0.0),),
            "measurements": measurements or (self.measurement(),), **values,
        }  # fmt: skip
        return Run(**given)


@pytest.fixture
def make() -> Maker:
    return Maker()
