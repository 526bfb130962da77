"""Level 2: points of the face, from which follow where the head looks, how open the eyes are, and the mouth.

Two model files of MediaPipe, which the user names, see them: `mesh` the points of the whole face, `contours` those of
an eye. `Landmarks` reads a film with both.
"""

from edge_fer.driving.landmarks.reader import Landmarks, Marks

__all__ = ["Landmarks", "Marks"]
