"""Time and memory of converting a model to all targets, and what each target loses.

    python benchmarks/conversion_cost.py --data fer2013/ --json benchmarks/results/<device>/conversion_cost.json
    python benchmarks/conversion_cost.py --data fer2013/ --architecture EfficientNetV2B0 --size 224

Calibrates and evaluates as the recipe says: CNN_1 with 500 images of Training and all of PublicTest. An architecture of
keras.applications has random weights, which show what a large model costs and nothing about accuracy: it is calibrated
with 100 faces of PublicTest, compared with float32 on 20 others, and passes whatever it answers. Runs ``edge-fer
convert`` in a process of its own, as a user does. Needs the `convert` extra and a clone.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

import script
from edge_fer import host
from edge_fer_bench.processes import timed
from edge_fer_convert.targets import TARGETS

CALIBRATED: Final = 100
"""Number of faces that an architecture of keras.applications is calibrated with."""
COMPARED: Final = 20
"""Number of faces that it is compared with float32 on."""


def random_model(architecture: str, size_px: int, folder: Path, data: Path) -> list[str | Path]:
    """Write a model with random weights, and faces, into *folder*; return the arguments that convert it."""
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    import keras

    from edge_fer.evaluation.labelled import load_faces

    keras.utils.set_random_seed(1)
    network = getattr(keras.applications, architecture)(weights=None, input_shape=(size_px, size_px, 3), classes=7)
    network.save(folder / "model.keras")
    faces = load_faces(data / "fer2013-public-test.zip").sample(CALIBRATED + COMPARED, 0)
    np.savez(folder / "faces.npz", images=faces.images, labels=faces.labels)
    settings = ["--images", str(CALIBRATED), "--range", "0,255", "--min-agreement", "0"]
    return [folder / "model.keras", "--calibrate", folder / "faces.npz", *settings]


def main() -> None:
    """Convert, print the cost and each target's losses, and save the raw values."""
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--recipe", default="cnn-1")
    parser.add_argument("--architecture", help="instead of --recipe: a function of keras.applications")
    parser.add_argument("--size", type=int, default=224, help="side of the face for --architecture, in pixels")
    options = parser.parse_args()
    script.require_convert()
    edge_fer = Path(sys.executable).with_name("edge-fer")
    with tempfile.TemporaryDirectory() as folder:
        arguments: list[str | Path] = ["--recipe", options.recipe, "--data", options.data]
        if options.architecture:
            arguments = random_model(options.architecture, options.size, Path(folder), options.data)
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
    made = f"{target['asked']:<17} {target['target']:<17} {target['size_ratio']:.3f}x"
    if target["drop_points"] is None:
        return f"{made}  agreement {target['agreement']:.2%}"
    drop = target["drop_points"]["points"]
    f1_drop = target["f1_drop_points"]["points"]
    losses = f"drop {drop:+.2f}  macro-F1 {f1_drop:+.2f}"
    return f"{made}  {target['accuracy']:.2%}  {losses}  agreement {target['agreement']:.2%}"


if __name__ == "__main__":
    script.run(main)
