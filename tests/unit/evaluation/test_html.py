from __future__ import annotations

import sys

import pytest

pytest.importorskip("jinja2", reason="jinja2 is not installed: pip install -e '.[eval]'")

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
    assert render("base.html.j2", package).startswith("<!doctype html>")


def test_colours_repeat_when_there_are_more_lines_than_colours():
    assert colours(len(COLOURS) + 1) == [*COLOURS, COLOURS[0]]
