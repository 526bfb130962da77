"""Accuracy of products of kept scores: what joining two trained models by the product rule gives.

    python experiments/products.py

Reads the scores of `experiments/` and of `benchmarks/results/`; needs numpy alone.
"""

# ruff: noqa: T201

from __future__ import annotations

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results" / "x86-64-epyc-avx512-vnni-2core"


def main() -> None:
    """Print the accuracy on FER2013 PublicTest of five products."""
    small = np.load(RESULTS / "eval" / "answers.npz")
    larger = np.load(RESULTS / "eval-larger" / "answers.npz")
    cnn_2 = np.load(HERE / "cnn-2-scores.npz")["scores"]
    cnn_1 = small["cnn-1@litert-float32/original"]
    # The name that this network had when the scores were written.
    compact = small["compact@litert-int8/original"]
    mobilenet = larger["mobilenet-v2@litert-int8/original"]
    hybrid = larger["hybrid@litert-int8/original"]
    products = {
        "cnn-1 x cnn-2": cnn_1 * cnn_2,
        "cnn-1 x mobilenet-v2": cnn_1 * mobilenet,
        "compact-fer2013 x cnn-1": compact * cnn_1,
        "compact-fer2013 x mobilenet-v2": compact * mobilenet,
        "compact-fer2013 x hybrid": compact * hybrid,
    }
    for name, scores in products.items():
        accuracy = (scores.argmax(axis=1) == small["labels"]).mean()
        print(f"{name}: {accuracy:.2%}")


if __name__ == "__main__":
    main()
