"""Small pieces of English that several outputs share."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return *count* and *noun*, the noun with an s unless there is exactly one: ``1 thread``, ``2 threads``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
