"""Whether the vendors' own tools load our files: LiteRT's benchmark, OpenVINO's benchmark_app, onnx.checker.

    python benchmarks/vendors.py edge_fer/models/cnn-1 --json benchmarks/results/<device>/vendors.json

Needs the `convert` extra, which brings all three.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import script
from edge_fer.bundle import load
from edge_fer.dependencies import require
from edge_fer.errors import BackendError, MissingDependency

BIN = Path(sys.executable).parent
COMMANDS: dict[str, list[str]] = {
    "litert": [str(BIN / "litert-benchmark"), "--use_cpu", "--model"],
    "openvino": [str(BIN / "benchmark_app"), "-d", "CPU", "-niter", "20", "-m"],
}
HEADLINES = ("Inference (avg)", "Median", "Throughput")
"""What the lines contain that are kept of a tool's output."""


def checked(path: Path, runtime: str) -> list[str]:
    """Return what the tool of *runtime* reports about the file. Raises `BackendError` when the tool refuses it."""
    if runtime == "onnx":
        return _checked_by_onnx(path)
    command = COMMANDS[runtime]
    if not Path(command[0]).exists():
        raise MissingDependency(f"{command[0]} is not there: pip install 'edge-fer[convert]'")
    process = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    output = process.stdout + process.stderr
    if process.returncode != 0:
        raise BackendError(f"{Path(command[0]).name} refuses {path}: {output.strip()[-500:]}")
    lines = [line.strip() for line in output.splitlines()]
    return [line for line in lines if any(headline in line for headline in HEADLINES)]


def _checked_by_onnx(path: Path) -> list[str]:
    import onnx

    model = onnx.load(path)
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as exc:
        raise BackendError(f"onnx.checker refuses {path}: {exc}") from exc
    return [f"onnx.checker {onnx.__version__}: valid, {len(model.metadata_props)} metadata_props"]


def main() -> None:
    """Check every target of a bundle, print what each tool reports, and save it."""
    parser = script.parser(__doc__)
    parser.add_argument("bundle", type=Path)
    options = parser.parse_args()
    require(("onnx",), "convert", "this script")
    reports: dict[str, list[str]] = {}
    for target in load(options.bundle).manifest.targets:
        reports[target.name] = checked(options.bundle / target.file, target.runtime)
        print(f"{target.name}: {'; '.join(reports[target.name])}")
    script.save({"command": script.command(), "said": reports}, options.json, indent=1)


if __name__ == "__main__":
    script.run(main)
