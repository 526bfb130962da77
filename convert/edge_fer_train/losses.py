"""What training minimises: the losses that Umer et al. compare (CMES 2022, Fig. 8), and distillation beside them."""

from __future__ import annotations

from typing import Any, Final, get_args

import keras

from edge_fer_train.recipe import LossName

LOSSES: Final[dict[LossName, type[keras.losses.Loss]]] = {
    "categorical-crossentropy": keras.losses.CategoricalCrossentropy,
    "binary-crossentropy": keras.losses.BinaryCrossentropy,
    "mean-squared-error": keras.losses.MeanSquaredError,
    "hinge": keras.losses.CategoricalHinge,
}
assert set(LOSSES) == set(get_args(LossName))  # noqa: S101 (a recipe's names are these)


@keras.saving.register_keras_serializable(package="edge_fer")
class Distillation(keras.losses.Loss):  # type: ignore[misc]
    """A loss on the targets, and the distance to a teacher's softened scores (Hinton et al., 2015, section 2).

    ``y_true`` is ``(n, 2 * classes)``: targets, then the teacher's scores. The distance is the cross-entropy between
    both scores to the power of 1 / *temperature*, made to sum to one, times the temperature squared; it counts *weight*
    and the loss on the targets the rest.
    """

    def __init__(
        self, own: LossName = "categorical-crossentropy", weight: float = 0.5, temperature: float = 2.0, **kwargs: Any
    ) -> None:
        super().__init__(**{"name": "distillation", **kwargs})
        self.own, self.weight, self.temperature = own, weight, temperature
        self._own = LOSSES[own](reduction=None)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return ``(n,)`` losses."""
        ops = keras.ops
        classes = y_pred.shape[-1]
        targets, teacher = y_true[:, :classes], y_true[:, classes:]
        softened = [ops.log(ops.maximum(p, 1e-7)) / self.temperature for p in (teacher, y_pred)]
        distance = -ops.sum(ops.softmax(softened[0]) * ops.log_softmax(softened[1]), axis=-1)
        return (1 - self.weight) * self._own(targets, y_pred) + self.weight * self.temperature**2 * distance

    def get_config(self) -> dict[str, Any]:
        """Return what the loss is made of."""
        return {
            **super().get_config(), "own": self.own, "weight": self.weight, "temperature": self.temperature,
        }  # fmt: skip


@keras.saving.register_keras_serializable(package="edge_fer")  # type: ignore[untyped-decorator]
def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return whether the largest score is that of the largest target; what follows the targets is left out."""
    ops = keras.ops
    targets = y_true[:, : y_pred.shape[-1]]
    return ops.cast(ops.equal(ops.argmax(targets, axis=-1), ops.argmax(y_pred, axis=-1)), "float32")
