"""edge-fer bench: what a bundle does on a machine, measured and kept as raw values.

These are the public names. Each is imported when it is first used, so that ``import edge_fer_bench`` is instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer_bench.candidates import Candidate, candidates_of_bundle
    from edge_fer_bench.check import failures
    from edge_fer_bench.compare import Change, RunComparison, compare_runs
    from edge_fer_bench.harness import Harness
    from edge_fer_bench.host_monitor import HostMonitor
    from edge_fer_bench.recommendation import Recommendation, recommend
    from edge_fer_bench.report import fleet_page, run_page
    from edge_fer_bench.results import Measurement, Run, load_run, save_run
    from edge_fer_bench.scene import Scene
    from edge_fer_bench.suites import SUITES, Suite
    from edge_fer_bench.table import markdown, render

_MODULES: Final = {
    "SUITES": "suites",
    "Candidate": "candidates",
    "Change": "compare",
    "Harness": "harness",
    "HostMonitor": "host_monitor",
    "Measurement": "results",
    "Recommendation": "recommendation",
    "Run": "results",
    "RunComparison": "compare",
    "Scene": "scene",
    "Suite": "suites",
    "candidates_of_bundle": "candidates",
    "compare_runs": "compare",
    "failures": "check",
    "fleet_page": "report",
    "load_run": "results",
    "markdown": "table",
    "recommend": "recommendation",
    "render": "table",
    "run_page": "report",
    "save_run": "results",
}

__all__ = [
    "SUITES",
    "Candidate",
    "Change",
    "Harness",
    "HostMonitor",
    "Measurement",
    "Recommendation",
    "Run",
    "RunComparison",
    "Scene",
    "Suite",
    "candidates_of_bundle",
    "compare_runs",
    "failures",
    "fleet_page",
    "load_run",
    "markdown",
    "recommend",
    "render",
    "run_page",
    "save_run",
]

__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
