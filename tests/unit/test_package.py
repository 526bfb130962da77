"""The public names, what importing them costs, and what the distribution installs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

import pytest

import edge_fer

HEAVY = ("cv2", "numpy", "pydantic", "ai_edge_litert", "tensorflow", "keras")
PACKAGES = ("edge_fer", "edge_fer_bench", "edge_fer_convert", "edge_fer_devices", "edge_fer_train")


@pytest.mark.parametrize("name", edge_fer.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(edge_fer, name) is not None


def test_the_package_lists_its_public_names_and_no_others():
    assert dir(edge_fer) == sorted(edge_fer.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        edge_fer.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "module",
    [
        "edge_fer",
        "edge_fer.appliance.commands.config",
        "edge_fer.appliance.commands.events",
        "edge_fer.appliance.commands.health",
        "edge_fer.appliance.commands.kiosk",
        "edge_fer.appliance.commands.support_bundle",
        "edge_fer.cli",
        "edge_fer.evaluation.command",
        "edge_fer_bench.command",
        "edge_fer_convert.command",
        "edge_fer_devices.boards.command",
        "edge_fer_devices.card.command",
        "edge_fer_devices.doctor.command",
        "edge_fer_devices.wheelhouse.command",
        "edge_fer_train.command",
    ],
)
def test_nothing_heavy_is_imported_before_a_command_runs(module):
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_type_checkers_see_the_same_names():
    """They read the imports under TYPE_CHECKING, not the table that is used when the program runs."""
    tree = ast.parse(Path(edge_fer.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for statement in block.body for alias in statement.names}
    assert seen | {"__version__"} == set(edge_fer.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_marked_as_typed(package):
    """In the sources, and in the built wheel, in whose environment this test runs as well."""
    (folder,) = util.find_spec(package).submodule_search_locations
    assert (Path(folder) / "py.typed").is_file()


def test_no_generic_top_level_package_is_installed():
    installed = metadata.files("edge-fer")
    assert installed
    assert not {file.parts[0] for file in installed} & {"convert", "benchmarks", "devices", "tests"}
