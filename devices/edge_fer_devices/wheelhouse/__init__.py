"""The wheels that a device installs without a network: pinned, with hashes, for its Python and its processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer_devices.wheelhouse.building import build
    from edge_fer_devices.wheelhouse.wheels import (
        DEFAULT_PYTHON,
        PYTHONS,
        Wheelhouse,
        board,
        check_fits,
        is_wheelhouse,
        load,
        sha256,
    )

__all__ = ["DEFAULT_PYTHON", "PYTHONS", "Wheelhouse", "board", "build", "check_fits", "is_wheelhouse", "load", "sha256"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "DEFAULT_PYTHON": "wheels",
        "PYTHONS": "wheels",
        "Wheelhouse": "wheels",
        "board": "wheels",
        "build": "building",
        "check_fits": "wheels",
        "is_wheelhouse": "wheels",
        "load": "wheels",
        "sha256": "wheels",
    },
)
