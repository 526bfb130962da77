"""The public names of edge_fer_bench."""

from __future__ import annotations

import subprocess
import sys

import pytest

import edge_fer_bench


@pytest.mark.parametrize("name", edge_fer_bench.__all__)
def test_every_exported_name_can_be_imported(name):
    assert getattr(edge_fer_bench, name) is not None


def test_the_package_lists_its_names_and_no_others():
    assert dir(edge_fer_bench) == sorted(edge_fer_bench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        edge_fer_bench.nonsense  # noqa: B018


@pytest.mark.parametrize("name", ["failures", "markdown", "recommend", "render"])
def test_names_that_say_too_little_alone_are_not_exported(name):
    assert not hasattr(edge_fer_bench, name)


def test_importing_the_package_imports_none_of_its_modules():
    code = "import sys, edge_fer_bench; print([name for name in sys.modules if name.startswith('edge_fer_bench.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
