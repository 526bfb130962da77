from __future__ import annotations

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from edge_fer.cli import main
from edge_fer.commands.completion import PROGRAM, VARIABLE


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_edge_fer(shell):
    script = CliRunner().invoke(main, ["completion", shell]).stdout
    assert f"{VARIABLE}={shell}_complete" in script
    assert PROGRAM in script


def completed(*words: str) -> list[str]:
    *before, last = words
    items = BashComplete(main, {}, PROGRAM, VARIABLE).get_completions(before, last)
    return [item.value for item in items if item.type == "plain"]


def test_commands_options_models_and_sources_are_completed():
    assert {"info", "models", "run"} <= set(completed(""))
    assert completed("run", "--unk") == ["--unknown-below"]
    assert completed("run", "--model", "comp") == ["compact"]
    assert completed("run", "syn") == ["synthetic", "synthetic:easy", "synthetic:hard", "synthetic:drive"]
    assert completed("completion", "z") == ["zsh"]


def test_files_are_completed_by_the_shell():
    items = BashComplete(main, {}, PROGRAM, VARIABLE).get_completions(["run"], "pho")
    assert [item.type for item in items] == ["file"]
