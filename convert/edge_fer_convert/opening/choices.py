"""What a model leaves open, and what whoever converts it has chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Choices:
    """How a model is opened. Every field has a value that suits a model that leaves nothing open."""

    size_px: int | None = None
    """Side of the face, where the model leaves it open."""
    output: str | None = None
    """Name of the output to take, of a model that has several."""
    columns: tuple[int, int] | None = None
    """First column of that output to take, and the one after the last; None for all."""
    custom: str | None = None
    """Python module that registers the model's own layers; it is imported first."""
    trust_lambda: bool = False
    """Whether the code that a Keras file carries in its Lambda layers may be executed."""
    torch_python: Path | None = None
    """Python of the environment that has edge-fer's extra ``torch``; None for this one."""

    def for_exported(self) -> Choices:
        """Return the choices that are left for a SavedModel that was made of the model with these."""
        return Choices(size_px=self.size_px)
