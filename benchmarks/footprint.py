"""What the device install weighs and how fast it starts: venv size, ``--help``, first result, peak memory.

    python benchmarks/footprint.py --json benchmarks/results/<device>/footprint.json

Makes a venv of its own in a temporary folder, installs this checkout there without extras, and measures that.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from edge_fer_bench.processes import timed

ROOT = Path(__file__).parent.parent
RUN = ["run", "--source", "synthetic", "--frames", "300", "--json"]


def install(folder: Path) -> Path:
    """Make a venv in *folder*, install the checkout without extras, and return its ``bin``."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-cache-dir", str(ROOT)], check=True)
    return folder / "bin"


def size_mb(folder: Path) -> float:
    """Return what the files below *folder* take, in MB of 10^6 bytes."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6


def main() -> None:
    """Measure and print; keep the raw values where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        programs = install(Path(folder))
        edge_fer = programs / "edge-fer"
        timed([edge_fer, *RUN])  # compiles the bytecode
        helps = [timed([edge_fer, "--help"]).whole_s for _ in range(options.repeats)]
        runs = [timed([edge_fer, *RUN]) for _ in range(options.repeats)]
        result: dict[str, Any] = {
            "command": shlex.join(["python", "benchmarks/footprint.py", *sys.argv[1:]]),
            "load_1min": os.getloadavg()[0],
            "venv_mb": size_mb(Path(folder)),
            "help_s": helps,
            "first_result_s": [run.first_line_s for run in runs],
            "peak_memory_mb": [run.peak_memory_mb for run in runs],
        }
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(f"device install (venv, no extras)  {result['venv_mb']:.0f} MB")  # noqa: T201
    for name, unit in (("help_s", "s"), ("first_result_s", "s"), ("peak_memory_mb", "MB")):
        values = result[name]
        print(f"{name:<33} median {statistics.median(values):.3f} {unit}, max {max(values):.3f}")  # noqa: T201


if __name__ == "__main__":
    main()
