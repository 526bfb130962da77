"""Other versions of edge-fer, to measure beside this one: a commit of this clone, or the folder of another clone."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Final

from edge_fer.errors import BadInput

CLONE: Final = Path(__file__).parents[2]


def folder_of(version: str, folder: Path, clone: Path = CLONE) -> Path:
    """Return the root of *version*: a folder, or a commit of *clone*, which is unpacked into *folder*.

    Raises `BadInput` for one that is neither, or holds no edge-fer.
    """
    root = Path(version)
    if not root.is_dir():
        command = ["git", "-C", str(clone), "archive", "--format=tar", "--", version]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise BadInput(
                f"--against {version} is neither a folder nor a commit of this clone; pass the root of a clone, "
                "or what 'git log' shows"
            )
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        root = folder
    if not (root / "edge_fer" / "__init__.py").is_file():
        raise BadInput(f"--against {version} holds no edge-fer; pass the root of a clone")
    return root.resolve()


def environment(root: Path) -> dict[str, str]:
    """Return the environment variables with which a process imports the edge-fer in *root*.

    With ``-m`` or ``-c`` Python needs ``-P`` as well: without it, the working folder comes first.
    """
    return {"PYTHONPATH": f"{root}:{root / 'benchmarks'}"}
