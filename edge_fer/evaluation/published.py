"""Figures that others have published, to print beside measured ones. Nobody has checked them here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class PublishedClass:
    """The figures of one class, per cent, as printed."""

    precision: float
    recall: float
    average_precision: float
    f1: float


RAZA_2025: Final[dict[str, dict[str, PublishedClass]]] = {
    "Azure Face API": {
        "angry": PublishedClass(61.60, 28.30, 48.40, 38.78),
        "disgust": PublishedClass(55.00, 57.90, 58.40, 56.41),
        "fear": PublishedClass(41.00, 11.00, 33.40, 17.35),
        "happy": PublishedClass(82.50, 70.60, 80.60, 76.09),
        "sad": PublishedClass(49.20, 20.80, 40.00, 29.24),
        "surprise": PublishedClass(72.00, 68.30, 77.20, 70.10),
        "neutral": PublishedClass(64.70, 49.70, 58.30, 56.22),
    },
    "Face++": {
        "angry": PublishedClass(36.10, 15.20, 33.20, 21.39),
        "disgust": PublishedClass(17.40, 16.00, 13.50, 16.67),
        "fear": PublishedClass(18.20, 18.60, 15.80, 18.40),
        "happy": PublishedClass(76.30, 48.10, 70.40, 59.00),
        "sad": PublishedClass(40.18, 19.10, 34.60, 25.89),
        "surprise": PublishedClass(20.30, 66.40, 14.70, 31.09),
        "neutral": PublishedClass(34.70, 40.40, 31.30, 37.33),
    },
    "FaceReader": {
        "angry": PublishedClass(42.30, 14.50, 35.90, 21.60),
        "disgust": PublishedClass(17.20, 15.60, 12.20, 16.36),
        "fear": PublishedClass(0.00, 0.00, 0.00, 0.00),
        "happy": PublishedClass(52.40, 42.20, 47.80, 46.75),
        "sad": PublishedClass(32.10, 15.30, 26.70, 20.72),
        "surprise": PublishedClass(33.20, 34.60, 28.10, 33.89),
        "neutral": PublishedClass(20.90, 68.40, 17.30, 32.02),
    },
}
"""System → class → figures: Raza et al., KJMR 2025, Table I. They asked three services about some 5,000 of the 48x48
faces of Kaggle's "Face expression recognition dataset" (FER2013's images in other splits); they do not say which."""
