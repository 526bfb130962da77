"""A wheelhouse in miniature, and the wheel that installs its wheels."""

from __future__ import annotations

import json
import shutil
from importlib import metadata

import pytest

from edge_fer import __version__
from edge_fer_devices import wheelhouse
from edge_fer_devices.wheelhouse import own_wheel


@pytest.fixture(scope="session")
def installer(tmp_path_factory):
    """The wheel that installs the others on a device, made of what is installed here."""
    found = metadata.distribution("installer")
    members = {}
    for path in found.files:
        if (
            "__pycache__" not in path.parts
            and path.name not in own_wheel.OF_THE_INSTALLATION
            and ".." not in path.parts
        ):
            members[path.as_posix()] = found.locate_file(path).read_bytes()
    wheel = tmp_path_factory.mktemp("installer") / f"installer-{found.version}-py3-none-any.whl"
    own_wheel.write_wheel(wheel, members)
    return wheel


@pytest.fixture
def wheels(tmp_path, installer):
    """Return a function that makes a wheelhouse, for another Python or processor if asked to."""

    def give(
        python="3.13", machine="aarch64", models=("compact", "cnn-1", "cnn-1-votes"), name="wheels", streams=False
    ):
        folder = tmp_path / name
        folder.mkdir()
        own = f"edge_fer-{__version__}"
        members = {
            "edge_fer/__init__.py": b"",
            "edge_fer_devices/__init__.py": b"",
            "tiny.py": b"def main(): print('the golden answers match')\n",
            f"{own}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: edge-fer\nVersion: {__version__}\n".encode(),
            f"{own}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{own}.dist-info/entry_points.txt": b"[console_scripts]\nedge-fer = tiny:main\n",
        }
        wheel = folder / f"{own}-py3-none-any.whl"
        own_wheel.write_wheel(wheel, members)
        shutil.copy(installer, folder)
        manifest = {
            "format": 1, "edge_fer": __version__, "machine": machine, "python": python, "models": list(models),
            "streams": streams, "wheels": {path.name: wheelhouse.sha256(path) for path in sorted(folder.glob("*.whl"))},
        }  # fmt: skip
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return give
