"""Makes `tests/arm64` importable, and prepares the emulated systems once a session, where they are asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).resolve().parents[1]
FRAMES = 14
FPS = 10

if str(TESTS) not in sys.path:
    sys.path.append(str(TESTS))


@pytest.fixture(scope="session")
def wheel():
    from arm64 import emulation

    if os.environ.get("EDGE_FER_ARM64") != "1":
        pytest.skip("emulating arm64 takes minutes: EDGE_FER_ARM64=1 asks for it")
    try:
        return emulation.build_wheel()
    except emulation.CannotEmulate as exc:
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def roots(wheel):
    """Returns the root of a distribution, prepared at its first use."""
    from arm64 import emulation

    prepared = {}

    def root(distribution: str) -> Path:
        if distribution not in prepared:
            try:
                prepared[distribution] = emulation.prepare(distribution, wheel)
            except emulation.CannotEmulate as exc:
                pytest.skip(str(exc))
        return prepared[distribution]

    return root


@pytest.fixture(scope="session")
def host(wheel):
    """Runs a Python program on this machine, with the same wheel."""
    import subprocess

    from arm64 import emulation

    packages = emulation.install_here(wheel)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(packages)}

    def run(*arguments: str, shared: Path):
        command = [sys.executable, *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=shared)

    return run


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder with a drawn picture and a film of drawn people.

    They are drawn here: no two kinds of CPU draw the same pixels.
    """
    import cv2

    from edge_fer.sources.synthetic import SyntheticCamera

    folder = tmp_path_factory.mktemp("pictures")
    camera = SyntheticCamera(scene="hard", fps=FPS)
    film = np.stack([camera.frame(number).image for number in range(FRAMES)])
    np.savez(folder / "film.npz", frames=film)
    cv2.imwrite(str(folder / "drawn.jpg"), SyntheticCamera().frame(0).image)
    return folder
