"""Command-line options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from edge_fer.backends import MAX_THREADS

if TYPE_CHECKING:
    from collections.abc import Callable

Decorated = TypeVar("Decorated", bound="Callable[..., Any] | click.Command")

DEFAULT_MODEL: Final = "compact"
"""The shipped bundle that runs by default: the more accurate one, and hardly slower."""


def model_options(command: Decorated) -> Decorated:
    """Add ``--model``, ``--target``, ``--backend`` and ``--threads`` to *command*, a function that click decorates."""
    # click lists options in the reverse order of their decorators: the last one here comes first in the help.
    for option in (
        click.option("--threads", type=click.IntRange(1, MAX_THREADS), help="Threads of the model; by default 1."),
        click.option("--backend", help="Runtime that executes the model; by default the target's. 'fake' needs none."),
        click.option("--target", help="A target of the bundle, for example litert-int8; by default its first."),
        click.option("--model", help=f"A bundle: folder, .zip, or shipped name; by default {DEFAULT_MODEL}."),
    ):
        command = option(command)
    return command
