"""Which output of a model holds the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.errors import BadInput
from edge_fer_convert.opening.shapes import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer_convert.formats.axes import Shape


def chosen(shapes: Mapping[str, Shape], wanted: str | None) -> str:
    """Return the name of the only output of *shapes*, or *wanted* where there are several.

    Raises `BadInput` with the names and shapes of all outputs when none or another one was chosen.
    """
    listed = ", ".join(f"{name} {shown(shape)}" for name, shape in shapes.items())
    if wanted is None:
        if len(shapes) == 1:
            return next(iter(shapes))
        raise BadInput(
            f"the model has {len(shapes)} outputs, {listed}: choose that of the scores with --output, e.g. "
            f"--output {next(iter(shapes), 'NAME')}"
        )
    if wanted not in shapes:
        raise BadInput(f"the model has no output {wanted!r}; it has {listed}")
    return wanted
