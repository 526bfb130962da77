"""Accuracy and cross-entropy of the compact networks that teach, of their geometric mean, and of what they taught.

    python experiments/teachers.py

Reads the scores of `experiments/`; needs numpy alone.
"""

# ruff: noqa: T201

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
TEACHERS = ("compact-fer2013", "compact-wide-1", "compact-wide-2", "compact-wide-3")
TAUGHT = ("fused-product-averages", "compact-taught")


def main() -> None:
    """Print a line a model: accuracy on FER2013 PublicTest, and cross-entropy."""
    log_scores = []
    for name in TEACHERS:
        kept = np.load(HERE / f"{name}-scores.npz")
        labels = kept["labels"]
        log_scores.append(np.log(kept["scores"].astype(float)))
        show(name, kept["scores"], labels)
    for name in TAUGHT:
        show(name, np.load(HERE / name / "scores.npz")["scores"], labels)
    show("geometric mean of the four teachers", np.exp(np.mean(log_scores, axis=0)), labels)


def show(name: str, scores: Any, labels: Any) -> None:
    """Print the figures of *scores*, ``(n, classes)``, which need not add up to 1."""
    right = scores[np.arange(len(labels)), labels].astype(float) / scores.sum(axis=1)
    accuracy = (scores.argmax(axis=1) == labels).mean()
    print(f"{name}: {accuracy:.2%}, cross-entropy {-np.log(right).mean():.3f}")


if __name__ == "__main__":
    main()
