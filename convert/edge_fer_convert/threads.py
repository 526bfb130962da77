"""The number of threads that models run on while they are converted."""

from __future__ import annotations

from typing import Final

THREADS: Final = 2
"""The same on every machine: it may decide the order of a sum, and so the last bits of the ranges and scores."""
