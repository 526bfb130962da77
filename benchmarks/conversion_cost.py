"""What converting takes: CNN_1 to all seven targets, 500 calibration images, judged on all of PublicTest.

    python benchmarks/conversion_cost.py --data fer2013/ --json benchmarks/results/<device>/conversion_cost.json

Needs the `convert` extra. The command runs as a user starts it, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from pathlib import Path

from edge_fer_bench.processes import timed
from edge_fer_convert.targets import TARGETS


def main() -> None:
    """Run it, print what it took, and keep what it found out where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="cnn-1")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    edge_fer = Path(sys.executable).with_name("edge-fer")
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", f"{folder}/bundle", "--targets", ",".join(TARGETS), "--json"]
        load = os.getloadavg()[0]
        done = timed([edge_fer, "convert", "--recipe", options.recipe, "--data", options.data, *out])
    report = json.loads(done.first_line)
    result = {
        "command": shlex.join(["python", "benchmarks/conversion_cost.py", *sys.argv[1:]]),
        "load_1min_before": load,
        "whole_s": done.whole_s,
        "peak_memory_mb": done.peak_memory_mb,
        "report": report,
    }
    if options.json:
        options.json.write_text(json.dumps(result) + "\n")
    print(f"{done.whole_s:.0f} s, {done.peak_memory_mb / 1024:.2f} GB")  # noqa: T201
    for target in report["targets"]:
        drop, f1 = target["drop_points"]["points"], target["f1_drop_points"]["points"]
        print(  # noqa: T201
            f"{target['asked']:<17} {target['target']:<17} {target['size_ratio']:.3f}x  {target['accuracy']:.2%}  "
            f"drop {drop:+.2f}  macro-F1 {f1:+.2f}  agreement {target['agreement']:.2%}"
        )


if __name__ == "__main__":
    main()
