"""Packages beyond the base install: whether they are installed, and how to install them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import util

from edge_fer.errors import MissingDependency


def require(packages: Mapping[str, str] | Iterable[str], extra: str, purpose: str) -> None:
    """Raise `MissingDependency` unless every module of *packages* is installed. Nothing is imported.

    *packages* are names of modules; a mapping also gives the name of the distribution, where that differs. *extra* is
    the extra of edge-fer that installs them, *purpose* what they are needed for, as the message begins.
    """
    distributions = packages if isinstance(packages, Mapping) else {module: module for module in packages}
    missing = []
    for module, distribution in distributions.items():
        # find_spec only looks for the module: importing TensorFlow takes seconds.
        if util.find_spec(module) is None:
            missing.append(distribution)
    if missing:
        raise MissingDependency(f"{purpose} needs {', '.join(missing)}: pip install 'edge-fer[{extra}]'")
