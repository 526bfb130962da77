"""What a process does wrong is seen, and what it does right is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GOOD = "import sys; print('done')"
REFUSES = "import sys; print('edge-fer: bad; copy it again', file=sys.stderr); sys.exit(4)"


@pytest.fixture
def watched(tmp_path):
    """Returns how a Python program ends that should leave with 0 or 4."""
    from fuzz.case import Command
    from fuzz.watch import watch

    def run(program):
        out, err = tmp_path / "out", tmp_path / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-S", "-c", program], stdout=stdout, stderr=stderr, start_new_session=True
            )
        ended = watch(process.pid, ("verify",), Command(("verify",), frozenset({0, 4})), out, err)
        process.returncode = ended.code  # it has been waited for
        return ended

    return run


@pytest.mark.parametrize("program", [GOOD, REFUSES])
def test_nothing_is_wrong_with_an_answer_or_a_clear_refusal(watched, program):
    ended = watched(program)
    assert (ended.verdict, ended.foreign) == ("", 0)


@pytest.mark.parametrize(
    ("program", "verdict", "where"),
    [
        ("import os; os.abort()", "signal", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal", "SIGSEGV"),
        ("1 / 0", "traceback", ": ZeroDivisionError: division by zero"),
        ("import sys; print('edge-fer: x', file=sys.stderr); sys.exit(9)", "exit code", "9: edge-fer: x"),
        ("import sys; print('libfoo: failed', file=sys.stderr); sys.exit(4)", "unclear", "exit code 4 with no line"),
        ("import sys; print('edge-fer: ' + 'x' * 3000, file=sys.stderr); sys.exit(4)", "unclear", "a line of over"),
        ("print('a\\x1b[2Jb')", "control characters", "'\\x1b' in what verify prints"),
        ("print('\\u202e')", "control characters", "\\u202e"),
    ],
)
def test_what_is_wrong_is_named(watched, program, verdict, where):
    ended = watched(program)
    assert ended.verdict == verdict
    assert where in ended.where


def test_what_hangs_is_ended_with_its_children(watched, monkeypatch, tmp_path):
    monkeypatch.setattr("fuzz.watch.MAX_SECONDS", 0.5)
    pid = tmp_path / "pid"
    ended = watched(f"import os, time; p = os.fork(); p and open({str(pid)!r}, 'w').write(str(p)); time.sleep(60)")
    assert ended.verdict == "hang"
    state = Path(f"/proc/{pid.read_text()}/stat")
    # Gone, or dead and not yet waited for by whoever inherited it.
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_what_takes_too_much_memory_is_named(watched, monkeypatch):
    monkeypatch.setattr("fuzz.watch.MAX_MB", 100)
    assert watched("x = bytearray(50 << 20); import time; time.sleep(0.1)").verdict == ""
    ended = watched("x = bytearray(150 << 20); import time; time.sleep(0.1)")
    assert (ended.verdict, ended.where) == ("memory", "over 100 MB")


def test_memory_of_children_is_told_apart(watched):
    ended = watched("import os, time; os.fork() or (bytearray(200 << 20), os._exit(0)); os.wait(); time.sleep(0.1)")
    assert ended.peak_mb < 100 < ended.children_mb
