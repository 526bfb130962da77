from __future__ import annotations

import io
import os
import sys

import pytest

from edge_fer.progress import ProgressDisplay, ProgressListener, print_table


def test_without_a_terminal_each_new_step_is_a_line(capfd):
    with ProgressDisplay() as progress:
        for share in (0.0, 0.5, 1.0):
            progress.step("reading", share)
        progress.step("writing")
        progress.tell("done in [1] s")
        progress.warn("a file was skipped")
    assert capfd.readouterr().err.splitlines() == [
        "reading", "writing", "done in [1] s", "warning: a file was skipped",
    ]  # fmt: skip


def test_at_a_terminal_without_rich_one_line_shows_the_share(monkeypatch):
    shown = io.StringIO()
    shown.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with ProgressDisplay() as progress:
        progress.step("copying")
        for share in (0.101, 0.102, 0.5):
            progress.step("copying", share)
        progress.tell("half of it")
        progress.step("x" * 500)
    lines = shown.getvalue().split("\r\x1b[K")
    assert lines[:5] == ["", "copying", "copying 10%", "copying 50%", "half of it\n"]
    assert len(lines[5]) < 500
    assert lines[6:] == [""]


def test_a_quiet_display_discards_what_libraries_write_to_descriptor_2(capfd):
    with ProgressDisplay(quiet=True) as progress:
        os.write(2, b"noise of a library\n")
        progress.step("converting")
    os.write(2, b"heard again\n")
    heard = capfd.readouterr().err
    assert "noise" not in heard
    assert "converting" in heard
    assert "heard again" in heard


def test_a_quiet_display_restores_stderr_after_an_error(capfd):
    with pytest.raises(RuntimeError), ProgressDisplay(quiet=True):
        raise RuntimeError
    os.write(2, b"heard again\n")
    assert capfd.readouterr().err == "heard again\n"


def test_names_in_messages_are_text(capfd):
    with ProgressDisplay() as progress:
        progress.step("reading a\x1b[31m\nb.png")
        progress.warn("f\udce9liz.jpg is skipped")
    assert capfd.readouterr().err.splitlines() == [
        r"reading a\x1b[31m\nb.png", "warning: f\ufffdliz.jpg is skipped",
    ]  # fmt: skip


def test_names_in_tables_are_text(capfd):
    from rich.table import Table

    table = Table(title="[red]faces[/nothing]")
    table.add_column("system")
    table.add_row("[/x] :smile: \x1b]0;title\x07\u202e")
    print_table(table)
    printed = capfd.readouterr().out
    assert "[red]faces[/nothing]" in printed
    assert r"[/x] :smile: \x1b]0;title\x07\u202e" in printed
    assert "\x1b" not in printed


@pytest.mark.parametrize("quiet", [False, True])
def test_a_closed_stderr_stops_no_work(quiet, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with ProgressDisplay(quiet=quiet) as progress:
        progress.step("reading")
        progress.warn("nobody reads this")


def test_a_listener_ignores_everything(capfd):
    listener = ProgressListener()
    listener.step("reading", 0.5)
    listener.tell("done")
    listener.warn("careful")
    assert capfd.readouterr() == ("", "")
