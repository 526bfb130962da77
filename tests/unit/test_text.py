from __future__ import annotations

import pytest

from edge_fer.text import percent


@pytest.mark.parametrize(("share", "text"), [(0.70917, "70.92%"), (1, "100.00%"), (0, "0.00%"), (None, "–")])
def test_a_share_is_printed_with_two_decimals(share, text):
    assert percent(share) == text
