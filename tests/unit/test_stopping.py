from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import click
import pytest
from click.testing import CliRunner

from edge_fer import cli, stopping
from edge_fer.cli import main
from edge_fer.sinks import pictures
from edge_fer.stopping import Signals, Stopped

TINY = str(Path(__file__).parents[1] / "golden" / "tiny")
CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


def frames_of(film: Path) -> int:
    with av.open(film) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture(autouse=True)
def nothing_is_ignored():
    """A shell starts what runs in its background with SIGINT ignored."""
    before = [(number, signal.getsignal(number)) for number, _ in CODES]
    for number, _ in CODES:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before:
        signal.signal(number, handler)


class Window:
    """A preview window that sends the process a signal, twice as shells do, while it shows the third frame."""

    number = signal.SIGTERM

    def write(self, frame, record):
        if record.index == 2:
            os.kill(os.getpid(), self.number)
            os.kill(os.getpid(), self.number)

    def close(self): ...


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_signal_ends_a_run_with_its_film_and_its_summary(tmp_path, monkeypatch, number, code):
    monkeypatch.setattr(pictures, "Preview", lambda **options: Window())
    monkeypatch.setattr(Window, "number", number)
    done = CliRunner().invoke(main, ["run", "--model", TINY, "--show", "--frames", "30", "--save", str(tmp_path)])
    assert done.exit_code == code
    assert "\n3 frames, 1 face, " in f"\n{done.stderr}"
    assert done.stderr.splitlines()[-1] == f"edge-fer: {Stopped(number)}"
    assert frames_of(tmp_path / "synthetic.mp4") == 3


def test_a_run_that_is_killed_leaves_a_film(tmp_path):
    command = [sys.executable, "-m", "edge_fer.cli", "run", "--model", TINY, "--save", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        film = tmp_path / "synthetic.mp4"
        end_s = time.monotonic() + 60
        while not (film.exists() and film.stat().st_size > 50_000):
            assert time.monotonic() < end_s
            time.sleep(0.01)
        process.kill()
    assert frames_of(film) > 10


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_command_that_goes_on_after_it_was_stopped_has_the_same_exit_code(number, code):
    @click.command
    def stubborn():
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
            time.sleep(60)

    group = cli._Commands(commands={"stubborn": stubborn})
    assert CliRunner().invoke(group, ["stubborn"]).exit_code == code


def test_nothing_is_interrupted_while_signals_are_held():
    done = []
    with Signals() as signals:
        with pytest.raises(Stopped), signals.held():  # noqa: PT012
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("written")
        with signals.held():  # what came before is told once
            done.append("closed")
        with pytest.raises(Stopped):
            signals.check()
    assert done == ["written", "closed"]


def test_a_second_signal_ends_the_process_but_an_echo_does_not(monkeypatch):
    now = [100.0]
    sent = []
    handlers = []
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now[0])
    with Signals() as signals:
        with pytest.raises(Stopped):
            signals._come(signal.SIGTERM, None)
        monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
        now[0] += 0.5
        signals._come(signal.SIGHUP, None)
        assert sent == []
        now[0] += 1
        signals._come(signal.SIGHUP, None)
        handlers.append(signal.getsignal(signal.SIGHUP))
    assert sent == [(os.getpid(), signal.SIGHUP)]
    assert handlers == [signal.SIG_DFL]


def test_an_ignored_signal_stays_ignored_and_handlers_are_given_back():
    before = [signal.getsignal(number) for number, _ in CODES]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with Signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not before[1]
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before[2])
    assert [signal.getsignal(number) for number, _ in CODES] == before


@pytest.mark.parametrize(("redirection", "reason"), [(">&-", "it is closed"), ("> /dev/full", "No space left")])
def test_an_output_that_takes_nothing_is_one_line(redirection, reason):
    run = f"{sys.executable} -m edge_fer.cli run --model {TINY} --backend fake --frames 3 --json {redirection}"
    done = subprocess.run(run, shell=True, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S602
    assert done.returncode == 6
    lines = [line for line in done.stderr.splitlines() if line.startswith("edge-fer: ")]
    assert reason in lines[0]
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
