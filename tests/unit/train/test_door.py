"""The public names of `edge_fer_train`."""

from __future__ import annotations

import subprocess
import sys

import pytest

import edge_fer_train


@pytest.mark.parametrize("name", edge_fer_train.__all__)
def test_every_exported_name_is_there(name):
    pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
    assert getattr(edge_fer_train, name) is not None


def test_the_door_lists_its_names_and_no_others():
    assert dir(edge_fer_train) == sorted(edge_fer_train.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        edge_fer_train.nonsense  # noqa: B018


def test_a_name_of_the_door_may_differ_from_the_one_in_its_module():
    from edge_fer_train import recipe

    assert edge_fer_train.load_recipe is recipe.load


def test_opening_the_door_imports_nothing_heavy():
    script = "import sys, edge_fer_train; sys.exit(bool({'keras', 'numpy', 'cv2', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
