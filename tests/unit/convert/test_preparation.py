from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

for module in ("tensorflow", "ai_edge_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import Data, convert, open_model  # noqa: E402
from edge_fer_convert.formats import onnx_file  # noqa: E402
from edge_fer_convert.preparation import prepare  # noqa: E402


def test_neither_logits_nor_probabilities_are_refused(job, network, recorder):
    sigmoid = keras.Sequential([*network.layers[:-1], keras.layers.Dense(7, activation="sigmoid")])
    sigmoid.build((None, 32, 32, 1))
    with pytest.raises(BadInput, match="neither logits nor probabilities"):
        prepare(replace(job, model=open_model(sigmoid)), recorder)


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_scores_of_several_labels_become_shares_of_one(job, network, recorder, activation):
    several = keras.Sequential([*network.layers[:-1], keras.layers.Dense(7, activation=activation)])
    several.build((None, 32, 32, 1))
    several.layers[-1].set_weights(network.layers[-1].get_weights())
    prepared = prepare(replace(job, model=open_model(several), multi_label=True), recorder)
    values = prepared.calibration.values[:5]
    scores = several.predict(values, verbose=0)
    if activation == "linear":
        scores = 1 / (1 + np.exp(-scores))
    shares = scores / scores.sum(axis=1, keepdims=True)
    model = prepared.job.model
    assert np.allclose(model.scores(values), shares, atol=1e-4)
    assert np.allclose(model.original.scores(values), shares, atol=1e-4)
    assert np.allclose(onnx_file.run(model.onnx, values), shares, atol=1e-4)
    assert any("divided by their sum" in warning for warning in recorder.warnings)


def test_a_model_that_gives_nan_is_refused(job, network, recorder):
    broken = keras.models.clone_model(network)
    broken.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    with pytest.raises(BadInput, match="NaN or infinity"):
        prepare(replace(job, model=open_model(broken)), recorder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("a", "b", "c")}, "7 classes, but there are 3 labels .a, b, c"),
        ({"preprocess": Preprocess(size_px=48)}, "takes 32 px and 1 channels, but the preprocessing makes 48 px"),
    ],
)
def test_metadata_of_another_model_is_refused_before_any_work(job, changes, message, recorder):
    with pytest.raises(BadInput, match=message):
        convert(replace(job, metadata=replace(job.metadata, **changes)), recorder)
    assert recorder.steps == []


def test_an_unknown_target_is_refused_before_any_work(job, recorder):
    with pytest.raises(BadInput, match="no target 'tpu-int8'"):
        convert(replace(job, targets=("tpu-int8",)), recorder)
    assert recorder.steps == []


def test_unlabelled_evaluation_faces_are_refused(job, evaluation_faces, recorder):
    bare = replace(evaluation_faces, labels=np.full(len(evaluation_faces), -1))
    with pytest.raises(BadInput, match="drawn has no labels"):
        prepare(replace(job, evaluated=Data(bare, "drawn")), recorder)


def test_fewer_images_than_asked_for_are_a_warning(job, pool, recorder):
    few = pool.take(np.arange(0, 280, 7))
    prepared = prepare(replace(job, pool=Data(few, "few"), images=100), recorder)
    assert len(prepared.calibration.faces) == 40
    assert recorder.warnings[:2] == [
        "only 40 calibration images: below 100 the ranges depend on which ones they are",
        "few has only 40 of the 100 calibration images asked for",
    ]
