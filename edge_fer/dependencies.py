"""Packages that edge-fer needs or can use: whether they are installed, how to install them, why one cannot be loaded.

A package can be there and still not load: its library wants a newer system, another NumPy, or another processor. Then
its import raises almost anything. `load` and `broken_import` make one line of it, with the remedy.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Mapping
from importlib import util
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import MissingDependency, one_line

if TYPE_CHECKING:
    from types import TracebackType

OWN_PACKAGES: Final = frozenset(
    {"__main__", "edge_fer", "edge_fer_train", "edge_fer_convert", "edge_fer_bench", "edge_fer_devices"}
)
HEADLESS: Final = (
    "the OpenCV without windows needs no such library: pip uninstall opencv-python opencv-contrib-python, then "
    "pip install --force-reinstall 'opencv-python-headless<5'"
)
OTHER_NUMPY: Final = (
    "it was built for another NumPy: install a NumPy that fits it, or a version of it that fits this NumPy "
    "(what the operating system has installed wants the operating system's NumPy)"
)
OLD_SYSTEM: Final = "this system is too old for it: install an older version of it, or use a newer system"
OTHER_PROCESSOR: Final = (
    "it was built for another processor: create the virtual environment on this machine, and install it there"
)
REMEDIES: Final = {
    r"lib(GL|EGL|gthread|X11|Xext|SM|ICE)\b[-.\w]*\.so": HEADLESS,
    r"(GLIBC|GLIBCXX|CXXABI)_": OLD_SYSTEM,
    r"(?i)numpy.*(size changed|incompatib|multiarray|_core|using numpy)|_ARRAY_API|ABI version": OTHER_NUMPY,
    r"ELF|(?i:wrong architecture|exec format|cannot execute binary|incompatible architecture)": OTHER_PROCESSOR,
    r"(?i)too many open files": "allow more of them: ulimit -n 1024",
    r"(?i)cannot allocate memory|failed to map segment|unable to allocate": "there is too little memory for it",
    r"cannot open shared object file|Library not loaded": "a library of the system is missing: install it",
}
"""What helps, by a pattern of the words in which loading has failed; the first that matches counts."""
INSTALL_AGAIN: Final = "it is damaged or does not fit its neighbours: install it again"


def require(packages: Mapping[str, str] | Iterable[str], extra: str, purpose: str) -> None:
    """Raise `MissingDependency` unless every module of *packages* is installed. Nothing is imported.

    *packages* are names of modules; a mapping also gives the name of the distribution, where that differs. *extra* is
    the extra of edge-fer that installs them, *purpose* what they are needed for, as the message begins.
    """
    distributions = packages if isinstance(packages, Mapping) else {module: module for module in packages}
    missing = []
    for module, distribution in distributions.items():
        if not _is_there(module):
            missing.append(distribution)
    if missing:
        raise MissingDependency(f"{purpose} needs {', '.join(missing)}: pip install 'edge-fer[{extra}]'")


def spare_memory() -> None:
    """Let NumPy and OpenCV multiply matrices in one thread; they multiply none that are large.

    For a command on a device, before it imports them. Their library (OpenBLAS) otherwise reserves memory for a thread
    of each core, and where it gets none, it crashes or interrupts the process.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def load(module: str, name: str, remedy: str, *, uses: str = "") -> Any:
    """Import *module* and return it. Raises `MissingDependency` if that fails, whatever the import raises.

    *name* is what people call it, *remedy* what to do where it is not installed. Where it is installed and cannot be
    loaded, the error holds the library's own words, and what helps against those. *uses* is an attribute that it must
    have: what an uninstalled package leaves behind can still be imported.
    """
    try:
        loaded = importlib.import_module(module)
    except MemoryError:
        raise  # no fault of the package
    # A library's import may raise anything; some even leave the process.
    except (Exception, SystemExit) as exc:
        if isinstance(exc, ModuleNotFoundError) and exc.name == _root(module):
            raise MissingDependency(f"{name} is not installed: {remedy}") from exc
        raise MissingDependency(f"{name} cannot be loaded: {explanation(exc)}") from exc
    if uses and not hasattr(loaded, uses):
        raise MissingDependency(f"{name} is incomplete, it has no {uses}: {remedy}")
    return loaded


def explanation(exc: BaseException) -> str:
    """Return in one line in which words the import of a library has failed, and what helps."""
    words = _own_words(exc)
    for pattern, remedy in REMEDIES.items():
        if re.search(pattern, words):
            return f"{words}; {remedy}"
    # A whole package is missing; of an installed one, a part that is missing was lost.
    if isinstance(exc, ModuleNotFoundError) and exc.name == _root(exc.name):
        return f"{words}; install what is missing: pip install {exc.name}"
    return f"{words}; {INSTALL_AGAIN}"


def broken_import(exc: BaseException) -> MissingDependency | None:
    """Return the error about a package that cannot be imported or is incomplete, if *exc* comes from one; else None.

    `load` does not see the imports at the top of modules, such as OpenCV's and NumPy's.
    """
    if isinstance(exc, MemoryError):
        return None
    # Some files of a package are gone, or it is of a version that edge-fer does not know.
    if isinstance(exc, AttributeError) and isinstance(exc.obj, ModuleType):
        package = _root(exc.obj.__name__)
        if package in OWN_PACKAGES:
            return None
        return MissingDependency(f"{package} does not fit, {one_line(exc)}: install the version that edge-fer asks for")
    if isinstance(exc, SyntaxError):  # of a file that is damaged, or for another Python
        return MissingDependency(f"{exc.filename} cannot be loaded: {explanation(exc)}")
    packages = _being_imported(exc.__traceback__)
    # An extension module that cannot be loaded has no frame of its own.
    if not packages and isinstance(exc, ImportError) and exc.name is not None:
        packages = [_root(exc.name)]
    if not packages:
        return None
    first = packages[0]
    if isinstance(exc, ModuleNotFoundError) and exc.name == first:
        return MissingDependency(f"{first} is not installed: pip install edge-fer installs what it needs")
    origin = f" because of {packages[-1]}" if packages[-1] != first else ""
    return MissingDependency(f"{first} cannot be loaded{origin}: {explanation(exc)}")


def raise_broken_import(exc: BaseException) -> None:
    """Raise `broken_import` of *exc*, if there is one.

    For what treats every error of a library as one about the user's file.
    """
    broken = broken_import(exc)
    if broken is not None:
        raise broken from exc


def _being_imported(traceback: TracebackType | None) -> list[str]:
    """Return the names of the foreign packages that were being imported in *traceback*, each by the one before it."""
    packages = []
    while traceback is not None:
        frame = traceback.tb_frame
        package = _root(str(frame.f_globals.get("__name__")))
        # The code at the top of a module runs when it is imported; Python calls its frame so.
        if frame.f_code.co_name == "<module>" and package not in OWN_PACKAGES:
            packages.append(package)
        traceback = traceback.tb_next
    return packages


def _own_words(exc: BaseException) -> str:
    """Return the message of *exc* in one line; of an error that quotes a traceback, that traceback's last line."""
    text = str(exc)
    if "Traceback (most recent call last)" in text:  # TensorFlow's errors, for example
        quoted = re.findall(r"^\w*(?:Error|Exception): .*$", text, re.MULTILINE)
        text = quoted[-1] if quoted else text
    words = one_line(text)
    # The message of an ImportError speaks for itself. That of a KeyError is a key.
    return words if words and isinstance(exc, ImportError) else f"{type(exc).__name__}: {words}"


def _is_there(module: str) -> bool:
    """Return whether *module* is installed. It is only looked for: importing TensorFlow takes seconds."""
    try:
        return util.find_spec(module) is not None
    # ValueError: a module that was put aside in sys.modules has no spec.
    except (ImportError, ValueError):
        return False


def _root(name: str | None) -> str:
    return (name or "a package").partition(".")[0]
