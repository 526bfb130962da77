"""Keeps cyclic garbage small: some tools drop copies of a whole model that only Python's collector can free."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

OFTEN: Final = (700, 5, 2)
"""Thresholds of the collector: it looks at all that is new after some thousands of new objects."""


@contextmanager
def collected_often() -> Iterator[None]:
    """Collect garbage often in the meantime. What is there already is left out, so that it costs next to nothing.

    By default Python looks at old objects only once they have grown by a quarter. Beside the millions of objects of
    TensorFlow, dozens of models do not count.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.collect()  # tells the collector that there are no old objects now
    gc.set_threshold(*OFTEN)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
