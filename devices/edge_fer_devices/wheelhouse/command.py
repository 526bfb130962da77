"""The command ``edge-fer wheelhouse``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from edge_fer.errors import BadInput
from edge_fer.text import printable

PYTHONS: Final = ("3.11", "3.13")


@click.command(
    epilog="""\b
Examples:
  edge-fer wheelhouse --device raspberry-pi-4
  edge-fer wheelhouse --device raspberry-pi-3 --python 3.11 --out wheels-bookworm
  edge-fer wheelhouse --model cnn-1-votes --streams

edge-fer flash makes one in passing. With one at hand, it needs no network: pass it by --wheelhouse."""
)
@click.option(
    "--device",
    metavar="BOARD",
    default="raspberry-pi-4",
    show_default=True,
    help="The board that the wheels are for; edge-fer devices lists them.",
)
@click.option(
    "--python",
    type=click.Choice(PYTHONS),
    default="3.13",
    show_default=True,
    help="The device's Python: 3.13 on Raspberry Pi OS trixie, 3.11 on bookworm.",
)
@click.option(
    "--model", "models", multiple=True, help="A shipped model to take along; repeatable; by default the board's."
)
@click.option("--streams", is_flag=True, help="Also what films and network streams need.")
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take this wheel of edge-fer; by default the installed edge-fer.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("wheelhouse"), show_default=True, help="Folder to make."
)
@click.option("--force", is_flag=True, help="Replace a wheelhouse that exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def wheelhouse(
    device: str, python: str, models: tuple[str, ...], streams: bool, wheel: Path | None, out: Path, force: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Collect the wheels that a device installs without a network.

    Their versions and hashes are those that edge-fer was tested with; the same edge-fer makes the same bytes. The wheel
    of edge-fer itself holds only the models that are named.
    """
    from edge_fer.progress import ProgressDisplay
    from edge_fer_devices import wheelhouse as wheelhouses

    chosen = _models(models) or (wheelhouses.board(device).settings.model,)
    _refuse_existing(out, force=force)
    with ProgressDisplay() as progress:
        made = wheelhouses.build(out, python=python, models=chosen, streams=streams, wheel=wheel, progress=progress)
    if as_json:
        click.echo(json.dumps({**made.manifest.model_dump(mode="json"), "bytes": made.size_bytes, "path": str(out)}))
        return
    click.echo(printable(
        f"{out}: {len(made.manifest.wheels)} wheels, {made.size_bytes / 2**20:.1f} MiB, for Python {python} on "
        f"{made.manifest.machine}; sha256 {made.digest}"
    ))  # fmt: skip
    click.echo(printable(f"Next: edge-fer flash IMAGE --out NEW.img --wheelhouse {out}"), err=True)


def _models(names: tuple[str, ...]) -> tuple[str, ...]:
    from edge_fer import bundle as bundles

    for name in names:
        if name not in bundles.shipped():
            raise BadInput(f"no shipped model {name!r}; pass one of: {', '.join(bundles.shipped())}")
    return names


def _refuse_existing(out: Path, *, force: bool) -> None:
    """Raise `BadInput` for what is there; with *force* unless it is a wheelhouse, all of which may be removed."""
    if not out.exists() and not out.is_symlink():
        return
    from edge_fer_devices.wheelhouse import is_wheelhouse

    if not is_wheelhouse(out):
        raise BadInput(f"{out} exists and is no wheelhouse, or holds other files too; pass another --out")
    if not force:
        raise BadInput(f"{out} exists; pass another --out, or --force to replace it")
