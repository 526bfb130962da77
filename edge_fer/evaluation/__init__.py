"""Evaluation of classifiers on labelled faces, several side by side.

- `labelled`: reads faces from folders, zips, csv and npz files; `face_set` is what they are in memory, `near_copies`
  finds faces that two sets share. `pictures` (for folders and zips), `fer2013_csv` and `npz` each read one of the
  formats, `tables` reads any csv.
- `class_names` and `parts`: what the names of folders mean, as classes and as a split; `copies` passes over the second
  copy of a folder.
- `conditions`: makes faces worse, with fewer pixels, blur or noise.
- `systems`: what can be evaluated: bundles, another program's `answers`, Python functions. `probabilities` says which
  scores are taken.
- `metrics` and `classification`: the figures of one system; `comparison`: those of several. `label_order` finds that a
  system's labels are in another order.
- `votes`: the figures by the votes of FER+, ten annotators an image, instead of by one label.
- `html`, `plots`, `page` and `published`: the report, and figures of others to print beside.
- `command`: ``edge-fer eval``.

The names below are public. Each is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer.evaluation.classification import ClassificationReport, evaluate, evaluate_subset
    from edge_fer.evaluation.comparison import SystemComparison, compare_systems
    from edge_fer.evaluation.conditions import Condition
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.labelled import load_faces
    from edge_fer.evaluation.near_copies import near_copies as find_near_copies
    from edge_fer.evaluation.systems import open_system
    from edge_fer.evaluation.votes import FerPlusVotes, load_votes

_MODULES: Final = {
    "ClassificationReport": "classification",
    "Condition": "conditions",
    "FerPlusVotes": "votes",
    "LabelledFaces": "face_set",
    "SystemComparison": "comparison",
    "compare_systems": "comparison",
    "evaluate": "classification",
    "evaluate_subset": "classification",
    "find_near_copies": "near_copies:near_copies",
    "load_faces": "labelled",
    "load_votes": "votes",
    "open_system": "systems",
}

__all__ = [
    "ClassificationReport",
    "Condition",
    "FerPlusVotes",
    "LabelledFaces",
    "SystemComparison",
    "compare_systems",
    "evaluate",
    "evaluate_subset",
    "find_near_copies",
    "load_faces",
    "load_votes",
    "open_system",
]

__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
