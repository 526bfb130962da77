"""What the words in tables and pages mean: a sentence each, the same in the terminal and on every page."""

from __future__ import annotations

from typing import Final

MEANINGS: Final = {
    "x1": "The number of threads of the model: x1 is one thread, x2 two.",
    "p50": "Half of the frames, or faces, took at most this long: the median.",
    "p90": "Nine of ten frames took at most this long. It is the headline, since slow frames are what one notices.",
    "p99": "99 of 100 frames took at most this long.",
    "max": "The slowest frame. No outlier is left out.",
    "frames/s": "Frames a second as fast as possible: 1000 divided by the mean milliseconds of a frame.",
    "start s": "Seconds from the start of the process to its first result; the median of all starts.",
    "MB": "Most memory that the process had, with interpreter and libraries, in MiB.",
    "file MB": "Size of the model's files, in millions of bytes.",
    "golden": "Whether the answers to the bundle's own test inputs match those of the computer that made the bundle. "
    "DIFFER means that they are wrong here.",
    "time": "Time of a frame as a multiple of that of the fastest model, with its 95 % interval.",
    "accuracy": "Share of the faces that get the right label; in brackets its 95 % interval.",
    "interval": "What would hold the true share for 95 of 100 samples of so many faces (Wilson, 1927).",
    "stated": "Figures of the bundle's manifest: measured where the model was converted, not in this run.",
    "without near-copies": "Accuracy on the faces that have no near-copy in the training set; then their number.",
    "macro-F1": "Mean of the F-scores of all classes; a rare class counts as much as a common one.",
    "weighted F1": "Mean of the F-scores of all classes, each weighted by its number of faces.",
    "precision": "Of the faces that were given this label, the share that has it.",
    "recall": "Of the faces of this class, the share that was given its label; in brackets its 95 % interval.",
    "AP": "Average precision of one class: the area under precision against recall.",
    "mAP": "Mean of the average precisions (AP) of all classes.",
    "F-score": "Harmonic mean of precision and recall (F1).",
    "calibration error": "Mean gap between how sure the model says it is and how often it is right; 0 is best.",
    "FER+": "Accuracy by the majority of ten annotators (Barsoum et al., ICMI 2016), on the faces where more than half "
    "of them agree. Contempt, the eighth class, counts as wrong.",
    "accuracy, 8 classes": "By the majority of FER+'s annotators; contempt, the eighth class, counts as wrong.",
    "accuracy, 7 classes": "By the majority of FER+'s annotators, without the faces of contempt.",
    "macro recall": "Mean of the recalls of those classes that occur.",
    "cross-entropy": "Mean of minus the logarithm of the scores, weighted by the votes; lower is better.",
    "Brier score": "Mean squared distance between scores and votes; lower is better.",
    "drop": "Points that are lost against float32 on the same faces; a negative drop is a gain.",
    "F1 drop": "Points of macro-F1 that are lost against float32.",
    "agreement": "Share of the faces to which this model and its float32 give the same label.",
    "worst class": "The class that loses most recall against float32, and how many points.",
    "of float32": "Size divided by that of float32 for the same runtime.",
    "computes": "In which numbers the layers are computed: what the runtime does, not what the file says.",
    "int8": "float32's time of a frame divided by int8's: above 1, int8 is worth it there.",
    "MCR": "Mean convergence rate: how much the figure changes in an epoch (Smelyakov et al., COLINS 2022).",
    "MOFR": "Mean overfitting rate: how far training and validation lie apart (Smelyakov et al., COLINS 2022).",
}
"""Word → a sentence or two."""
ALIASES: Final = {
    "p50 ms": "p50",
    "p90 ms": "p90",
    "same label": "agreement",
    "drop, points": "drop",
    "drop [95 %]": "drop",
    "memory MB": "MB",
    "validation accuracy": "accuracy",
}
"""How tables write some of the words, with a unit."""


def meaning(word: str) -> str | None:
    """Return what *word*, the heading of a table, means; None for one that needs no explanation."""
    return MEANINGS.get(ALIASES.get(word, word))


class Glossary:
    """The words that one page has explained so far, for the list at its end."""

    def __init__(self) -> None:
        self._used: dict[str, str] = {}

    @property
    def used(self) -> dict[str, str]:
        """Return the words and their meanings, in the order in which the page used them."""
        return dict(self._used)

    def explain(self, word: str) -> tuple[str, str] | None:
        """Return the entry of *word* and its meaning, and list it; None for a word without one."""
        entry = ALIASES.get(word, word)
        found = MEANINGS.get(entry)
        if found is None:
            return None
        self._used[entry] = found
        return entry, found
