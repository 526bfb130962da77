from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[convert]'")

from edge_fer.labelled import load_faces  # noqa: E402
from edge_fer_convert import recipe, zoo  # noqa: E402
from edge_fer_convert.training import run as train  # noqa: E402
from edge_fer_convert.training import soft_labels  # noqa: E402
from edge_fer_convert.training.batches import Batches  # noqa: E402
from edge_fer_convert.zoo import fused  # noqa: E402


def test_recalibration_takes_the_plain_mean_over_its_batches():
    model = train.build(recipe.load("cnn-1"), 32)
    batches = [np.random.default_rng(n).random((4, 32, 32, 1)).astype(np.float32) for n in range(3)]
    before = model.get_layer("norm_1").momentum
    train.recalibrate(model, batches)
    pooled = keras.Model(model.inputs, model.get_layer("pool_1").output)
    means = [np.asarray(keras.ops.convert_to_numpy(pooled(batch))).mean(axis=(0, 1, 2)) for batch in batches]
    moving = np.asarray(keras.ops.convert_to_numpy(model.get_layer("norm_1").moving_mean))
    assert np.allclose(moving, np.mean(means, axis=0), atol=1e-5)
    assert model.get_layer("norm_1").momentum == before


def test_recalibration_reaches_the_networks_that_are_joined():
    model = zoo.build("fused-product", 32)
    norm = fused.networks(model)[1]["norm_3b"]
    before = norm.get_weights()
    train.recalibrate(model, [np.random.default_rng(0).random((4, 32, 32, 1)).astype(np.float32)])
    assert [np.array_equal(old, new) for old, new in zip(before, norm.get_weights(), strict=True)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_judging_leaves_the_weights_as_they_were(drawn_zip, tmp_path):
    faces = load_faces(drawn_zip)
    chosen = recipe.load("cnn-1").with_epochs(1)
    stage = chosen.training.stages[0]
    run = train.Run(chosen, tmp_path, faces, soft_labels.hard(faces), faces, lambda _: None)
    model = train.build(chosen, stage.size_px, 7, train.fastest_data_format())
    model.compile(run._optimizer(stage), "categorical_crossentropy")
    batches = Batches(faces, run.targets, chosen, stage, 0)
    model.fit(batches, verbose=0)
    before = [np.array(weight) for weight in model.get_weights()]
    run._judge(model, batches, faces.crops(chosen.preprocess.at(stage.size_px)))
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    kept = keras.saving.load_model(tmp_path / "best.keras", compile=False)
    assert any(not np.array_equal(old, new) for old, new in zip(before, kept.get_weights(), strict=True))
