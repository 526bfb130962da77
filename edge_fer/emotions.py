"""Label sets and their order, and the words that mean the same class."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: The seven classes of FER2013 (Goodfellow et al., 2013), in the order of its csv and of every shipped model.
FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

#: The state of a face when no label is certain enough. It is never a label of a model.
UNKNOWN = "unknown"

WORDS: Final = {
    "angry": ("anger", "wut", "wutend", "wuetend", "arger", "aerger", "colere", "en colere", "ira", "enfado", "enojo"),
    "disgust": ("disgusted", "ekel", "degout", "asco"),
    "fear": ("fearful", "afraid", "scared", "angst", "furcht", "angstlich", "aengstlich", "peur", "miedo"),
    "happy": (
        "happiness", "joy", "joyful", "freude", "frohlich", "froehlich", "glucklich", "gluecklich", "joie", "heureux",
        "alegria", "felicidad", "feliz",
    ),
    "sad": ("sadness", "trauer", "traurig", "tristesse", "triste", "tristeza"),
    "surprise": (
        "surprised", "suprise", "suprised", "uberraschung", "ueberraschung", "uberrascht", "ueberrascht", "surpris",
        "sorpresa",
    ),
    "neutral": ("neutrality", "neutre", "neutro"),
    "contempt": ("contemptuous", "verachtung", "mepris", "desprecio"),
}  # fmt: skip
"""Each class of FER2013, and FER+'s contempt, with the other names that data sets and programs give it: in English,
German, French and Spanish, in lower case and without accents."""

_CLASS_OF: Final = {word: name for name, words in WORDS.items() for word in (name, *words)}
_NUMBERED: Final = re.compile(r"\d+[\s._:-]+(?=\D)")


def meaning(name: str) -> str:
    """Return what *name* is compared by: its class in FER2013's spelling where `WORDS` has it, else itself.

    Capitals, accents and spaces do not count, nor does a number before a known word: ``0_Anger`` means ``angry``.
    """
    decomposed = unicodedata.normalize("NFKD", name)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    text = " ".join(bare.casefold().replace("_", " ").replace("-", " ").split())
    known = _CLASS_OF.get(text) or _CLASS_OF.get(_NUMBERED.sub("", text, count=1))
    return known or text


def spelled(name: str) -> str:
    """Return *name* in FER2013's spelling where `WORDS` has it: ``Anger`` → ``angry``; else as it is, trimmed."""
    known = meaning(name)
    return known if known in WORDS else name.strip()


def find(name: str, labels: tuple[str, ...]) -> int | None:
    """Return the position in *labels* of the class that *name* means, or None where they have no such class."""
    if name in labels:
        return labels.index(name)
    wanted = meaning(name)
    for position, label in enumerate(labels):
        if meaning(label) == wanted:
            return position
    return None


def ordered(classes: set[str]) -> tuple[str, ...]:
    """Return *classes* in FER2013's order, all of them, where FER2013 has every one; else in the alphabet's."""
    return FER2013 if classes <= set(FER2013) else tuple(sorted(classes))
