"""Whether a model scales its input down before all else, which tells that it takes pixels from 0 to 255."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SMALL: Final = 1 / 16
"""Factor below which values cannot have been 0 to 1 before: they would span less than a sixteenth afterwards.

Pixels divided by 255, 127.5 or by their standard deviation, which is 20 at least in photographs, have smaller factors;
a normalisation of values from 0 to 1 has one of three and more."""


def shrinks(factors: Iterable[float]) -> bool:
    """Return whether the product of *factors*, in the order in which a model multiplies by them, ever gets small."""
    product = 1.0
    for factor in factors:
        product *= factor
        if 0 < product < SMALL:
            return True
    return False
