"""How numbers are printed for people."""

from __future__ import annotations


def percent(share: float | None) -> str:
    """Return *share*, a fraction of 1, as a percentage with two decimals; a dash for None."""
    return "–" if share is None else f"{share:.2%}"
