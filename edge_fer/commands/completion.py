"""The command ``edge-fer completion``: what makes a shell complete commands, options, models and files."""

from __future__ import annotations

from typing import Final

import click

from edge_fer.errors import MissingDependency

PROGRAM: Final = "edge-fer"
VARIABLE: Final = "_EDGE_FER_COMPLETE"
"""The variable by which the script asks edge-fer, as click names it."""


@click.command(
    epilog="""\b
Examples:
  edge-fer completion bash > ~/.local/share/bash-completion/completions/edge-fer
  edge-fer completion zsh > "${fpath[1]}/_edge-fer"
  edge-fer completion fish > ~/.config/fish/completions/edge-fer.fish
  eval "$(edge-fer completion bash)"        # in this shell only"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes edge-fer's commands, options, models and files.

    It writes nothing; save the script where your shell looks for such, then open a new shell.
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise MissingDependency(f"this click completes nothing in {shell}: pip install --upgrade click")
    click.echo(found(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
