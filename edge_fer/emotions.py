"""Label sets and their order."""

from __future__ import annotations

#: The seven classes of FER2013 (Goodfellow et al., 2013) in the order of its own csv, the order of every shipped model.
FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

#: What a state is when no label is sure enough. Never a label of a model.
UNKNOWN = "unknown"
