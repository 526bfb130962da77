from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge_fer.classifier import Classifier
from edge_fer.cli import main
from edge_fer.errors import BackendError
from edge_fer.labelled import LabelledFaces
from edge_fer.pipeline import STAGES
from edge_fer_bench import measure, results

TINY = str(Path(__file__).parents[2] / "golden" / "tiny")


def quiet(share: float) -> None:
    assert share >= 0


def test_every_stage_has_a_value_a_frame(tiny):
    with Classifier(tiny) as classifier:
        stages = measure.stages(classifier, 0.1, quiet)
    assert stages.keys() == set(STAGES)
    assert len({len(values) for values in stages.values()}) == 1
    assert len(stages["detect"]) > 50


def test_each_target_whose_runtime_is_here_is_timed_equally_often(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    values = measure.classifiers(tiny, 30, 1)
    assert {"litert-int8", "litert-float32"} <= values.keys()
    assert not any(name.startswith("openvino") for name in values)
    assert {len(spent) for spent in values.values()} == {30}


def test_processes_are_started_and_their_memory_is_theirs():
    first, peak = measure.processes(["--model", TINY], 1, quiet)
    assert len(first) == len(peak) == 1
    assert 0 < first[0] < 60
    assert 20 < peak[0] < 2000


def test_a_process_that_fails_is_an_error_with_its_words():
    with pytest.raises(BackendError, match="no bundle at nothing"):
        measure.processes(["--model", "nothing"], 1, quiet)


def test_tracking_is_compared_with_full_searches():
    tracking = measure.tracking(range(1), quiet)
    assert len(tracking.iou) > 50
    assert all(0 <= value <= 1 for value in tracking.iou)
    assert len(tracking.found_again_s) == 2
    assert not any(math.isinf(value) for value in tracking.found_again_s)


def test_accuracy_is_that_of_the_files_that_were_timed(tiny):
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16)).astype(np.uint8)
    with Classifier(tiny) as classifier:
        labels = classifier.scores(images).argmax(axis=1)
    faces = LabelledFaces(images, labels, tuple("abcdef"), tiny.manifest.labels)
    judged = {worth.target: worth for worth in measure.judge(tiny, faces, "made.zip", quiet)}
    assert judged["litert-int8"].accuracy == 1.0
    assert judged["litert-int8"].predicted == tuple(labels.tolist())


def test_bench_prints_a_table_and_keeps_the_raw_values(tmp_path):
    path = tmp_path / "result.json"
    done = CliRunner().invoke(main, ["bench", "--model", TINY, "--seconds", "1", "--json", str(path)])
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert "frames a second" in done.stdout
    assert "running frames" in done.stderr
    assert results.load(path).golden.passed
