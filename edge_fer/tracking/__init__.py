"""Faces over time, with as little detection as possible.

Searching a whole frame is the most expensive step of the pipeline. Looking around a known face costs a small part of
it, and finding that face by its looks a small part of that. So frames are searched where something changed; the
detector confirms each known face a few times a second; in between, and while a face is turned away from the detector,
it is followed by its looks.

`tracker` decides what is done when. `searching` searches the frame, where `changes` says that it has changed, and
`suspects` are what may be no face. `looking` asks the detector for one known face. `patches` follow a face by its
looks, `looks` and `association` tell people apart. `in_step` executes at once what a live source gets done in another
thread. `whole` stands in for all of it where each picture is a cropped face.
"""

from edge_fer.tracking.settings import Tracking
from edge_fer.tracking.track import Track
from edge_fer.tracking.tracker import FaceTracker
from edge_fer.tracking.whole import WholePictures

__all__ = ["FaceTracker", "Track", "Tracking", "WholePictures"]
