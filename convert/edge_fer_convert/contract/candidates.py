"""The contracts that classifiers of faces commonly have: value ranges, means and deviations, equalised faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.preprocess import Preprocess

Triple = tuple[float, float, float]

RANGES: Final = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-0.5, 0.5))
"""Model values of pixels 0 and 255, the most usual first."""
GREY_NORMALIZED: Final = (0.449,), (0.226,)
"""Mean and deviation of grey pixels from 0 to 1: ImageNet's, averaged over its channels."""
IMAGENET: Final[tuple[Triple, Triple]] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet's pixels from 0 to 1 in red, green, blue, as torchvision documents them."""
CAFFE: Final[tuple[Triple, Triple]] = (0.40761, 0.45796, 0.48502), (1 / 255, 1 / 255, 1 / 255)
"""What VGG16 and its like subtract in blue, green, red: 103.939, 116.779 and 123.68 of 255, without dividing."""
TIGHTER: Final = (-0.1, -0.2)
"""Shares of its side by which a face is cut tighter, on each side, to see whether a model was trained so."""


@dataclass(frozen=True)
class Contract:
    """A way of making a model's input, and the options of ``edge-fer convert`` that say so."""

    options: str
    """What to pass instead; empty where no option says it."""
    spec: Preprocess
    widened: float = 0.0
    """By which share of its side each face is widened on each side before it is scaled; negative to cut it tighter."""

    @property
    def phrase(self) -> str:
        """The options as they follow "the answers fit better"."""
        return self.options if self.options.startswith("without") else f"with {self.options}"

    def values(self, faces: LabelledFaces) -> NDArray[np.float32]:
        """Return the ``(n, N, N, channels)`` model values of *faces*."""
        if not self.widened:
            return self.spec.to_values(faces.crops(self.spec))
        crops = [self.spec.crop(image, _box(image, self.widened)) for image in faces.images]
        return self.spec.to_values(np.stack(crops))


def alternatives(given: Contract) -> list[Contract]:
    """Return the usual contracts other than *given*, the most usual first."""
    return _others(given, [*of_values(given.spec), *_reversed(given.spec), *_equalized(given)])


def of_values(spec: Preprocess) -> list[Contract]:
    """Return *spec* with each of the usual ranges, means and deviations, the most usual first."""
    contracts = []
    for low, high in RANGES:
        changed = spec.model_copy(update={"low": low, "high": high, "standardize": False})
        contracts.append(Contract(f"--range {low:g},{high:g}", changed))
    each_by_itself = spec.model_copy(update={"low": 0.0, "high": 1.0, "standardize": True})
    contracts.append(Contract("--standardize", each_by_itself))
    if spec.planes == 1:
        return [*contracts, _normalized(spec, *GREY_NORMALIZED)]
    for mean, deviation in (IMAGENET, CAFFE):
        contracts.append(_normalized(spec, mean, deviation))
        contracts.append(_normalized(spec, mean[::-1], deviation[::-1]))
    return contracts


def tighter(given: Contract) -> list[Contract]:
    """Return *given* with faces that are cut tighter; no option of the command says so."""
    return [Contract("", given.spec, widened) for widened in TIGHTER]


def _equalized(given: Contract) -> list[Contract]:
    """Return *given* with equalised faces where it has them as they are, and the other way round."""
    changed = given.spec.model_copy(update={"equalize": not given.spec.equalize})
    word = "--equalize" if changed.equalize else "without --equalize"
    return [Contract(f"{given.options} {word}".strip(), changed)]


def _reversed(spec: Preprocess) -> list[Contract]:
    """Return *spec* with its channels' values in the other order: that of BGR instead of RGB."""
    if not isinstance(spec.low, tuple) or not isinstance(spec.high, tuple):
        return []
    low = np.array(spec.low[::-1])
    high = np.array(spec.high[::-1])
    deviation = 1 / (high - low)
    return [_normalized(spec, tuple(-low * deviation), tuple(deviation))]


def _normalized(spec: Preprocess, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Contract:
    """Return *spec* with pixels from 0 to 1 of which *mean* is subtracted before they are divided by *deviation*."""
    low, high = black_and_white(mean, deviation)
    options = f"--mean {_listed(mean)} --std {_listed(deviation)}"
    return Contract(options, spec.model_copy(update={"low": low, "high": high, "standardize": False}))


def black_and_white(
    mean: tuple[float, ...], deviation: tuple[float, ...]
) -> tuple[float, float] | tuple[Triple, Triple]:
    """Return the model values of pixels 0 and 255, which are 0 and 1 before *mean* is subtracted."""
    black = [-m / d for m, d in zip(mean, deviation, strict=True)]
    white = [(1 - m) / d for m, d in zip(mean, deviation, strict=True)]
    if len(black) == 1:
        return black[0], white[0]
    return (black[0], black[1], black[2]), (white[0], white[1], white[2])


def _others(given: Contract, contracts: list[Contract]) -> list[Contract]:
    """Return *contracts* without *given* and without repetitions."""
    different: list[Contract] = []
    for contract in contracts:
        if not any(_same(contract.spec, other.spec) for other in (given, *different)):
            different.append(contract)
    return different


def _same(one: Preprocess, other: Preprocess) -> bool:
    """Return whether the two give every face the same values, but for the rounding of printed numbers."""
    if one.standardize or other.standardize:
        return (one.standardize, one.equalize) == (other.standardize, other.equalize)
    tables = one.table(), other.table()
    close = np.allclose(*tables, rtol=0, atol=1e-4 * float(np.ptp(tables[0])))
    return one.equalize == other.equalize and close


def _listed(numbers: tuple[float, ...]) -> str:
    return ",".join(f"{number:.6g}" for number in numbers)


def _box(image: NDArray[np.uint8], widened: float) -> tuple[float, float, float, float]:
    height, width = image.shape
    growth = 1 + 2 * widened
    return -width * widened, -height * widened, width * growth, height * growth
