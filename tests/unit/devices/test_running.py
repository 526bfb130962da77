"""Programs of the system: what keeps one from running is one line."""

from __future__ import annotations

import sys

import pytest

from edge_fer.errors import EdgeFerError
from edge_fer_devices.running import run


def test_it_returns_what_was_said_and_the_exit_code():
    done = run([sys.executable, "-c", "print(input()); raise SystemExit(3)"], stdin="é", timeout_s=60, remedy="help")
    assert (done.stdout, done.returncode) == ("é\n", 3)


def test_what_does_not_end_and_what_is_not_there_is_one_line():
    with pytest.raises(EdgeFerError, match=r"did not end within 0 s; take another card$"):
        run([sys.executable, "-c", "input()"], stdin="", timeout_s=0, remedy="take another card")
    with pytest.raises(EdgeFerError, match=r"^/nowhere/mcopy cannot be run: No such file or directory; install it$"):
        run(["/nowhere/mcopy"], timeout_s=60, remedy="install it")
