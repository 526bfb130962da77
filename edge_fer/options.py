"""Command-line options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from edge_fer.backends import BACKENDS, MAX_THREADS
from edge_fer.detectors import DETECTORS, LARGEST_SIDE_PX, LEAST_FACE_PX, MIN_FACE_PX
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # generic for type checkers only: older versions of click do not know it

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


class Parsed(ParamType):
    """What *parse* returns of the text. Its `BadInput` becomes a usage error, which names the option."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return *value* parsed; what is no text, such as a default, as it is. Raises `click.BadParameter`."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except BadInput as exc:
            self.fail(f"{exc}.", param, ctx)


class Suggested(ParamType):
    """A text, for which a shell suggests *names*, and files."""

    def __init__(self, name: str, names: Callable[[], list[str]]) -> None:
        self.name = name
        self._names = names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with *incomplete*, and the shell's own completion of files."""
        from click.shell_completion import CompletionItem

        del ctx, param

        # First the files: bash's script forgets what came before them.
        files = CompletionItem(incomplete, type="file")
        return [files, *(CompletionItem(name) for name in self._names() if name.startswith(incomplete))]


def _shipped() -> list[str]:
    from edge_fer.bundle import shipped

    return shipped()


MODEL: Final = Suggested("text", _shipped)
"""A bundle."""


def _detector(text: str) -> str:
    """Return *text*, ``NAME`` or ``NAME:FILE``, where there is such a name. The file is opened later."""
    if text.partition(":")[0] not in DETECTORS:
        raise BadInput(f"no detector {text!r}; pass one of haar, yunet:FILE, blazeface:FILE")
    return text


DETECTOR: Final = Parsed("text", _detector)


def detector_options(command: Command) -> Command:
    """Add ``--detector`` and ``--min-face`` to *command*, a function that click decorates."""
    smallest = click.option(
        "--min-face", default=MIN_FACE_PX, show_default=True, metavar="PX",
        type=click.IntRange(LEAST_FACE_PX, LARGEST_SIDE_PX), help="Side of the smallest face to search for, in pixels.",
    )  # fmt: skip
    detector = click.option(
        "--detector", type=DETECTOR, help="What finds faces: haar (default), yunet:FILE or blazeface:FILE."
    )
    return detector(smallest(command))


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
                "--backend",
                type=click.Choice(list(BACKENDS)),
                metavar="NAME",
                help=f"Runtime that executes the model: {', '.join(BACKENDS)} (which needs no model); by default the "
                "target's.",
            ),
            click.option("--target", help=target_help),
            click.option("--model", type=MODEL, help=model_help),
        ):
            command = option(command)
        return command

    return decorate
