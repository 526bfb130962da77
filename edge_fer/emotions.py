"""Label sets and their order."""

from __future__ import annotations

#: The seven classes of FER2013 (Goodfellow et al., 2013), in the order of its csv and of every shipped model.
FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

#: The state of a face when no label is certain enough. It is never a label of a model.
UNKNOWN = "unknown"
