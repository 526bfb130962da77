"""The command ``edge-fer kiosk``. Nothing heavy is imported before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from edge_fer.options import MODEL, FiniteRange
from edge_fer.source_options import source_option

NOTICE: Final = """\
Before you show this to anybody:
- People who are exposed to emotion recognition must be told so (EU AI Act, Article 50). The page says it; put up a sign
  where the page is not seen.
- At work and in education, AI systems may not infer emotions from faces, except for medical or safety reasons
  (EU AI Act, Article 5(1)(f)).
- What a face shows is not what a person feels. Decide nothing about anybody by it.
No picture is kept. Events are words and numbers; [events] in the settings says for how long."""


@click.command(
    epilog="""\b
Examples:
  edge-fer kiosk --source synthetic             # no camera needed: drawn people
  edge-fer kiosk                                # the first camera
  edge-fer kiosk --source rtsp://camera/live --no-picture
  edge-fer kiosk --config /etc/edge-fer/config.toml
  edge-fer kiosk --state ~/edge-fer --port 9000

Ctrl-C ends it, SIGHUP lets it read --config again."""
)
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
    help="Settings, as edge-fer config example prints them; the options here go before them.",
)  # fmt: skip
@source_option(help="As for edge-fer run --source; by default the first camera, or that of --config.")
@click.option("--model", type=MODEL, help="A bundle: folder, .zip, or shipped name.")
@click.option("--max-fps", type=FiniteRange(0, 1000, min_open=True), help="Most frames a second; by default 30.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page on this machine; 0 takes a free one.")
@click.option("--no-picture", is_flag=True, help="Show numbers only.")
@click.option(
    "--state", type=click.Path(path_type=Path), metavar="FOLDER",
    help="Keep events and bundles here; by default in a temporary folder, removed at the end, or as --config says.",
)  # fmt: skip
def kiosk(
    config_path: Path | None, source: str | None, model: str | None, max_fps: float | None, port: int | None,
    no_picture: bool, state: Path | None,
) -> None:  # fmt: skip
    """Watch a camera and show a page with what it sees, until Ctrl-C.

    The page answers on this machine only, unless --config says otherwise. Prints its address.
    """
    from edge_fer.appliance.service.running import check_installed

    check_installed()
    from edge_fer.appliance.commands import serving

    if source is not None:
        serving.check_there(source)
    if max_fps is None and config_path is None:
        max_fps = 30.0
    changes = {"source": source, "model": model, "max_fps": max_fps}
    serving.serve_changed(config_path, changes, port=port, no_picture=no_picture, state=state, notice=NOTICE)
