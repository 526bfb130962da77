"""Time and memory of converting a recipe's model to all targets, and what each target loses.

    python benchmarks/conversion_cost.py --data fer2013/ --json benchmarks/results/<device>/conversion_cost.json

Calibrates and evaluates as the recipe says: CNN_1 with 500 images of Training and all of PublicTest. Runs ``edge-fer
convert`` in a process of its own, as a user does. Needs the `convert` extra and a clone.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import script
from edge_fer import host
from edge_fer_bench.processes import timed
from edge_fer_convert.targets import TARGETS


def main() -> None:
    """Convert, print the cost and each target's losses, and save the raw values."""
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--recipe", default="cnn-1")
    options = parser.parse_args()
    script.require_convert()
    edge_fer = Path(sys.executable).with_name("edge-fer")
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--recipe", options.recipe, "--data", options.data]
        arguments += ["--out", f"{folder}/bundle", "--targets", ",".join(TARGETS), "--json"]
        load = host.load_1min()
        process = timed([edge_fer, "convert", *arguments])
    report = json.loads(process.first_line)
    result = {
        "command": script.command(),
        "load_1min_before": load,
        "whole_s": process.whole_s,
        "peak_memory_mb": process.peak_memory_mb,
        "report": report,
    }
    script.save(result, options.json)
    print(f"{process.whole_s:.0f} s, {process.peak_memory_mb / 1024:.2f} GB")
    for target in report["targets"]:
        print(_line(target))


def _line(target: dict[str, Any]) -> str:
    drop = target["drop_points"]["points"]
    f1_drop = target["f1_drop_points"]["points"]
    return (
        f"{target['asked']:<17} {target['target']:<17} {target['size_ratio']:.3f}x  {target['accuracy']:.2%}  "
        f"drop {drop:+.2f}  macro-F1 {f1_drop:+.2f}  agreement {target['agreement']:.2%}"
    )


if __name__ == "__main__":
    script.run(main)
