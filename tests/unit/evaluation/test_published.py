from __future__ import annotations

import pytest

from edge_fer.emotions import FER2013
from edge_fer.evaluation.published import RAZA_2025


@pytest.mark.parametrize("system", RAZA_2025)
def test_published_f_scores_are_those_of_their_precision_and_recall(system):
    """Raza et al., KJMR 2025, Table I, was machine-read: where it holds, so does F = 2PR / (P + R)."""
    assert set(RAZA_2025[system]) == set(FER2013)
    for entry in RAZA_2025[system].values():
        total = entry.precision + entry.recall
        f1 = 2 * entry.precision * entry.recall / total if total else 0
        assert entry.f1 == pytest.approx(f1, abs=0.02)
