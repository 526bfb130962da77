"""Command-line options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from edge_fer.backends import MAX_THREADS

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., object] | click.Command")
"""A function that click decorates; each option returns the kind that it was given."""

DEFAULT_MODEL: Final = "compact"
"""The shipped bundle that runs by default: the more accurate one, and hardly slower."""
MODEL_HELP: Final = f"A bundle: folder, .zip, or shipped name; by default {DEFAULT_MODEL}."
TARGET_HELP: Final = "A target of the bundle, for example litert-int8; by default its first."
THREADS_HELP: Final = "Threads of the model; by default 1."


class Finite(click.types.FloatParamType):
    """A number. Unlike click's it refuses infinity and NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return *value* as a number. Raises `click.BadParameter`."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


class FiniteRange(Finite, click.FloatRange):
    """A range of numbers. NaN, which is neither below nor above any number, is in none."""


SEED: Final = click.IntRange(0, 2**32 - 1)
"""Seeds that NumPy, scikit-learn and Keras all take."""


def key_option(command: Command) -> Command:
    """Add ``--key`` to *command*: the public key by which a bundle from outside must be signed."""
    return click.option(
        "--key", type=click.Path(path_type=Path),
        help="A public key (.pem): refuse a bundle that is not signed by it. By default that of the profile, if any.",
    )(command)  # fmt: skip


def model_options(command: Command) -> Command:
    """Add ``--model``, ``--target``, ``--backend`` and ``--threads`` to *command*, a function that click decorates."""
    return model_options_with()(command)


def model_options_with(
    *, model_help: str = MODEL_HELP, target_help: str = TARGET_HELP, threads_help: str = THREADS_HELP
) -> Callable[[Command], Command]:
    """Return `model_options` with help texts that fit a command with other defaults."""

    def decorate(command: Command) -> Command:
        # click lists options in the reverse order of their decorators: the last one here comes first in the help.
        for option in (
            click.option("--threads", type=click.IntRange(1, MAX_THREADS), help=threads_help),
            click.option(
                "--backend", help="Runtime that executes the model; by default the target's. 'fake' needs none."
            ),
            click.option("--target", help=target_help),
            click.option("--model", help=model_help),
        ):
            command = option(command)
        return command

    return decorate
