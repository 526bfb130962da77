"""Silences third-party tools while they work, because a live progress line shares the terminal with them."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def quiet(*loggers: str) -> Iterator[None]:
    """Discard what Python code prints and warns meanwhile, and what *loggers* log below an error.

    Streams, warning filters and levels are restored afterwards, also when an exception passes through. ``"root"`` names
    the root logger. Output of C++ code is not affected; `ProgressDisplay` diverts it.
    """
    levels = {}
    for name in loggers:
        levels[name] = logging.getLogger(name).level
    try:
        for name in loggers:
            logging.getLogger(name).setLevel(logging.ERROR)
        # Stderr too, because tqdm's progress bars go there.
        discarded = io.StringIO()
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(discarded),
            contextlib.redirect_stderr(discarded),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
