from __future__ import annotations

from contextlib import ExitStack

import pytest

for module in ("sklearn", "matplotlib", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[eval]'")

from rich.console import Console  # noqa: E402

from edge_fer.evaluation import comparison, page  # noqa: E402
from edge_fer.evaluation.systems import open_all  # noqa: E402


@pytest.fixture
def compared(faces, write_answers, tmp_path):
    """A comparison of one service that returns labels, all of them correct."""
    write_answers(tmp_path / "service.csv", faces)
    with ExitStack() as stack:
        return comparison.compare_systems(open_all([str(tmp_path / "service.csv")], 1, stack), faces, "drawn")


def test_the_table_has_measured_rows_first_and_says_which_are_published(compared):
    rows = page.raza_table(compared).splitlines()
    assert rows[2].startswith("| service, measured | angry | 100.00 | 100.00 | – | 100.00 |")
    assert sum("published" in row for row in rows) == 3
    assert len(rows) == 2 + 7 * 4


def test_the_terminal_shows_a_dash_for_what_a_system_has_not(compared):
    console = Console(width=200)
    with console.capture() as capture:
        console.print(page.table(compared))
    (row,) = [line for line in capture.get().splitlines() if "service" in line]
    assert row.count("100.00%") == 3
    assert row.count("–") == 3  # nothing deduplicated, no mAP and no calibration error


def test_a_page_without_scores_and_sweeps_has_confusions_only(compared):
    html = page.comparison_page(compared)
    assert html.count("<img") == 1
    assert "Reliability" not in html
    assert "votes" not in html
