"""Settings of the Keras backend and of the C library that make training faster."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from edge_fer_train.zoo.axes import DataFormat

# Parameters of glibc's mallopt; see <malloc.h>.
M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4


def keep_freed_memory() -> None:
    """Let glibc keep large freed blocks instead of returning them to the kernel at every training step.

    Otherwise page faults take a good part of every step on a CPU. Does nothing where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    # musl, the other C library of Linux, has no mallopt.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # Large blocks come from the heap too; mapped ones go back to the kernel as soon as they are freed.
        mallopt(M_MMAP_MAX, 0)
        # The heap never shrinks: mallopt takes an int, and this is the largest.
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        # It grows by 256 MiB at a time, so that few steps have to ask for more.
        mallopt(M_TOP_PAD, 2**28)


def fastest_data_format() -> DataFormat:
    """Return the axis order in which the current Keras backend trains fastest.

    On PyTorch, Keras transposes before and after every channels-last layer, which is slower. TensorFlow on a CPU
    supports channels last only.
    """
    return "channels_first" if keras.backend.backend() == "torch" else "channels_last"
