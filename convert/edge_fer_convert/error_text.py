"""How errors of other libraries are quoted in edge-fer's messages."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 300
"""Number of characters quoted: a message of TensorFlow or ONNX Runtime can hold a whole stack trace."""


def one_line(exc: Exception) -> str:
    """Return the message of *exc* in one line, cut to `LONGEST` characters."""
    return " ".join(str(exc).split())[:LONGEST]
