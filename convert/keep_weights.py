"""Keep the float model of a run in ``convert/weights``, where recipes look for it.

    python convert/keep_weights.py runs/cnn-2/best.keras cnn-2

Git keeps every version of these files for ever: replace one only when the new model is better.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_fer_train import checkpoints
from edge_fer_train.recipe import WEIGHTS


def main() -> None:
    """Write the file, and print its path and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="best.keras of a run")
    parser.add_argument("name", help="name of the recipe")
    options = parser.parse_args()
    written = checkpoints.save(checkpoints.load(options.model), WEIGHTS, options.name)
    print(f"{written}: {written.stat().st_size / 1e6:.1f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
