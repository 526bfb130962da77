"""Closed and full standard streams, in processes of their own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_fer import streams

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full, which is always a full disk")


def shell(arguments, **environment):
    """Return exit code, stdout and stderr of edge-fer with *arguments*, in which a shell finds redirections."""
    command = f"{sys.executable} -m edge_fer.cli {arguments}"
    if environment:
        command = " ".join(f"{name}={value}" for name, value in environment.items()) + " " + command
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("arguments", ["models", "--help", "models --help"])
def test_a_full_stdout_is_told_in_one_line(arguments):
    code, _, stderr = shell(f"{arguments} >{FULL}")
    assert code == 6
    assert stderr == "edge-fer: stdout cannot be written: No space left on device; is the disk full?\n"


def test_a_closed_stdout_is_told_in_one_line_and_no_file_gets_its_number():
    code, _, stderr = shell("models >&- <&-")
    assert code == 6
    assert stderr.startswith("edge-fer: stdout cannot be written: Bad file descriptor; it is closed")
    assert stderr.count("\n") == 1


@pytest.mark.parametrize("stderr", ["&-", str(FULL)])
def test_a_stderr_that_nobody_can_read_changes_no_result(stderr):
    assert shell(f"models nothing 2>{stderr}") == (4, "", "")
    code, stdout, _ = shell(f"models cnn-1 2>{stderr}")
    assert code == 0
    assert stdout.startswith("# ")


def test_an_encoding_without_a_character_gets_an_escape():
    code, _, stderr = shell("verify 顔", PYTHONIOENCODING="latin-1:strict")
    assert code == 4
    assert r"no bundle at \u9854;" in stderr


def test_remarks_of_a_runtime_are_dropped_and_anything_else_comes_out(capfd):
    log = logging.getLogger("edge_fer.test")
    with streams.without_remarks(log):
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nERROR: a tensor is missing\n")
        os.write(2, b"2026-01-01 [W:onnxruntime:Default, device_discovery.cc:1] no GPU\nhalf a line")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "ERROR: a tensor is missing\nhalf a line"
    os.write(2, b"INFO: later\n")
    assert capfd.readouterr().err == "INFO: later\n"


def test_remarks_are_shown_while_everything_is_told_and_after_an_error(capfd):
    log = logging.getLogger("edge_fer.test.debugged")
    with pytest.raises(RuntimeError), streams.without_remarks(log):
        raise RuntimeError
    log.setLevel(logging.DEBUG)
    with streams.without_remarks(log):
        os.write(2, b"INFO: shown\n")
    assert capfd.readouterr().err == "INFO: shown\n"
