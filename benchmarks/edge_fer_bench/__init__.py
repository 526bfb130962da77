"""edge-fer bench: what a bundle does on a machine, measured and kept as raw values.

``command`` parses the options and calls the `Harness`, which measures a `Suite`. ``candidates`` starts a process for
each candidate: its ``worker`` answers the requests of the harness on the film of a `Scene`. The raw values become a
`Run` of ``results``. All other modules derive figures from a run: ``table`` and ``report`` show it, with ``plots``,
``recommendation``, ``stability``, ``accuracy`` and ``behaviour``; ``compare`` and ``check`` compare it with another.

These are the public names. Each is imported when it is first used, so that ``import edge_fer_bench`` is instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer_bench.candidates import Candidate, candidates_of_bundle
    from edge_fer_bench.check import find_regressions
    from edge_fer_bench.compare import Change, RunComparison, compare_runs
    from edge_fer_bench.harness import Harness
    from edge_fer_bench.host_monitor import HostMonitor
    from edge_fer_bench.recommendation import Recommendation, recommend_target
    from edge_fer_bench.report import fleet_page, run_page
    from edge_fer_bench.results import Measurement, Run, load_run, save_run
    from edge_fer_bench.scene import Scene
    from edge_fer_bench.suites import SUITES, Suite
    from edge_fer_bench.table import markdown as markdown_table
    from edge_fer_bench.table import render as text_table

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
    "find_regressions": "check",
    "fleet_page": "report",
    "load_run": "results",
    "markdown_table": "table:markdown",
    "recommend_target": "recommendation",
    "run_page": "report",
    "save_run": "results",
    "text_table": "table:render",
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
    "find_regressions",
    "fleet_page",
    "load_run",
    "markdown_table",
    "recommend_target",
    "run_page",
    "save_run",
    "text_table",
]

__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
