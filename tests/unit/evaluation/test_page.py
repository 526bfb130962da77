from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

for module in ("sklearn", "matplotlib", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[eval]'")

from rich.console import Console  # noqa: E402

from edge_fer.evaluation import comparison, page  # noqa: E402
from edge_fer.evaluation.origin import Origin  # noqa: E402
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


@pytest.fixture
def origin():
    return Origin("edge-fer eval service.csv --data drawn", datetime(2026, 12, 1, 4, 5, tzinfo=UTC), "a board, 4 cores")


def test_a_page_says_what_when_on_which_machine_and_by_which_command(compared, origin):
    html = page.comparison_page(compared, origin)
    for text in ("service on drawn", "2026-12-01 04:05 UTC", "a board, 4 cores", origin.command, origin.edge_fer):
        assert text in html, text


def test_a_page_without_scores_and_sweeps_has_confusions_only(compared, origin):
    html = page.comparison_page(compared, origin)
    assert "<svg" not in html
    assert html.count('class="confusion"') == 1
    assert "confidence" not in html
    assert "votes" not in html


def test_every_accuracy_of_a_page_has_an_interval(compared, origin):
    html = page.comparison_page(compared, origin)
    assert "100.00%" in html
    # Accuracy, and the recall of each of seven classes, in the table and beside the confusion.
    assert html.count(", 100.0]</span>") == 1 + 7 + 7


def test_published_figures_have_a_table_of_their_own_and_average_precision_of_a_class_is_no_map(compared, origin):
    html = page.comparison_page(compared, origin)
    measured, published = html.split("<h2>Published figures</h2>")
    assert "FaceReader" not in measured
    assert published.count("FaceReader") == 1
    classes = measured.split("<h2>Class by class</h2>")[1]
    assert ">AP</a>" in classes
    assert "mAP" not in classes
