"""How numbers and foreign text are printed for people."""

from __future__ import annotations

import unicodedata
from typing import Final

JOINERS: Final = "\u200c\u200d"
"""Invisible characters of Persian, of Indic scripts and of emoji: as harmless as letters."""
REPLACEMENT: Final = "\ufffd"


def percent(share: float | None) -> str:
    """Return *share*, a fraction of 1, as a percentage with two decimals; a dash for None."""
    return "–" if share is None else f"{share:.2%}"


def counted(count: int, one: str, several: str = "") -> str:
    """Return *count* with the noun that fits it: ``1 frame``, ``2 frames``; *several* where an s is not enough."""
    return f"{count} {one if count == 1 else several or one + 's'}"


def printable(text: str, *, keep: str = "") -> str:
    r"""Return *text* so that a terminal only shows it, and does nothing that it says.

    Control characters (escape codes, newlines), characters that turn the direction of writing, and invisible ones are
    written as Python writes them: ``\x1b``, ``\n``, ``\u202e``; those of *keep* stay. Bytes of a file name that are not
    UTF-8, which Python holds as lone surrogates, become U+FFFD.
    """
    if text.isprintable():
        return text
    return "".join(character if character in keep else _shown(character) for character in text)


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return REPLACEMENT
    # Cc: controls; Cf: format characters; Zl, Zp: separators of lines and paragraphs.
    if category in {"Cc", "Cf", "Zl", "Zp"} and character not in JOINERS:
        return character.encode("unicode_escape").decode("ascii")
    return character
