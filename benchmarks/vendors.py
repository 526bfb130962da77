"""Do the vendors' own tools load what is written? LiteRT's benchmark, OpenVINO's benchmark_app, onnx.checker.

    python benchmarks/vendors.py edge_fer/models/cnn-1 --json benchmarks/results/<device>/vendors.json

Needs the `convert` extra, which brings all three.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

import onnx

from edge_fer.bundle import load

BIN = Path(sys.executable).parent
COMMANDS: dict[str, list[str | Path]] = {
    "litert": [BIN / "litert-benchmark", "--use_cpu", "--model"],
    "openvino": [BIN / "benchmark_app", "-d", "CPU", "-niter", "20", "-m"],
}
TOLD = ("Inference (avg)", "Median", "Throughput")


def checked(path: Path, runtime: str) -> list[str]:
    """Return what the tool of *runtime* says of the file. Raises when it refuses it."""
    if runtime == "onnx":
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        return [f"onnx.checker {onnx.__version__}: valid, {len(model.metadata_props)} metadata_props"]
    said = subprocess.run([*COMMANDS[runtime], path], capture_output=True, text=True, check=True)
    return [line.strip() for line in (said.stdout + said.stderr).splitlines() if any(word in line for word in TOLD)]


def main() -> None:
    """Check every target of a bundle, print what was said, keep it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {t.name: checked(options.bundle / t.file, t.runtime) for t in load(options.bundle).manifest.targets}
    for target, lines in found.items():
        print(f"{target}: {'; '.join(lines)}")  # noqa: T201
    if options.json:
        command = shlex.join(["python", "benchmarks/vendors.py", *sys.argv[1:]])
        options.json.write_text(json.dumps({"command": command, "said": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
