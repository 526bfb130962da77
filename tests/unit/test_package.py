"""The house's doors and arrows."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

import edge_fer

HEAVY = ("cv2", "numpy", "pydantic", "ai_edge_litert", "tensorflow", "keras")


@pytest.mark.parametrize("name", edge_fer.__all__)
def test_every_exported_name_is_there(name):
    assert getattr(edge_fer, name) is not None


def test_the_door_lists_its_names_and_no_others():
    assert dir(edge_fer) == sorted(edge_fer.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        edge_fer.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "module",
    [
        "edge_fer",
        "edge_fer.cli",
        "edge_fer.evaluation.command",
        "edge_fer_bench.command",
        "edge_fer_convert.command",
        "edge_fer_train.command",
    ],
)
def test_nothing_heavy_is_imported_before_a_command_runs(module):
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_generic_top_level_package_is_installed():
    installed = metadata.files("edge-fer")
    assert installed
    assert not {file.parts[0] for file in installed} & {"convert", "benchmarks", "devices", "tests"}
