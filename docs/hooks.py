"""MkDocs hook: lets mkdocs-click see every command of edge-fer, with the examples of its help."""

from __future__ import annotations

import inspect
from typing import Any

import click

from edge_fer.cli import main


def on_config(config: Any) -> Any:
    """Complete the command group before a page is rendered."""
    context = click.Context(main, info_name="edge-fer")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if command is not None:
            # mkdocs-click looks no further than this dictionary, which lacks what entry points add.
            main.add_command(command, name)
    main.commands = dict(sorted(main.commands.items()))
    _move_epilogs(main)
    return config


def _move_epilogs(command: click.Command) -> None:
    """Put the epilog of *command* and of its sub-commands below their help: mkdocs-click leaves epilogs out."""
    if command.epilog:
        # click keeps the indent of a docstring; text without it, below, would turn the docstring into a code block.
        description = inspect.cleandoc(command.help or "")
        command.help = f"{description}\n\n{_as_markdown(command.epilog)}"
        command.epilog = None  # so that a second build of `mkdocs serve` does not repeat it
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _move_epilogs(child)


def _as_markdown(epilog: str) -> str:
    """Return *epilog* with its block of examples as a code block."""
    lines: list[str] = []
    in_examples = False
    for line in epilog.replace("\b\n", "").splitlines():
        if line.strip() == "Examples:":
            lines += ["**Examples:**", "", "```console"]
            in_examples = True
        elif in_examples and not line.startswith("  "):
            lines += ["```", line]
            in_examples = False
        elif in_examples:
            lines.append(f"$ {line.strip()}")
        else:
            lines.append(line)
    if in_examples:
        lines.append("```")
    return "\n".join(lines)
