"""Command-line options of commands that read a source."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from edge_fer.sources.options import ROTATIONS, Region, SourceOptions, View, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

SOURCE_HELP: Final = (
    "An image, a folder, a video, a camera (0, /dev/video0, /dev/v4l/by-id/…, rtsp://…, http://…), camera (the first "
    "of this machine), picamera, or synthetic, synthetic:hard, synthetic:drive; @FILE reads the address from a file."
)
MAX_FPS: Final = 1000.0
MAX_TIMEOUT_S: Final = 3600.0


def source_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add ``--source`` and the options beside it to *command*, a function that click decorates.

    It gets ``source``, the name, and ``source_options``, a `SourceOptions`.
    """

    @functools.wraps(command)
    def collecting(
        *args: Any, size: str | None, fps: float | None, rotate: str, flip: str | None, roi: str | None,
        read_timeout: float, wait: bool, **others: Any,
    ) -> R:  # fmt: skip
        view = View(
            rotate=None if rotate == "auto" else int(rotate),
            flip=flip or "",
            roi=Region.parse(roi) if roi is not None else None,
        )
        size_px = parse_size(size) if size is not None else None
        options = SourceOptions(size_px, fps, view, read_timeout, wait)
        return command(*args, source_options=options, **others)

    # click lists options in the reverse order of their decorators: the last one here comes first in the help.
    for option in (
        click.option("--wait", is_flag=True, help="Wait for a camera that is not there yet."),
        click.option(
            "--read-timeout", type=click.FloatRange(0.1, MAX_TIMEOUT_S), default=10.0, show_default=True,
            metavar="SECONDS", help="Reopen a camera that delivers no frame for so long.",
        ),
        click.option("--roi", metavar="X,Y,W,H", help="Use this part of the picture only: pixels, or shares up to 1."),
        click.option("--flip", type=click.Choice(["h", "v"]), help="Mirror left to right (h) or top to bottom (v)."),
        click.option(
            "--rotate", type=click.Choice([*map(str, ROTATIONS), "auto"]), default="auto", show_default=True,
            help="Turn the picture clockwise; auto: as its metadata says.",
        ),
        click.option(
            "--fps", type=click.FloatRange(0, MAX_FPS, min_open=True),
            help="Frames a second that a camera is asked for; by default 30.",
        ),
        click.option("--size", metavar="WxH", help="Size that a camera is asked for; by default 640x480."),
        click.option("--source", default="synthetic", show_default=True, help=SOURCE_HELP),
    ):  # fmt: skip
        option(collecting)
    return collecting
