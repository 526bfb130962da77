"""The shapes that a classifier of faces may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from edge_fer_convert.formats.axes import Shape


def fixed(shape: Shape, size_px: int | None) -> tuple[int, int, int, int]:
    """Return the input *shape* with a batch of one, and with *size_px* where its sides are open.

    Raises `BadInput` for a shape that no square face fits.
    """
    text = shown(shape)
    if len(shape) != 4:
        raise BadInput(f"the model's input is {text}; a FER classifier takes (1, N, N, 1 or 3) or (1, 1 or 3, N, N)")
    # Which axis holds the channels follows from its size: no face is 1 or 3 pixels wide.
    batch = shape[0]
    channels_last = shape[3] in (1, 3)
    planes = shape[3] if channels_last else shape[1]
    sides = shape[1:3] if channels_last else shape[2:4]
    if planes not in (1, 3):
        raise BadInput(f"the model's input is {text}: neither its last nor its second axis is 1 or 3 channels")
    height, width = [size_px if side is None else side for side in sides]
    if height is None or width is None:
        raise BadInput(f"the model's input is {text}: its sides are open; set them with --size, e.g. --size 96")
    if height != width:
        raise BadInput(f"the model's input is {text}, faces are square; export the model with a square input")
    if size_px is not None and height != size_px:
        raise BadInput(f"the model's input is {text}, --size says {size_px}; leave --size out")
    if batch not in (None, 1):
        raise BadInput(f"the model's input is {text}: its batch is fixed to {batch}; export it with a batch of 1")
    return (1, height, width, planes) if channels_last else (1, planes, height, width)


def shown(shape: Shape) -> tuple[int | str, ...]:
    """Return *shape* as a message shows it, with a question mark for each open axis."""
    return tuple("?" if size is None else size for size in shape)


def classes(shape: Shape) -> int:
    """Return the number of classes of an output of *shape*. Raises `BadInput` for an output that is no classifier's."""
    if len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise BadInput(f"the model's output is {shape}; a classifier gives (1, classes) with two classes or more")
    return int(shape[1])
