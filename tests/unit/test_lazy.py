from __future__ import annotations

import importlib
import sys

import pytest

PACKAGE = """
from edge_fer.lazy import lazy_exports

__all__ = ["ANSWER", "the_answer"]
__getattr__, __dir__ = lazy_exports(__name__, {"ANSWER": "answers", "the_answer": "answers:ANSWER"})
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An imported package whose public names are defined in its module ``answers``."""
    folder = tmp_path / "lazy_example"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    (folder / "answers.py").write_text("ANSWER = 42")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("lazy_example")
    for name in ("lazy_example", "lazy_example.answers"):
        sys.modules.pop(name, None)


def test_a_name_is_imported_when_it_is_first_used(package):
    assert "lazy_example.answers" not in sys.modules
    assert package.ANSWER == 42
    assert "lazy_example.answers" in sys.modules


def test_a_public_name_may_differ_from_the_modules_own(package):
    assert package.the_answer == 42


def test_dir_lists_the_public_names(package):
    assert dir(package) == ["ANSWER", "the_answer"]


def test_an_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="module 'lazy_example' has no attribute 'nonsense'"):
        package.nonsense  # noqa: B018


def test_modules_of_the_package_can_still_be_imported_by_name(package):
    from lazy_example import answers

    assert answers.ANSWER == 42
