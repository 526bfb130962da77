from __future__ import annotations

import sys

import pytest

pytest.importorskip("jinja2", reason="jinja2 is not installed: pip install -e '.[eval]'")

from edge_fer.evaluation import html
from edge_fer.evaluation.html import COLOURS, colours, render, render_text


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with one template, which prints a text and a share."""
    root = tmp_path / "package_with_a_template"
    (root / "templates").mkdir(parents=True)
    (root / "__init__.py").touch()
    template = "{% if text %}\n{{ text | loud }}: {{ share | percent }}\n{% endif %}\n"
    (root / "templates" / "line.j2").write_text(template)
    monkeypatch.syspath_prepend(tmp_path)
    yield root.name
    sys.modules.pop(root.name, None)


def test_a_page_escapes_its_values_and_plain_text_does_not(package):
    values = {"filters": {"loud": str.upper}, "text": "a < b", "share": 0.5}
    assert render("line.j2", package, **values) == "A &lt; B: 50.00%\n"
    assert render_text("line.j2", package, **values) == "A < B: 50.00%\n"


def test_the_base_of_every_page_is_found_from_any_package(package):
    page = render("base.html.j2", package)
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "What the words mean" not in page  # this one has used none


def test_a_word_is_explained_where_it_stands_and_at_the_end(package, tmp_path):
    template = """{% extends "base.html.j2" %}{% import "parts.html.j2" as parts %}
{% block body %}{{ parts.table("times", rows) }}{% endblock %}"""
    (tmp_path / "package_with_a_template" / "templates" / "page.html.j2").write_text(template)
    page = render("page.html.j2", package, rows=[("", "p90 ms", "colour"), ("mine", "1.00", "<red>")])
    assert page.count('href="#word-p90"') == page.count('<dt id="word-p90">p90</dt>') == 1
    assert "<td>&lt;red&gt;</td>" in page
    assert '<th scope="col">colour</th>' in page
    assert "colour" not in render("page.html.j2", package, rows=[("p90 ms",)])  # no page knows another's words


def _figure(name="a < b"):
    figure = html.new_figure(4, 3)
    axes = figure.add_subplot()
    (line,) = axes.plot([0, 1], [0, 1], color=COLOURS[0], label=name)
    html.hint(line, f"{name}: 1 ms")
    html.beside(figure)
    return figure


def test_a_figure_in_a_page_is_text_and_says_what_a_pointer_is_on():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[eval]'")
    drawn = html.inline(_figure(), 'a "line"')
    assert drawn.startswith("<svg ")
    assert 'aria-label="a &quot;line&quot;"' in drawn
    assert "<title>a &lt; b: 1 ms</title>" in drawn
    assert ">a &lt; b</text>" in drawn
    assert "xmlns" not in drawn
    assert "Date" not in drawn
    assert f"stroke: {COLOURS[0]}" in drawn


def test_a_figure_in_a_file_has_both_schemes():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[eval]'")
    written = html.svg(_figure())
    assert written == html.svg(_figure())
    assert b"prefers-color-scheme: dark" in written
    assert html.IN_THE_DARK[COLOURS[0]].encode() in written
    assert html.png(_figure()).startswith(b"\x89PNG")


def test_every_colour_of_a_figure_has_one_for_the_dark():
    assert set(COLOURS) | {html.GRID, html.LINE, html.INK, html.PAPER} <= set(html.IN_THE_DARK)


def test_colours_repeat_when_there_are_more_lines_than_colours():
    assert colours(len(COLOURS) + 1) == [*COLOURS, COLOURS[0]]
