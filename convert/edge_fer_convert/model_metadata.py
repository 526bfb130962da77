"""The metadata that travels with a model: into its files, the manifest, the model card and the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge_fer.preprocess import Preprocess


@dataclass(frozen=True)
class ModelMetadata:
    """The model's name, the meaning of its outputs, and how its input is made."""

    name: str
    labels: tuple[str, ...]
    """The classes, in the order of the model's outputs."""
    preprocess: Preprocess
    description: str = ""
    licence: str = "unspecified"

    def mean_and_deviation(self) -> tuple[list[float], list[float]] | None:
        """Return mean and deviation of each channel: the model's value is (pixel - mean) / deviation.

        None where these are each crop's own.
        """
        if self.preprocess.standardize:
            return None
        table = self.preprocess.table()
        black = table[0].astype(np.float64)
        white = table[255].astype(np.float64)
        deviation = 255.0 / (white - black)
        mean = 0.0 - black * deviation  # subtracted from zero, because -black * deviation would give -0.0
        return mean.tolist(), deviation.tolist()
