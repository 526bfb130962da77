"""Public names of a package that are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_exports(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and the ``__dir__`` (PEP 562) of *package*.

    *modules* maps each public name to the module of the package that defines it, or to ``module:name`` where the module
    has another name for it. A package uses it so::

        __getattr__, __dir__ = lazy_exports(__name__, {"Bundle": "bundle"})

    The package also lists the names in ``__all__`` and imports them under ``TYPE_CHECKING``, for type checkers, which
    execute nothing. A name must differ from every module of the package: an imported module becomes an attribute of its
    package, and Python then never calls ``__getattr__`` for it.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 (the name that Python looks for)
        # AttributeError and nothing else: `from package import module` looks for an attribute first, and imports the
        # module only when the lookup raises AttributeError.
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, original = modules[name].partition(":")
        return getattr(importlib.import_module(f"{package}.{module}"), original or name)

    def __dir__() -> list[str]:  # noqa: N807
        return sorted(sys.modules[package].__all__)

    return __getattr__, __dir__
