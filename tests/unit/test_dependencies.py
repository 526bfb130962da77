from __future__ import annotations

import sys

import pytest

from edge_fer.dependencies import require
from edge_fer.errors import MissingDependency


def test_installed_modules_pass_without_being_imported():
    sys.modules.pop("this", None)
    require(["json", "this"], "eval", "edge-fer eval")
    assert "this" not in sys.modules


def test_all_missing_packages_are_named_with_the_command_that_installs_them():
    with pytest.raises(MissingDependency) as caught:
        require({"json": "json", "no_such_a": "no-such-a", "no_such_b": "b"}, "eval", "edge-fer eval")
    assert str(caught.value) == "edge-fer eval needs no-such-a, b: pip install 'edge-fer[eval]'"


def test_a_module_without_another_name_is_its_own_distribution():
    with pytest.raises(MissingDependency, match="a page needs no_such_module: pip install"):
        require(("no_such_module",), "bench", "a page")
