"""The command ``edge-fer``. Heavy imports wait until a command runs, so that ``--help`` is instant.

Results go to stdout, progress and warnings to stderr.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import select
import signal
import sys
from importlib import metadata
from typing import Any, Final

import click

from edge_fer import __version__
from edge_fer.commands.models import models
from edge_fer.commands.run import run
from edge_fer.commands.verify import verify
from edge_fer.errors import EdgeFerError
from edge_fer.stopping import Signals, Stopped

COMMANDS: Final = "edge_fer.commands"
"""The entry-point group through which other packages add commands."""


class _Commands(click.Group):
    """Finds further commands by entry point, imports each when it is called, and reports errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = set(super().list_commands(ctx))
        names.update(metadata.entry_points(group=COMMANDS).names)
        return sorted(names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            for entry in metadata.entry_points(group=COMMANDS, name=cmd_name):
                # Only now, so that a command works although the packages of another one are missing.
                command = entry.load()
        return command

    def invoke(self, ctx: click.Context) -> Any:
        _occupy_closed_streams()
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
        except EdgeFerError as exc:
            if ctx.params.get("debug"):
                raise
            click.echo(f"edge-fer: {exc}", err=True)
            _drop_unwritten_output()
            ctx.exit(exc.exit_code)
        except KeyboardInterrupt as exc:
            stopped = exc if isinstance(exc, Stopped) else Stopped(signal.SIGINT)
            click.echo(f"edge-fer: {stopped}", err=True)
            _drop_unwritten_output()
            ctx.exit(stopped.exit_code)
        except BrokenPipeError:  # the reader of our output is gone, as with `| head`
            _drop_unwritten_output()
            ctx.exit(0)


def _occupy_closed_streams() -> None:
    """Open /dev/null in place of closed standard streams: the next file would become one, and get what is printed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number


def _drop_unwritten_output() -> None:
    """Drop what stdout does not take. Python would try again when it exits, and complain, or wait for a reader."""
    with contextlib.suppress(AttributeError, io.UnsupportedOperation):  # it is closed, or no file
        descriptor = sys.stdout.fileno()
        try:
            _, writable, _ = select.select([], [descriptor], [], 0)
            if writable:
                sys.stdout.flush()
                return
        except OSError:
            pass
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  edge-fer run --source synthetic --frames 90
  edge-fer run --source photo.jpg --json
  edge-fer run --source 0 --show
  edge-fer verify compact
  edge-fer convert model.keras --calibrate faces/
  edge-fer eval compact --data faces/
  edge-fer bench

Exit codes: 0 done, 1 error, 2 usage, 3 bad input, 4 bad bundle, 5 source, 6 sink, 7 backend, 8 not installed,
9 conversion lost too much, 10 worse than a baseline, 129 ended by SIGHUP, 130 interrupted, 143 ended by SIGTERM.""",
)
@click.version_option(__version__, prog_name="edge-fer")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Facial-emotion recognition on small computers."""
    del debug
    # edge-fer reports a bad source in a line of its own, which OpenCV's and FFmpeg's would only repeat.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="edge-fer: %(message)s")


main.add_command(run)
main.add_command(verify)
main.add_command(models)


if __name__ == "__main__":
    main()
