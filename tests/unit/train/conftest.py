from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def _on(backend: str, script: str) -> str:
    """Run *script* with Keras on *backend*, in a process of its own since a process has one; return what it prints."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def on_torch() -> Callable[[str], str]:
    """Run a script with Keras on PyTorch."""
    pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
    pytest.importorskip("torch", reason="PyTorch is not installed; it is no part of any extra, and too large for CI")
    return partial(_on, "torch")


@pytest.fixture
def on_jax() -> Callable[[str], str]:
    """Run a script with Keras on JAX."""
    pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
    if find_spec("jax") is None:  # not imported: this process has another backend
        pytest.skip("JAX is not installed; it is no part of any extra: pip install jax")
    return partial(_on, "jax")
