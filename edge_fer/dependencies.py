"""What a command needs beyond the base install, and how to install it."""

from __future__ import annotations

from importlib import util
from typing import TYPE_CHECKING

from edge_fer.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def require(packages: Mapping[str, str] | Iterable[str], extra: str, purpose: str) -> None:
    """Raise `MissingDependency` unless every module of *packages* is installed.

    *packages* are module names; a mapping gives the name of the distribution where it differs. *extra* is the extra of
    edge-fer that installs them, *purpose* what they are needed for. Nothing is imported.
    """
    names = packages if isinstance(packages, dict) else {module: module for module in packages}
    missing = [distribution for module, distribution in names.items() if util.find_spec(module) is None]
    if missing:
        raise MissingDependency(f"{purpose} needs {', '.join(missing)}: pip install 'edge-fer[{extra}]'")
