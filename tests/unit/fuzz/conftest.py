"""Makes `tests/fuzz` importable, and skips its tests where what it needs is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
NEEDED = ("onnx", "PIL", "av", "flatbuffers", "matplotlib", "ai_edge_litert.schema_py_generated")

if str(TESTS) not in sys.path:
    sys.path.append(str(TESTS))


@pytest.fixture(autouse=True, scope="session")
def needed():
    for name in NEEDED:
        pytest.importorskip(name)


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    from fuzz.films import write_films

    folder = tmp_path_factory.mktemp("films")
    write_films(folder)
    return folder


@pytest.fixture
def rng():
    from fuzz.case import seeded

    return seeded("1")
