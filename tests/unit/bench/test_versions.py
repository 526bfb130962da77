"""Other versions of edge-fer: a commit is unpacked, and imported in place of this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from edge_fer.errors import BadInput
from edge_fer_bench import versions


@pytest.fixture
def clone(tmp_path):
    """A clone of which one commit is called v1, and whose files have changed since."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = tmp_path / "clone"
    (root / "edge_fer").mkdir(parents=True)
    mark = root / "edge_fer" / "__init__.py"
    mark.write_text("MARK = 'v1'\n")
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "Begin"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    mark.write_text("MARK = 'later'\n")
    return root


def test_a_commit_of_the_clone_is_unpacked(clone, tmp_path):
    root = versions.folder_of("v1", tmp_path / "unpacked", clone)
    assert (root / "edge_fer" / "__init__.py").read_text() == "MARK = 'v1'\n"


def test_a_folder_is_taken_as_it_is_and_imported(clone, tmp_path):
    root = versions.folder_of(str(clone), tmp_path / "unpacked")
    assert root == clone
    environment = {**os.environ, **versions.environment(root)}
    command = [sys.executable, "-P", "-c", "import edge_fer; print(edge_fer.MARK)"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "later\n"


def test_what_is_no_version_is_refused(clone, tmp_path):
    with pytest.raises(BadInput, match="neither a folder nor a commit of this clone"):
        versions.folder_of("v2", tmp_path / "unpacked", clone)
    with pytest.raises(BadInput, match="holds no edge-fer"):
        versions.folder_of(str(tmp_path), tmp_path / "unpacked")
