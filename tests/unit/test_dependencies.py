from __future__ import annotations

import importlib
import os
import sys

import pytest
from click.testing import CliRunner

from edge_fer.cli import main
from edge_fer.dependencies import (
    HEADLESS,
    INSTALL_AGAIN,
    OLD_SYSTEM,
    OTHER_NUMPY,
    OTHER_PROCESSOR,
    broken_import,
    load,
    raise_broken_import,
    require,
)
from edge_fer.errors import MissingDependency

GLIBCXX = "/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by a.so)"
NUMPY = "numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88"
TENSORFLOW = (
    "Traceback (most recent call last):\n  File 'x.py', line 1\nImportError: libthing.so: wrong ELF class: ELFCLASS32\n"
    "\nFailed to load the native runtime."
)
FAULTS = [
    (f"raise ImportError({GLIBCXX!r})", "GLIBCXX_3.4.32' not found", OLD_SYSTEM),
    (f"raise ValueError({NUMPY!r})", "ValueError: numpy.dtype size changed", OTHER_NUMPY),
    ("raise ImportError('numpy.core.multiarray failed to import')", "multiarray failed", OTHER_NUMPY),
    ("raise AttributeError('_ARRAY_API not found')", "AttributeError: _ARRAY_API", OTHER_NUMPY),
    ("raise ImportError('libGL.so.1: cannot open shared object file: No such file')", "libGL.so.1", HEADLESS),
    ("raise OSError('/a/b.so: wrong ELF class: ELFCLASS32')", "OSError: /a/b.so", OTHER_PROCESSOR),
    (f"raise ImportError({TENSORFLOW!r})", "ImportError: libthing.so", OTHER_PROCESSOR),
    ("import no_such_module", "No module named 'no_such_module'", "pip install no_such_module"),
    ("import itself_", "No module named 'itself_'", "pip install itself_"),
    ("import json.lost", "No module named 'json.lost'", INSTALL_AGAIN),
    ("raise RuntimeError('two\\nlines \\x1b[31m')", "RuntimeError: two lines", INSTALL_AGAIN),
    ("raise SystemExit(3)", "SystemExit: 3", INSTALL_AGAIN),
    ("raise KeyError", "KeyError", INSTALL_AGAIN),
    ("1 +", "SyntaxError: invalid syntax", INSTALL_AGAIN),
]


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Returns a function that writes the package ``itself`` with a line of code."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(code):
        monkeypatch.delitem(sys.modules, "itself", raising=False)
        (tmp_path / "itself").mkdir()
        (tmp_path / "itself" / "__init__.py").write_text(code + "\n")
        importlib.invalidate_caches()

    yield write
    for name in list(sys.modules):
        if name.partition(".")[0] == "itself":
            del sys.modules[name]


def test_what_is_installed_is_enough():
    require({"json": "json", "email": "email"}, "eval", "edge-fer eval")


def test_what_is_missing_is_named_by_its_distribution_with_the_extra_that_installs_it():
    with pytest.raises(MissingDependency) as caught:
        require({"json": "json", "no_such_a": "no-such-a", "no_such_b": "b"}, "eval", "edge-fer eval")
    assert str(caught.value) == "edge-fer eval needs no-such-a, b: pip install 'edge-fer[eval]'"


def test_a_module_without_another_name_is_its_own_distribution():
    with pytest.raises(MissingDependency, match="a page needs no_such_module: pip install"):
        require(("no_such_module",), "bench", "a page")


def test_a_module_that_was_put_aside_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "put_aside", None)
    with pytest.raises(MissingDependency, match="a page needs put_aside"):
        require(("put_aside",), "bench", "a page")


def test_a_package_is_imported():
    assert load("json.decoder", "JSON", "").JSONDecoder


@pytest.mark.parametrize("name", ["no_such_package", "no_such_package.inside"])
def test_a_package_that_is_not_installed_is_named_with_its_remedy(name):
    with pytest.raises(MissingDependency) as caught:
        load(name, "Thing", "pip install thing")
    assert str(caught.value) == "Thing is not installed: pip install thing"


@pytest.mark.parametrize(("code", "words", "remedy"), FAULTS)
def test_whatever_an_import_raises_becomes_one_line_with_a_remedy(module, code, words, remedy):
    module(code)
    with pytest.raises(MissingDependency) as caught:
        load("itself", "Itself", "pip install itself")
    text = str(caught.value)
    assert text.startswith("Itself cannot be loaded: ")
    assert words in text
    assert text.endswith(remedy)
    assert text.isprintable()


def test_what_an_uninstalled_package_leaves_behind_does_not_count(module):
    module("")
    assert load("itself", "Itself", "pip install itself", uses="__name__")
    with pytest.raises(MissingDependency, match="Itself is incomplete, it has no Session: pip install itself"):
        load("itself", "Itself", "pip install itself", uses="Session")


@pytest.mark.parametrize("raised", [MemoryError, KeyboardInterrupt])
def test_what_is_no_fault_of_the_package_is_passed_on(module, raised):
    module(f"raise {raised.__name__}")
    with pytest.raises(raised):
        load("itself", "Itself", "")


@pytest.mark.parametrize(("code", "words", "remedy"), [fault for fault in FAULTS if "SystemExit" not in fault[0]])
def test_an_import_that_fails_anywhere_is_told_with_the_packages_name(module, code, words, remedy):
    module(code)
    with pytest.raises(Exception) as caught:  # noqa: PT011 (whatever it is)
        import itself  # noqa: F401
    error = broken_import(caught.value)
    assert words in str(error)
    assert str(error).endswith(remedy)
    assert error.exit_code == 8


def test_the_package_that_another_one_needs_is_named(module, tmp_path):
    module("import other")
    (tmp_path / "other.py").write_text("raise OSError('no')")
    with pytest.raises(OSError, match="no") as caught:
        import itself  # noqa: F401
    with pytest.raises(MissingDependency, match="itself cannot be loaded because of other: OSError: no; ") as told:
        raise_broken_import(caught.value)
    assert told.value.__cause__ is caught.value


def test_a_package_that_is_missing_is_told_with_what_installs_it():
    with pytest.raises(ImportError) as caught:
        import no_such_package  # noqa: F401
    assert str(broken_import(caught.value)).startswith("no_such_package is not installed: pip install edge-fer")


def test_a_package_without_what_is_used_of_it_is_told(module):
    module("")
    import itself

    with pytest.raises(AttributeError) as caught:
        itself.version()
    assert "itself does not fit, module 'itself' has no attribute 'version'" in str(broken_import(caught.value))


def test_other_errors_come_from_no_import():
    def fail():
        raise ValueError("numpy.dtype size changed")

    with pytest.raises(ValueError, match="numpy") as caught:
        fail()
    assert broken_import(caught.value) is None
    assert broken_import(MemoryError()) is None


@pytest.mark.parametrize("command", [("run", "--source", "missing.jpg"), ("verify", "missing")])
def test_commands_of_a_device_reserve_no_memory_for_threads_of_blas(monkeypatch, command):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    CliRunner().invoke(main, command)
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"  # the user's choice stays
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    CliRunner().invoke(main, command)
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
