"""The command ``edge-fer flash``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_fer import files
from edge_fer.errors import BadInput
from edge_fer.text import printable
from edge_fer_devices.card.options import FILE, flash_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from edge_fer.appliance.config import Config
    from edge_fer.progress import ProgressListener
    from edge_fer_devices.card.disks import Disk
    from edge_fer_devices.card.flashing import Outcome, Target
    from edge_fer_devices.card.options import FlashOptions
    from edge_fer_devices.card.orders import Orders
    from edge_fer_devices.card.settings import Settings


@click.command(
    epilog="""\b
Examples:
  edge-fer flash raspios-lite-arm64.img.xz --out edge-fer.img --user anna --ssh-key ~/.ssh/id_ed25519.pub
  edge-fer flash raspios-lite-arm64.img.xz --out edge-fer.img --wifi "Our network" --wifi-country DE --user anna
  sudo .venv/bin/edge-fer flash raspios-lite-arm64.img.xz --card /dev/sdb --user anna --ssh-key ~/.ssh/id_ed25519.pub
  edge-fer flash raspios-lite-arm64.img.xz --out kiosk.img --config kiosk.toml --read-only
  edge-fer flash raspios-lite-arm64.img --dry-run

Passwords are asked for, or read from the file of --password-file and --wifi-password-file, or from the variables
EDGE_FER_PASSWORD and EDGE_FER_WIFI_PASSWORD; no option takes one."""
)
@click.argument("image", type=FILE)
@flash_options
def flash(image: Path, options: FlashOptions) -> None:
    """Make a card, or the image of one, that boots into edge-fer, from a stock Raspberry Pi OS Lite (64-bit).

    IMAGE (.img, .img.xz or .img.zst) is copied, and the copy's boot partition gets edge-fer with all that it needs:
    the device downloads nothing. The stock image is never changed. Needs mtools; only writing to a card needs root.
    Pass --out or --card; --dry-run needs neither.
    """
    from edge_fer.progress import ProgressDisplay
    from edge_fer_devices.card import asking, flashing, imager
    from edge_fer_devices.card.image import expected_sha256
    from edge_fer_devices.card.orders import Orders, service_config

    sha256 = expected_sha256(options.sha256) if options.sha256 else None
    to = None if options.dry_run else _checked(image, options)
    config = service_config(options)
    settings = asking.settings(options)  # asks for passwords, before progress is shown
    with tempfile.TemporaryDirectory(prefix="edge-fer-flash-") as work, ProgressDisplay() as progress:
        orders = Orders(settings, config, options, Path(work), progress)
        if to is None:
            for line in _would_add(image, sha256, orders, Path(work), progress):
                click.echo(line.rstrip())  # a file may be padded by spaces
            progress.tell("nothing was written")
            return
        with _target(to) as target:
            made = flashing.flash(image, target, orders, sha256=sha256, read_only=options.read_only, progress=progress)
        if options.manifest is not None and isinstance(to, Path):
            progress.step("reading the image for the manifest")
            files.write(options.manifest, imager.manifest(to, made.image.system))
    _report(made, str(to) if isinstance(to, Path) else to.path, as_json=options.as_json)
    if not options.as_json:
        for line in _next_steps(settings, config, options):
            click.echo(printable(line), err=True)


def _checked(image: Path, options: FlashOptions) -> Disk | Path:
    """Return the disk to overwrite, or the path of the new image. Raises `BadInput` for what may not be written."""
    from edge_fer_devices.card import flashing
    from edge_fer_devices.card.imager import SUFFIX

    out = options.out
    manifest = options.manifest
    if options.card is not None and out is None:
        if manifest is not None:
            raise BadInput("--manifest describes an image; pass --out instead of --card")
        return _disk(image, options.card, options)
    if out is None or options.card is not None:
        raise click.UsageError("pass either --out, for a new image, or --card, for a card in a reader")
    if manifest is not None and manifest.resolve() == out.resolve():
        raise BadInput(f"{out} cannot be the image and its manifest; pass another --manifest")
    paths = [out] if manifest is None else [out, manifest]
    for path in paths:
        flashing.check_apart(image, path)
        files.refuse_unwritable(path, "pass another path")
        if not options.force:
            files.refuse_existing(path, "pass another path")
    if manifest is not None and manifest.suffix != SUFFIX:
        raise BadInput(f"{manifest} would not be opened by Raspberry Pi Imager; let its name end in {SUFFIX}")
    return out


def _disk(image: Path, name: str, options: FlashOptions) -> Disk:
    """Return the disk *name*, after a person has seen what is on it and has typed its name."""
    from edge_fer_devices.card import disks
    from edge_fer_devices.card.image import Image

    with Image.open(image) as stock:  # before anybody is asked
        size = stock.size_bytes
    disk = disks.find(name)
    disks.check(disk, image_bytes=size, force=options.force)
    for line in disk.lines():
        click.echo(printable(line), err=True)
    typed = options.confirm
    if typed is None:
        if not sys.stdin.isatty():
            raise BadInput(f"there is no terminal to ask at; pass --confirm {disk.name} to overwrite {disk.path}")
        typed = click.prompt(f"All of it will be overwritten. Type {disk.name} to go on", err=True)
    if typed not in {disk.name, disk.path}:
        raise BadInput(f"{typed[:40]!r} is not {disk.name}; nothing was written")
    return disk


def _target(to: Disk | Path) -> AbstractContextManager[Target]:
    from edge_fer_devices.card import disks
    from edge_fer_devices.card.card import Card
    from edge_fer_devices.card.flashing import NewImage

    if isinstance(to, Path):
        return NewImage.open(to)
    disks.check_same(to)
    return Card.open(Path(to.path))


def _would_add(
    source: Path, sha256: str | None, orders: Orders, work: Path, progress: ProgressListener
) -> Iterator[str]:
    """Yield what would be added to the image at *source*, in lines, without the secrets."""
    from edge_fer_devices.card import cloud_init, contents, flashing, showing
    from edge_fer_devices.card import image as images

    path = source
    with images.Image.open(source) as stock:
        if stock.packing:
            orders.prepare()
        if stock.packing or sha256:
            path = work / "stock.img"
            with path.open("wb") as file:
                sums = images.copy(
                    stock, file, sparse=True, progress=lambda share: progress.step("reading the image", share)
                )
            if sha256:
                images.check(sums, sha256, source)
    _, found, line = flashing.look_at(path, source)
    order = orders.make(found)
    shown = showing.without_secrets(order)
    card = cloud_init.new_instance_id()
    yield from showing.lines(contents.collect(order, found, line, card), contents.collect(shown, found, line, card))


def _next_steps(settings: Settings, config: Config, options: FlashOptions) -> list[str]:
    """Return in lines what the user does now, and how to see that it works."""
    steps = ["Next:"]
    if options.out is not None:
        steps.append(f"  Write {options.out} to a card: Raspberry Pi Imager, Use custom.")
    network = f"the network {settings.wifi.ssid}" if settings.wifi else "a network cable"
    steps.append(f"  Put the card into the device, switch it on, and give it some minutes. It uses {network}.")
    host = f"{settings.hostname}.local"
    bind, port = config.page.bind, config.page.port
    if not config.page.only_this_device:
        scheme = "https" if config.page.encrypted else "http"
        steps.append(f"  Then open {scheme}://{host}:{port}/")
    elif settings.account is not None:
        steps.append(f"  Then: ssh -L {port}:{bind}:{port} {settings.account.name}@{host}")
        steps.append(f"  and, while that runs, open http://localhost:{port}/")
    steps.append("  If that fails, read edge-fer-status.json on the card, in any computer.")
    return steps


def _report(made: Outcome, out: str, *, as_json: bool) -> None:
    mib = made.added_bytes / 2**20
    if as_json:
        click.echo(json.dumps({
            "path": out, "system": made.image.system, "init": made.image.init, "python": made.image.python,
            "stock_sha256": made.sums.content, "added_bytes": made.added_bytes, "added_s": round(made.added_s, 3),
        }))  # fmt: skip
        return
    click.echo(printable(
        f"{out}: {made.image.system or 'a system'} with edge-fer ({mib:.1f} MiB added in {made.added_s:.1f} s)"
    ))  # fmt: skip
