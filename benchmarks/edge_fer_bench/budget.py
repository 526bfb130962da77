"""Whether what a run recommends keeps the budget of a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_fer.profile import Profile
    from edge_fer_bench.recommendation import Recommendation


def sentence(best: Recommendation, board: Profile) -> str | None:
    """Return in one line whether *best* keeps the budget of *board*; None where it has none."""
    budget = board.budget
    if budget is None:
        return None
    kept = best.p90_ms <= budget.p90_ms
    parts = [f"p90 {best.p90_ms:.2f} of {budget.p90_ms:g} ms a frame"]
    # The largest of several starts: a board must have this much memory in the worst case.
    memory_mb = max(best.measurement.peak_memory_mb, default=None)
    if memory_mb is not None:
        kept = kept and memory_mb <= budget.memory_mb
        parts.append(f"{memory_mb:.0f} of {budget.memory_mb} MiB")
    of_board = "" if board.board is None else f" of {board.board}"
    return f"the budget{of_board} is {'kept' if kept else 'exceeded'}: {', '.join(parts)}"
