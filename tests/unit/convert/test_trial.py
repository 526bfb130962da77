"""Files that nobody has executed yet are executed in a process that may die of them."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed: pip install -e '.[convert]'")

from pathlib import Path

from edge_fer.backends import ModelFile
from edge_fer.backends import load as load_backend
from edge_fer.bundle import load
from edge_fer.errors import BackendError
from edge_fer_convert.trial import Trial

TINY = Path(__file__).parents[2] / "golden" / "tiny"


def test_a_runtime_that_dies_of_a_file_costs_that_file(monkeypatch):
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    manifest = load(TINY).manifest
    model = ModelFile((TINY / "litert-int8.tflite").read_bytes(), manifest.preprocess, manifest.labels)
    side = manifest.preprocess.size_px
    crops = np.random.default_rng(0).integers(0, 256, (130, side, side), np.uint8)
    with load_backend("litert", model) as backend:
        expected = backend.run(crops)
    shares = []
    with Trial("litert", crops) as trial:
        assert np.array_equal(trial.scores(model, shares.append), expected)
        with pytest.raises(BackendError, match="refuses the model") as refused:
            trial.scores(ModelFile(b"nonsense", manifest.preprocess, manifest.labels), shares.append)
        os.kill(trial._process.pid, signal.SIGABRT)
        with pytest.raises(BackendError, match=r"litert died while executing it \(SIGABRT\)") as died:
            trial.scores(model, shares.append)
        assert np.array_equal(trial.scores(model, shares.append), expected)
        process = trial._process
    assert process.poll() is not None
    assert "Flatbuffer" in str(refused.value.__cause__)
    assert "Fatal Python error: Aborted" in str(died.value.__cause__)
    assert shares[0] == 0
    assert shares.count(1) == 2
