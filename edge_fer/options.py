"""Command-line options that several commands share."""

from __future__ import annotations

from typing import Any, Final

import click

DEFAULT_MODEL: Final = "compact"
"""The shipped bundle that runs when no other is asked for: the more accurate one, and hardly slower."""


def model_options(command: Any) -> Any:
    """Add the options that choose the model and what executes it to *command*, a function that click decorates."""
    for option in (
        click.option("--threads", type=click.IntRange(1, 64), help="Threads of the model; by default 1."),
        click.option("--backend", help="What executes the model; by default the target's runtime. 'fake' needs none."),
        click.option("--target", help="One of the bundle's targets, for instance litert-int8; by default its first."),
        click.option("--model", help=f"A bundle: folder, .zip, or shipped name; by default {DEFAULT_MODEL}."),
    ):
        command = option(command)
    return command
