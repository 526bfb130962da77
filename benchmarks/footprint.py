"""Size and start of the device install: its venv, ``edge-fer --help``, the first result, peak memory.

    python benchmarks/footprint.py --json benchmarks/results/<device>/footprint.json

Makes a venv in a temporary folder, installs this clone there without extras, and measures that.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import script
from edge_fer import host
from edge_fer_bench.processes import timed

ROOT = Path(__file__).parent.parent
RUN = ["run", "--source", "synthetic", "--frames", "300", "--json"]


def install(folder: Path) -> Path:
    """Make a venv in *folder*, install the clone there without extras, and return the venv's ``bin``."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-cache-dir", str(ROOT)], check=True)
    return folder / "bin"


def size_mb(folder: Path) -> float:
    """Return the size of all files below *folder*, in MB of 10^6 bytes."""
    size = 0
    for path in folder.rglob("*"):
        if not path.is_dir():
            size += path.lstat().st_size  # lstat: a link to the system's Python takes no space here
    return size / 1e6


def measure(repeats: int) -> dict[str, Any]:
    """Install, and start each command *repeats* times."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        edge_fer = install(folder) / "edge-fer"
        timed([edge_fer, *RUN])  # the first start compiles the bytecode
        helps = [timed([edge_fer, "--help"]).whole_s for _ in range(repeats)]
        runs = [timed([edge_fer, *RUN]) for _ in range(repeats)]
        return {
            "command": script.command(),
            "load_1min": host.load_1min(),
            "venv_mb": size_mb(folder),
            "help_s": helps,
            "first_result_s": [run.first_line_s for run in runs],
            "peak_memory_mb": [run.peak_memory_mb for run in runs],
        }


def main() -> None:
    """Measure, save the raw values, and print medians."""
    parser = script.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="starts of each command")
    options = parser.parse_args()
    result = measure(options.repeats)
    script.save(result, options.json, indent=1)
    print(f"device install (venv, no extras)  {result['venv_mb']:.0f} MB")
    for name, unit in (("help_s", "s"), ("first_result_s", "s"), ("peak_memory_mb", "MB")):
        values = result[name]
        print(f"{name:<33} median {statistics.median(values):.3f} {unit}, max {max(values):.3f}")


if __name__ == "__main__":
    script.run(main)
