"""The command ``edge-fer``. Heavy imports wait until a command runs, so that ``--help`` is instant.

Results go to stdout, progress and warnings to stderr.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
from importlib import metadata
from typing import Any, Final

import click

from edge_fer import __version__, streams, telemetry
from edge_fer.commands.completion import completion
from edge_fer.commands.info import info
from edge_fer.commands.models import models
from edge_fer.commands.run import run
from edge_fer.commands.sign import sign
from edge_fer.commands.verify import verify
from edge_fer.dependencies import OWN_PACKAGES, broken_import
from edge_fer.errors import EdgeFerError, SinkError, one_line
from edge_fer.messages import LEFT_OUT
from edge_fer.stopping import Signals, Stopped
from edge_fer.text import printable

COMMANDS: Final = "edge_fer.commands"
"""The entry-point group through which other packages add commands."""

SILENT: Final = {
    "OPENCV_LOG_LEVEL": "FATAL",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow, with absl and oneDNN in it
}
"""The variables by which runtimes are told to log nothing but what ends the process, with their values."""
OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""A full disk, a full quota, a limit on the size of files, a file system without writing."""


class _Commands(click.Group):
    """Finds further commands by entry point, imports each when it is called, and reports errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._entries(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None and cmd_name in self._entries(ctx):
            # Only now, so that a command works although the packages of another one are missing.
            try:
                command = self._entries(ctx)[cmd_name].load()
            except Exception as exc:  # noqa: BLE001  (a package's import may raise anything)
                command = _unloadable(cmd_name, exc)
        return command

    def _entries(self, ctx: click.Context) -> dict[str, metadata.EntryPoint]:
        """Return the further commands by name. Finding them takes longer than most of them, so it is done once."""
        if COMMANDS not in ctx.meta:
            ctx.meta[COMMANDS] = {entry.name: entry for entry in metadata.entry_points(group=COMMANDS)}
        found: dict[str, metadata.EntryPoint] = ctx.meta[COMMANDS]
        return found

    def main(self, *args: Any, **options: Any) -> Any:
        """Prepare the process, then run the command that its arguments name."""
        streams.prepare()
        telemetry.switch_off()
        return super().main(*args, **options)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except SinkError as exc:  # the help, which is written here, has nowhere to go
            sys.exit(_report(exc))

    def invoke(self, ctx: click.Context) -> Any:
        with Signals() as signals:
            ctx.obj = signals
            try:
                return self._invoke(ctx)
            finally:
                # Also where a command, such as bench, made the best of what it had until then.
                if signals.number is not None:
                    ctx.exit(Stopped(signals.number).exit_code)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as exc:
            # click reports its own, with the arguments that were typed: a password may be in one at the wrong place.
            exc.message = _shown(exc.message)  # type: ignore[misc] # click declares it final
            raise
        except (click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt as exc:
            stopped = exc if isinstance(exc, Stopped) else Stopped(signal.SIGINT)
            streams.settle_stdout()
            _print_error(stopped)
            ctx.exit(stopped.exit_code)
        except BrokenPipeError:
            # The reader of our output is gone, as with `| head`.
            streams.settle_stdout()
            ctx.exit(0)
        except Exception as exc:
            if ctx.params.get("debug"):  # a traceback helps nobody but us
                raise
            ctx.exit(_report(as_error(exc)))


def as_error(exc: Exception) -> EdgeFerError:
    """Return *exc* as an error that has a message of one line and an exit code."""
    if isinstance(exc, EdgeFerError):
        return exc
    if isinstance(exc, MemoryError):
        return EdgeFerError("there is too little memory; close other programs, or pass less at once")
    broken = broken_import(exc)
    if broken is not None:
        return broken
    if isinstance(exc, OSError) and exc.strerror:
        return _system_error(exc, exc.strerror)
    return EdgeFerError(f"unexpected {type(exc).__name__}: {one_line(exc)}; edge-fer --debug shows where")


def _system_error(exc: OSError, reason: str) -> EdgeFerError:
    """Return what the operating system refused, with the file's name where there is one."""
    if exc.errno in OUT_OF_FILES:
        return EdgeFerError(f"{reason}; allow more of them: ulimit -n 1024")
    if "usable temporary directory" in reason:  # Python's message, with a list of what it has tried
        return SinkError(f"{reason}; make room, or set TMPDIR to a folder that can be written")
    what = f"{exc.filename}: {reason}" if exc.filename is not None else reason
    if exc.errno in NO_ROOM:
        return SinkError(f"{what}; make room, or write elsewhere")
    return EdgeFerError(f"{what}; check the path and its permissions")


def _report(error: EdgeFerError) -> int:
    """Print *error* and return its exit code."""
    streams.settle_stdout()
    message = str(error)
    if LEFT_OUT in message and "--debug" not in message:
        message += "; edge-fer --debug shows all of it"
    _print_error(message)
    return error.exit_code


def _print_error(message: object) -> None:
    click.echo(f"edge-fer: {_shown(str(message))}", err=True)


def _shown(text: str, *, keep: str = "") -> str:
    """Return *text* as it may be shown: without control characters but *keep*, and the secrets of an address."""
    if "://" in text:
        from edge_fer.sources.addresses import scrub

        text = scrub(text)
    return printable(text, keep=keep)


def _unloadable(name: str, exc: Exception) -> click.Command:
    """Return a command that only says why the real one cannot be loaded, so that the others can be listed and used."""
    error = as_error(exc)

    def refuse() -> None:
        raise error from exc

    # It takes all options of the real one.
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=refuse, short_help="It cannot be loaded.", context_settings=settings)


class LogFormatter(logging.Formatter):
    """One line for a message, whatever names stand in it; below it, the traceback that a message for --debug has."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*, and the lines of its traceback."""
        return _shown(super().format(record), keep="\n" if record.exc_info else "")


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  edge-fer run
  edge-fer run photo.jpg --json
  edge-fer run 0 --show
  edge-fer verify compact
  edge-fer convert model.keras --calibrate faces/
  edge-fer eval compact --data faces/
  edge-fer bench
  edge-fer doctor
  edge-fer info

Exit codes: 0 done, 1 error, 2 usage, 3 bad input, 4 bad bundle, 5 source, 6 sink, 7 backend, 8 not installed,
9 conversion lost too much or labels do not fit, 10 worse than a baseline, 11 doctor found a fault, 70 the service gave
up, 75 a camera hangs in the kernel, 129 ended by SIGHUP, 130 interrupted, 143 ended by SIGTERM.""",
)
@click.version_option(__version__, prog_name="edge-fer")
@click.option("--debug", is_flag=True, help="Show the traceback of an error, and all that libraries and runtimes say.")
def main(debug: bool) -> None:
    """Facial-emotion recognition on small computers."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter("edge-fer: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    for package in OWN_PACKAGES:
        logging.getLogger(package).setLevel(logging.DEBUG if debug else logging.NOTSET)
    if debug:
        return
    # The runtimes would repeat in words of their own what edge-fer reports. They look when they are imported.
    for name, level in SILENT.items():
        os.environ.setdefault(name, level)


for command in (run, verify, models, sign, info, completion):
    main.add_command(command)


if __name__ == "__main__":
    main()
