"""edge-fer: facial-emotion recognition on small computers.

This is the public door. Its names are loaded when first used, so importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from edge_fer.boxes import Box
    from edge_fer.bundle import Bundle, load
    from edge_fer.classifier import Classifier, GoldenCheck
    from edge_fer.errors import EdgeFerError
    from edge_fer.faces import Detection, Face, HaarDetector
    from edge_fer.pipeline import Pipeline
    from edge_fer.preprocess import Preprocess
    from edge_fer.records import FaceRecord, Record
    from edge_fer.smoothing import Smoother, Smoothing
    from edge_fer.sources import Frame, Source, open_source
    from edge_fer.tracking import FaceTracker, Track, Tracking

__version__ = "0.1.0"

_HOME: Final = {
    "Box": "boxes",
    "Bundle": "bundle",
    "Classifier": "classifier",
    "Detection": "faces",
    "EdgeFerError": "errors",
    "Face": "faces",
    "FaceRecord": "records",
    "FaceTracker": "tracking",
    "Frame": "sources",
    "GoldenCheck": "classifier",
    "HaarDetector": "faces",
    "Pipeline": "pipeline",
    "Preprocess": "preprocess",
    "Record": "records",
    "Smoother": "smoothing",
    "Smoothing": "smoothing",
    "Source": "sources",
    "Track": "tracking",
    "Tracking": "tracking",
    "load": "bundle",
    "open_source": "sources",
}

__all__ = [
    "Box",
    "Bundle",
    "Classifier",
    "Detection",
    "EdgeFerError",
    "Face",
    "FaceRecord",
    "FaceTracker",
    "Frame",
    "GoldenCheck",
    "HaarDetector",
    "Pipeline",
    "Preprocess",
    "Record",
    "Smoother",
    "Smoothing",
    "Source",
    "Track",
    "Tracking",
    "__version__",
    "load",
    "open_source",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'edge_fer' has no attribute {name!r}")
    return getattr(importlib.import_module(f"edge_fer.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
