"""The command ``edge-fer flash``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from edge_fer import files
from edge_fer.errors import BadInput, reason
from edge_fer.options import DEFAULT_MODEL
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from edge_fer.appliance.config import Config
    from edge_fer.bundle import Bundle
    from edge_fer.profile import Profile
    from edge_fer.progress import ProgressListener
    from edge_fer_devices.card.contents import Order
    from edge_fer_devices.card.disks import Disk
    from edge_fer_devices.card.flashing import Outcome, Target
    from edge_fer_devices.card.inspection import Contents
    from edge_fer_devices.card.settings import Account, Settings, Wifi

FILE: Final = click.Path(path_type=Path)
PASSWORD: Final = "EDGE_FER_PASSWORD"  # noqa: S105  (the name of a variable)
WIFI_PASSWORD: Final = "EDGE_FER_WIFI_PASSWORD"  # noqa: S105
MAX_SECRET_BYTES: Final = 1 << 16
"""Size of the largest file of a password or of SSH keys."""
STDIN: Final = "-"


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
@click.option("--out", type=FILE, help="The new image to write.")
@click.option(
    "--card",
    metavar="DEVICE",
    help="The card to write instead, such as /dev/sdb (lsblk lists them). All of it is overwritten, after a question.",
)
@click.option("--confirm", metavar="NAME", help="Answers that question beforehand: the card's name, such as sdb.")
@click.option(
    "--sha256",
    metavar="SUM",
    help="Refuse another image: its checksum, packed or unpacked, or the file offered beside it.",
)
@click.option(
    "--device",
    metavar="BOARD",
    default="raspberry-pi-4",
    show_default=True,
    help="The board that it is for; edge-fer devices lists them.",
)
@click.option(
    "--hostname", default="edge-fer", show_default=True, help="Name of the device; others find it as NAME.local."
)
@click.option("--timezone", default="Etc/UTC", show_default=True, help="Its time zone, such as Europe/Berlin.")
@click.option("--user", metavar="NAME", help="Make an account that may log in and administer it. Without: nobody can.")
@click.option("--ssh-key", "ssh_keys", type=FILE, multiple=True, help="A public SSH key of the account; repeatable.")
@click.option("--password-file", help="File with the account's password; - reads stdin.")
@click.option("--wifi", metavar="NAME", help="A wireless network to join; a cable always works.")
@click.option("--wifi-country", metavar="CODE", help="Country that the radio is in: two letters, such as DE.")
@click.option("--wifi-password-file", help="File with the network's password; - reads stdin.")
@click.option(
    "--wifi-security",
    type=click.Choice(["wpa2", "wpa3", "open"]),
    default="wpa2",
    show_default=True,
    help="How the network is protected. WPA3 needs the password in clear on the card until the first boot.",
)
@click.option("--wifi-hidden", is_flag=True, help="The network does not tell its name.")
@click.option("--config", "config_path", type=FILE, help="Settings of the service (TOML); docs/card.md lists them.")
@click.option(
    "--source", help="What the service watches, as edge-fer run --source; by default 0, the first USB camera."
)
@click.option("--bundle", help="The model: a folder, a .zip, or a shipped name; by default the board's.")
@click.option("--profile", type=FILE, help="The file that edge-fer bench --write-profile has written on such a board.")
@click.option("--wheelhouse", type=FILE, help="Folder made by edge-fer wheelhouse; else the wheels are downloaded.")
@click.option("--python", help="The image's Python, where it cannot be told, as in 3.13.")
@click.option("--wheel", type=FILE, help="Put this wheel of edge-fer on the card; by default the installed edge-fer.")
@click.option("--streams", is_flag=True, help="Also install what films and network streams need (34 MB).")
@click.option("--read-only", is_flag=True, help="Never write to the root partition after the first boot.")
@click.option(
    "--manifest", type=FILE, help="Also write a .rpi-imager-manifest, by which Raspberry Pi Imager writes it."
)
@click.option("--dry-run", is_flag=True, help="Show every file that would be added; write nothing.")
@click.option("--force", is_flag=True, help="Replace an image that exists; take a card of over 256 GB.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def flash(image: Path, **options: Any) -> None:
    """Make a card, or the image of one, that boots into edge-fer, from a stock Raspberry Pi OS Lite (64-bit).

    IMAGE (.img, .img.xz or .img.zst) is copied, and the copy's boot partition gets edge-fer with all that it needs:
    the device downloads nothing. The stock image is never changed. Needs mtools; only writing to a card needs root.
    Pass --out or --card; --dry-run needs neither.
    """
    from edge_fer.progress import ProgressDisplay
    from edge_fer_devices.card import flashing
    from edge_fer_devices.card.image import expected_sha256

    sha256 = expected_sha256(options["sha256"]) if options["sha256"] else None
    disk = _check_targets(image, options)
    config = _config(options)
    settings = _settings(options)  # asks for passwords, before progress is shown
    with tempfile.TemporaryDirectory(prefix="edge-fer-flash-") as work, ProgressDisplay() as progress:
        make_order = _order_maker(settings, config, options, Path(work), progress)
        if options["dry_run"]:
            for line in _would_add(image, sha256, make_order, Path(work), progress):
                click.echo(line.rstrip())  # a file may be padded by spaces
            progress.tell("nothing was written")
            return
        with _target(disk, options["out"]) as target:
            made = flashing.flash(
                image, target, make_order, sha256=sha256, read_only=options["read_only"], progress=progress
            )
        _write_manifest(options["out"], options["manifest"], made, progress)
    _report(made, disk.path if disk else str(options["out"]), as_json=options["as_json"])
    if not options["as_json"]:
        for line in _next_steps(settings, config, options):
            click.echo(printable(line), err=True)


def _check_targets(image: Path, options: dict[str, Any]) -> Disk | None:
    """Return the disk to overwrite, None for a new image. Raises `BadInput` for what may not be written."""
    from edge_fer_devices.card import flashing
    from edge_fer_devices.card.imager import SUFFIX

    out: Path | None = options["out"]
    manifest: Path | None = options["manifest"]
    if options["dry_run"]:
        return None
    if (out is None) == (options["card"] is None):
        raise click.UsageError("pass either --out, for a new image, or --card, for a card in a reader")
    if out is None:
        if manifest is not None:
            raise BadInput("--manifest describes an image; pass --out instead of --card")
        return _disk(image, options)
    if manifest is not None and manifest.resolve() == out.resolve():
        raise BadInput(f"{out} cannot be the image and its manifest; pass another --manifest")
    paths = [out] if manifest is None else [out, manifest]
    for path in paths:
        flashing.check_apart(image, path)
        files.refuse_unwritable(path, "pass another path")
        if not options["force"]:
            files.refuse_existing(path, "pass another path")
    if manifest is not None and manifest.suffix != SUFFIX:
        raise BadInput(f"{manifest} would not be opened by Raspberry Pi Imager; let its name end in {SUFFIX}")
    return None


def _disk(image: Path, options: dict[str, Any]) -> Disk:
    """Return the disk of ``--card``, after a person has seen what is on it and has typed its name."""
    from edge_fer_devices.card import disks
    from edge_fer_devices.card.image import Image

    with Image.open(image) as stock:  # before anybody is asked
        size = stock.size_bytes
    disk = disks.find(options["card"])
    disks.check(disk, image_bytes=size, force=options["force"])
    for line in disk.lines():
        click.echo(printable(line), err=True)
    typed = options["confirm"]
    if typed is None:
        if not sys.stdin.isatty():
            raise BadInput(f"there is no terminal to ask at; pass --confirm {disk.name} to overwrite {disk.path}")
        typed = click.prompt(f"All of it will be overwritten. Type {disk.name} to go on", err=True)
    if typed not in {disk.name, disk.path}:
        raise BadInput(f"{typed[:40]!r} is not {disk.name}; nothing was written")
    return disk


def _target(disk: Disk | None, out: Path) -> AbstractContextManager[Target]:
    from edge_fer_devices.card.card import Card
    from edge_fer_devices.card.flashing import NewImage

    return Card.open(Path(disk.path)) if disk is not None else NewImage.open(out)


def _would_add(
    source: Path, sha256: str | None, make_order: Callable[[Contents], Order], work: Path, progress: ProgressListener
) -> Iterator[str]:
    """Yield what would be added to the image at *source*, in lines, without the secrets."""
    from edge_fer_devices.card import cloud_init, contents, flashing, showing
    from edge_fer_devices.card import image as images

    path = source
    with images.Image.open(source) as stock:
        if stock.packing or sha256:
            path = work / "stock.img"
            with path.open("wb") as file:
                sums = images.copy(
                    stock, file, sparse=True, progress=lambda share: progress.step("reading the image", share)
                )
            if sha256:
                images.check(sums, sha256, source)
    _, found, line = flashing.look_at(path, source)
    order = make_order(found)
    shown = showing.without_secrets(order)
    card = cloud_init.new_instance_id()
    yield from showing.lines(contents.collect(order, found, line, card), contents.collect(shown, found, line, card))


def _write_manifest(out: Path, path: Path | None, made: Outcome, progress: ProgressListener) -> None:
    from edge_fer_devices.card import imager

    if path is not None:
        progress.step("reading the image for the manifest")
        files.write(path, imager.manifest(out, made.image.system))


def _order_maker(
    settings: Settings, config: Config, options: dict[str, Any], work: Path, progress: ProgressListener
) -> Callable[[Contents], Order]:
    """Check all other *options* at once, and return what makes the order when the image is known."""
    from edge_fer_devices import wheelhouse
    from edge_fer_devices.card.contents import Order

    board = wheelhouse.board(options["device"])
    profile = _profile(options["profile"]).completed_by(board.as_profile())
    bundle, model = _bundle(options["bundle"] or config.model, profile)
    wheels = wheelhouse.load(options["wheelhouse"]) if options["wheelhouse"] else None
    _check_source(config.source, streams=wheels.manifest.streams if wheels else options["streams"])
    for warning in _warnings(settings, config):
        progress.warn(warning)

    def make_order(found: Contents) -> Order:
        if found.used:
            progress.warn("this is no stock image: it was given settings before, which are replaced")
        python = _python(found, options["python"])
        known = wheels or wheelhouse.build(
            work / "wheelhouse", python=python, models=(model,), streams=options["streams"], wheel=options["wheel"],
            progress=progress,
        )  # fmt: skip
        models = () if bundle else (model,)
        wheelhouse.check_fits(known, python=python, models=models, streams=options["streams"])
        return Order(settings, config, known, profile, model, bundle, options["read_only"])

    return make_order


def _check_source(source: str, *, streams: bool) -> None:
    """Raise `BadInput` for a *source* that cannot be read on the device, and `SourceError` for one that is none."""
    from edge_fer.sources.addresses import Kind, kind_of

    if kind_of(source) is Kind.STREAM and not streams:
        raise BadInput("the source is a network stream; pass --streams, also to edge-fer wheelhouse")


def _warnings(settings: Settings, config: Config) -> list[str]:
    """Return what the card will lack, to be read before minutes of copying."""
    from edge_fer.sources.addresses import Kind, kind_of, redact

    found = []
    if settings.account is None:
        found.append("there will be no account: nobody can log in; pass --user NAME to make one")
    if kind_of(config.source) is Kind.PICAMERA:
        found.append(
            "a ribbon-cable camera needs python3-picamera2, which Raspberry Pi OS Lite lacks; "
            "install it on the device: docs/card.md says how"
        )
    if redact(config.source) != config.source:
        found.append(
            "the address of the camera holds a password, which stays on the card in clear; "
            "pass --source @/etc/edge-fer/camera.txt and write it there, on the device"
        )
    return found


def _next_steps(settings: Settings, config: Config, options: dict[str, Any]) -> list[str]:
    """Return in lines what the user does now, and how to see that it works."""
    steps = ["Next:"]
    if options["out"] is not None:
        steps.append(f"  Write {options['out']} to a card: Raspberry Pi Imager, Use custom.")
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


def _python(found: Contents, given: str | None) -> str:
    """Return the image's Python. Raises `BadInput` if it cannot install anything, or is not known."""
    from edge_fer_devices.wheelhouse import PYTHONS

    python = given or found.python
    if python is None:
        raise BadInput("the image's Python cannot be told: apt install e2fsprogs for debugfs, or pass --python")
    if found.python is not None and python != found.python:
        raise BadInput(f"the image has Python {found.python}, not {python}; leave out --python")
    if python not in PYTHONS:
        raise BadInput(f"the image has Python {python}; edge-fer has wheels for {', '.join(PYTHONS)}")
    if found.has_venv is False:
        raise BadInput(f"the image has Python {python} without its venv module; use Raspberry Pi OS Lite (64-bit)")
    return python


def _settings(options: dict[str, Any]) -> Settings:
    from edge_fer_devices.card import settings

    return settings.Settings(
        settings.check_hostname(options["hostname"]),
        settings.check_timezone(options["timezone"]),
        _account(options),
        _wifi(options),
    )


def _account(options: dict[str, Any]) -> Account | None:
    from edge_fer_devices.card import secrets, settings

    if options["user"] is None:
        if options["ssh_keys"] or options["password_file"]:
            raise BadInput("a password or an SSH key needs an account; pass --user NAME")
        return None
    name = settings.check_account(options["user"])
    keys = [key for path in options["ssh_keys"] for key in _ssh_keys(path)]
    # An account with a key needs no password, unless one is given.
    asked = "" if keys else f"Password of the account {name}"
    password = _secret(options["password_file"], PASSWORD, asked)
    # An empty file is a mistake: without any password, sudo would ask for none.
    wanted = password or options["password_file"] is not None or not keys
    return settings.Account(name, secrets.password_hash(password) if wanted else "", tuple(keys))


def _ssh_keys(path: Path) -> list[str]:
    from edge_fer_devices.card.settings import check_ssh_key

    lines = [line for line in _read(path, "--ssh-key").splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise BadInput(f"{path} holds no SSH key; pass a file such as ~/.ssh/id_ed25519.pub")
    return [check_ssh_key(line, str(path)) for line in lines]


def _wifi(options: dict[str, Any]) -> Wifi | None:
    from edge_fer_devices.card import secrets, settings

    if options["wifi"] is None:
        if options["wifi_password_file"] or options["wifi_country"]:
            raise BadInput("a password or a country of a network needs the network's name; pass --wifi NAME")
        return None
    ssid = settings.check_ssid(options["wifi"])
    if options["wifi_country"] is None:
        raise BadInput("the radio has to know its country; pass --wifi-country, such as DE")
    security = options["wifi_security"]
    key = ""
    if security != settings.OPEN:
        password = _secret(options["wifi_password_file"], WIFI_PASSWORD, f"Password of the network {printable(ssid)}")
        is_wpa3 = security == settings.WPA3
        key = secrets.check_passphrase(password) if is_wpa3 else secrets.wifi_key(password, ssid)
    country = settings.check_country(options["wifi_country"])
    return settings.Wifi(ssid, country, security, key, options["wifi_hidden"])


def _secret(path: str | None, variable: str, question: str) -> str:
    """Return a password from the file at *path*, else the environment's *variable*, else by asking, if *question*."""
    if path == STDIN:
        return sys.stdin.readline(MAX_SECRET_BYTES).rstrip("\r\n")
    if path is not None:
        return _read(Path(path), "the password's file").partition("\n")[0].rstrip("\r")
    if os.environ.get(variable):
        return os.environ[variable]
    if not question:
        return ""
    if not sys.stdin.isatty():
        raise BadInput(f"there is no terminal to ask at: {question}; pass it by a file or by {variable}")
    return str(click.prompt(question, hide_input=True, confirmation_prompt=True, err=True))


def _read(path: Path, what: str) -> str:
    try:
        # A pipe is welcome: a shell's <(…) is one.
        with path.expanduser().open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        # Without the mark that editors of Windows write before a text.
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or "it is no text"
        raise BadInput(f"{what} {path} cannot be read: {reason}") from exc
    if len(content) > MAX_SECRET_BYTES:
        raise BadInput(f"{what} {path} has more than {MAX_SECRET_BYTES} bytes; pass another")
    return text


def _config(options: dict[str, Any]) -> Config:
    from edge_fer.appliance.config import Config

    config = Config.load(options["config_path"]) if options["config_path"] else Config()
    given: dict[str, Any] = {"device": options["device"]}
    if options["source"] is not None:
        given["source"] = options["source"]
    if not config.page.only_this_device:
        # Browsers ask for the device by these names; the page answers to no others.
        names = (*config.page.hosts, options["hostname"], f"{options['hostname']}.local")
        given["page"] = config.page.model_dump() | {"hosts": tuple(dict.fromkeys(names))}
    # Checked again, as what is copied is not.
    try:
        return Config.model_validate({**config.model_dump(), **given})
    except ValueError as exc:
        raise BadInput(f"the card's settings cannot be used: {reason(exc)}; change the options, or --config") from exc


def _bundle(name: str | None, profile: Profile) -> tuple[Bundle | None, str]:
    """Return the bundle from outside that is to run, or None; and the shipped model that is to run otherwise.

    *name* is the user's choice; None leaves it to *profile*.
    """
    from edge_fer import bundle as bundles
    from edge_fer.profile import open_bundle

    known = bundles.shipped()
    if name is not None and name not in known:
        return open_bundle(name), profile.model if profile.model in known else DEFAULT_MODEL
    chosen = name or profile.model or DEFAULT_MODEL
    if chosen not in known:
        raise BadInput(f"the profile was measured with {chosen[:80]}, which is not shipped; pass it with --bundle")
    return None, chosen


def _profile(path: Path | None) -> Profile:
    """Return the profile that was measured on such a board; an empty one without *path*."""
    from edge_fer.profile import Profile

    if path is None:
        return Profile()
    if not path.exists():
        raise BadInput(f"there is no profile {path}; of a board, pass its name by --device")
    return Profile.load(path)


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
