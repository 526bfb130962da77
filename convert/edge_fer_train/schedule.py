"""How a stage steps: AdamW with averaged weights, under a cosine of the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from edge_fer_train.recipe import Stage, TrainingSettings

WARM_UP_FROM = 1 / 20
"""The learning rate of the first step, as a share of the stage's."""


def optimizer(training: TrainingSettings, stage: Stage, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Return the optimizer of *stage*, which begins anew: half an epoch of warm-up, then a cosine down to its end."""
    # AdamW's second moments are rough estimates at first; half an epoch of warm-up also suits stages of few epochs.
    warm_up = steps_per_epoch // 2
    cosine = keras.optimizers.schedules.CosineDecay(
        stage.learning_rate * WARM_UP_FROM,
        # A stage of no epochs still needs a schedule that Keras accepts.
        decay_steps=max(1, steps_per_epoch * stage.epochs - warm_up),
        alpha=stage.final_learning_rate / stage.learning_rate,
        warmup_target=stage.learning_rate,
        warmup_steps=warm_up,
    )
    return keras.optimizers.AdamW(
        cosine, weight_decay=training.weight_decay, use_ema=True, ema_momentum=training.ema_momentum
    )
