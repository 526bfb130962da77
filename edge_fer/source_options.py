"""Command-line options of commands that read a source."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from edge_fer.options import Parsed, Suggested
from edge_fer.sources.options import ROTATIONS, SCENES, Region, SourceOptions, View, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

SOURCE_HELP: Final = (
    "An image, a folder, a video, a camera (0, /dev/video0, /dev/v4l/by-id/…, rtsp://…, http://…), camera (the first "
    "of this machine), picamera, synthetic, synthetic:hard, synthetic:drive, or - (standard input); @FILE reads the "
    "address from a file."
)
MAX_FPS: Final = 1000.0
MAX_TIMEOUT_S: Final = 3600.0
DRAWN: Final = "synthetic"


def _suggested() -> list[str]:
    from edge_fer.sources.addresses import Kind

    scenes = [f"{DRAWN}:{scene}" for scene in SCENES]
    return [Kind.CAMERA.value, Kind.PICAMERA.value, DRAWN, *scenes]


SOURCE: Final = Suggested("text", _suggested)


def one_source(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> str | None:
    """Return the only one of *values*, or None; for an option that is declared as ``multiple``.

    click would otherwise take the last one, and drop the others in silence. Raises `click.BadParameter` for several.
    """
    if len(values) > 1:
        message = f"one source is watched, and {len(values)} are given: {', '.join(values)}."
        raise click.BadParameter(message, context, parameter)
    return values[0] if values else None


def source_option(**settings: Any) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Return the decorator that adds ``--source``, which may be given once; *settings* as for `click.option`."""
    return click.option("--source", type=SOURCE, multiple=True, callback=one_source, **settings)


def source_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add ``--source`` and the options beside it to *command*, a function that click decorates.

    It gets ``source``, the name, and ``source_options``, a `SourceOptions`.
    """
    return source_option(default=[DRAWN], show_default=True, help=SOURCE_HELP)(opening_options(command))


def opening_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the options that say how a source is opened to *command*. It gets ``source_options``, a `SourceOptions`."""

    @functools.wraps(command)
    def collecting(
        *args: Any, size: tuple[int, int] | None, fps: float | None, rotate: str, flip: str | None, roi: Region | None,
        read_timeout: float, wait: bool, **others: Any,
    ) -> R:  # fmt: skip
        view = View(rotate=None if rotate == "auto" else int(rotate), flip=flip or "", roi=roi)
        options = SourceOptions(size, fps, view, read_timeout, wait)
        return command(*args, source_options=options, **others)

    # click lists options in the reverse order of their decorators: the last one here comes first in the help.
    for option in (
        click.option("--wait", is_flag=True, help="Wait for a camera that is not there yet."),
        click.option(
            "--read-timeout", type=click.FloatRange(0.1, MAX_TIMEOUT_S), default=10.0, show_default=True,
            metavar="SECONDS", help="Reopen a camera that delivers no frame for so long.",
        ),
        click.option(
            "--roi", metavar="X,Y,W,H", type=Parsed("region", Region.parse),
            help="Use this part of the picture only: pixels, or shares up to 1.",
        ),
        click.option("--flip", type=click.Choice(["h", "v"]), help="Mirror left to right (h) or top to bottom (v)."),
        click.option(
            "--rotate", type=click.Choice([*map(str, ROTATIONS), "auto"]), default="auto", show_default=True,
            help="Turn the picture clockwise; auto: as its metadata says.",
        ),
        click.option(
            "--fps", type=click.FloatRange(0, MAX_FPS, min_open=True),
            help="Frames a second that a camera is asked for; by default 30.",
        ),
        click.option(
            "--size", metavar="WxH", type=Parsed("size", parse_size),
            help="Size that a camera is asked for; by default 640x480.",
        ),
    ):  # fmt: skip
        option(collecting)
    return collecting
