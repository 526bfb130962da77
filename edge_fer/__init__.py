"""edge-fer: facial-emotion recognition on small computers.

These are the public names. Each is imported when it is first used, so that ``import edge_fer`` is instant.

Four modules are about places in a picture. `boxes` holds rectangles, in pixels of a frame. `detectors` find faces in
a frame. `regions` finds eyes, nose and mouth in a face, for models that see nothing else. `patches` remembers how a
face looks, so that the tracker finds it again without a search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer.boxes import Box
    from edge_fer.bundle import Bundle, load
    from edge_fer.classifier import Classifier, GoldenCheck
    from edge_fer.detectors import Detector, Face, open_detector
    from edge_fer.detectors.haar import Detection, HaarDetector
    from edge_fer.errors import EdgeFerError
    from edge_fer.pipeline import Pipeline
    from edge_fer.preprocess import Preprocess
    from edge_fer.progress import ProgressListener
    from edge_fer.records import FaceRecord, Record
    from edge_fer.smoothing import Smoother, Smoothing
    from edge_fer.sources import Frame, Source, open_source
    from edge_fer.tracking import FaceTracker, Track, Tracking, WholePictures

__version__ = "0.2.0"

_MODULES: Final = {
    "Box": "boxes",
    "Bundle": "bundle",
    "Classifier": "classifier",
    "Detection": "detectors.haar",
    "Detector": "detectors",
    "EdgeFerError": "errors",
    "Face": "detectors",
    "FaceRecord": "records",
    "FaceTracker": "tracking",
    "Frame": "sources",
    "GoldenCheck": "classifier",
    "HaarDetector": "detectors.haar",
    "Pipeline": "pipeline",
    "Preprocess": "preprocess",
    "ProgressListener": "progress",
    "Record": "records",
    "Smoother": "smoothing",
    "Smoothing": "smoothing",
    "Source": "sources",
    "Track": "tracking",
    "Tracking": "tracking",
    "WholePictures": "tracking",
    "load": "bundle",
    "open_detector": "detectors",
    "open_source": "sources",
}

__all__ = [
    "Box",
    "Bundle",
    "Classifier",
    "Detection",
    "Detector",
    "EdgeFerError",
    "Face",
    "FaceRecord",
    "FaceTracker",
    "Frame",
    "GoldenCheck",
    "HaarDetector",
    "Pipeline",
    "Preprocess",
    "ProgressListener",
    "Record",
    "Smoother",
    "Smoothing",
    "Source",
    "Track",
    "Tracking",
    "WholePictures",
    "__version__",
    "load",
    "open_detector",
    "open_source",
]

__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
