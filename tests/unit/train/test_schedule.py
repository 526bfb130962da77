from __future__ import annotations

import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer_train import recipe, schedule  # noqa: E402


def test_the_learning_rate_warms_up_for_half_an_epoch_and_falls_to_the_stages_end():
    training = recipe.load("cnn-1").trained
    stage = training.stages[0]
    steps = 10

    made = schedule.optimizer(training, stage, steps)

    def rate(step: int) -> float:
        made.iterations.assign(step)
        return float(keras.ops.convert_to_numpy(made.learning_rate))

    assert rate(0) == pytest.approx(stage.learning_rate / 20)
    assert rate(steps // 2) == pytest.approx(stage.learning_rate)
    assert rate(steps * stage.epochs) == pytest.approx(stage.final_learning_rate, rel=1e-4)


def test_the_optimizer_averages_weights_with_the_recipes_momentum():
    training = recipe.load("cnn-1").trained
    made = schedule.optimizer(training, training.stages[0], 10)
    assert made.use_ema
    assert made.ema_momentum == training.ema_momentum
    assert made.weight_decay == training.weight_decay
