"""Models that teach a smaller one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from edge_fer.errors import BadInput
from edge_fer.preprocess import Preprocess
from edge_fer_convert import checkpoints

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class Teacher:
    """Float models whose scores are joined by the product rule; each sees the faces at its own size."""

    def __init__(self, paths: Sequence[Path], contract: Preprocess, classes: int) -> None:
        self._models = [self._load(path, classes) for path in paths]
        self._contracts = [contract.at(model.input_shape[1]) for model in self._models]

    @staticmethod
    def _load(path: Path, classes: int) -> keras.Model:
        if not path.is_file():
            raise BadInput(f"the teacher {path} is not there; train it first, or pass another with --teacher")
        model = checkpoints.load(path)
        if model.output_shape[-1] != classes:
            raise BadInput(f"the teacher {path} knows {model.output_shape[-1]} classes; the faces have {classes}")
        model.trainable = False  # or else PyTorch keeps what a gradient would need
        return model

    def scores(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, classes)`` scores of ``(n, N, N)`` uint8 *crops* of any size."""
        logarithm = np.zeros(0)
        for model, contract in zip(self._models, self._contracts, strict=True):
            seen = crops
            if crops.shape[1] != contract.size_px:
                resized = Preprocess(size_px=contract.size_px)  # what else the contract wants is done already
                seen = np.stack([resized.crop(crop) for crop in crops])
            answer = keras.ops.convert_to_numpy(model(contract.to_values(seen), training=False))
            logarithm = np.log(np.maximum(np.asarray(answer, np.float64), 1e-12)) + (
                logarithm if logarithm.size else 0.0
            )
        product = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
        return np.asarray(product / product.sum(axis=1, keepdims=True), np.float32)
