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


# The names below and the package are part of saved models: runs that were interrupted are loaded by them.
@keras.saving.register_keras_serializable(package="edge_fer")
class Distillation(keras.losses.Loss):  # type: ignore[misc]
    """A loss on the soft labels, and the distance to a teacher's softened scores (Hinton et al., 2015, section 2).

    ``y_true`` is ``(n, 2 * classes)``: soft labels, then the teacher's scores. Scores are softened by the power of
    1 / *temperature*, and made to sum to one again. The distance is the cross-entropy between the softened scores,
    times the temperature squared. It counts *weight*, and the loss *own* on the soft labels 1 - *weight*.
    """

    def __init__(
        self, own: LossName = "categorical-crossentropy", weight: float = 0.5, temperature: float = 2.0, **kwargs: Any
    ) -> None:
        super().__init__(**{"name": "distillation", **kwargs})
        self.own = own
        self.weight = weight
        self.temperature = temperature
        self._own = LOSSES[own](reduction=None)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return ``(n,)`` losses."""
        ops = keras.ops
        classes = y_pred.shape[-1]
        soft_labels = y_true[:, :classes]
        teacher = self._logits(y_true[:, classes:])
        student = self._logits(y_pred)
        distance = -ops.sum(ops.softmax(teacher) * ops.log_softmax(student), axis=-1)
        # Softening divides the gradients of the distance by the temperature squared; the factor makes up for it.
        distance_weight = self.weight * self.temperature**2
        return (1 - self.weight) * self._own(soft_labels, y_pred) + distance_weight * distance

    def _logits(self, scores: Any) -> Any:
        """Return the logits of the softened *scores*."""
        ops = keras.ops
        return ops.log(ops.maximum(scores, 1e-7)) / self.temperature

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, for saving."""
        return {
            **super().get_config(), "own": self.own, "weight": self.weight, "temperature": self.temperature,
        }  # fmt: skip


@keras.saving.register_keras_serializable(package="edge_fer")  # type: ignore[untyped-decorator]
def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return ``(n,)`` 1 where the largest score is that of the largest soft label, else 0; a teacher is ignored."""
    ops = keras.ops
    soft_labels = y_true[:, : y_pred.shape[-1]]
    is_right = ops.equal(ops.argmax(soft_labels, axis=-1), ops.argmax(y_pred, axis=-1))
    return ops.cast(is_right, "float32")
