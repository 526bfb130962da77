from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def on_torch() -> Callable[[str], str]:
    """Run a script with Keras on PyTorch, in a process of its own since a process has one backend; what it prints."""
    pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
    pytest.importorskip("torch", reason="PyTorch is not installed; it is no part of any extra, and too large for CI")

    def run(script: str) -> str:
        environment = {**os.environ, "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run
