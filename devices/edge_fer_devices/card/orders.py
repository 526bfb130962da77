"""From what the user has passed to what is put on a card, as soon as the image is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_fer import bundle as bundles
from edge_fer.appliance.config import Config
from edge_fer.errors import BadInput, reason
from edge_fer.options import DEFAULT_MODEL
from edge_fer.profile import Profile, open_bundle
from edge_fer.sources.addresses import Kind, kind_of, redact
from edge_fer_devices import wheelhouse
from edge_fer_devices.card.contents import Order
from edge_fer_devices.wheelhouse import DEFAULT_PYTHON, PYTHONS

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer.bundle import Bundle
    from edge_fer.progress import ProgressListener
    from edge_fer_devices.card.inspection import Contents
    from edge_fer_devices.card.options import FlashOptions
    from edge_fer_devices.card.settings import Settings
    from edge_fer_devices.wheelhouse import Wheelhouse


class Orders:
    """Checks all options at once, and makes the order when the image is known. Raises `BadInput`."""

    def __init__(
        self, settings: Settings, config: Config, options: FlashOptions, work: Path, progress: ProgressListener
    ) -> None:
        self._settings = settings
        self._config = config
        self._options = options
        self._work = work
        self._progress = progress
        board = wheelhouse.board(options.device)
        self._profile = _profile(options.profile).completed_by(board.as_profile())
        self._bundle, self._model = _bundle(options.bundle or config.model, self._profile)
        self._wheels = wheelhouse.load(options.wheelhouse) if options.wheelhouse else None
        _check_source(config.source, streams=self._wheels.manifest.streams if self._wheels else options.streams)
        for warning in _warnings(settings, config):
            progress.warn(warning)

    def prepare(self) -> None:
        """Fetch the wheels that most images need, before an image is unpacked whose Python nobody knows yet."""
        if self._wheels is None:
            self._wheels = self._fetched(self._options.python or DEFAULT_PYTHON)

    def make(self, found: Contents) -> Order:
        """Return the order for an image that holds what was *found*. Raises `EdgeFerError`."""
        if found.used:
            self._progress.warn("this is no stock image: it was given settings before, which are replaced")
        python = _python(found, self._options.python)
        wheels = self._wheels
        if wheels is None or (self._options.wheelhouse is None and wheels.manifest.python != python):
            wheels = self._fetched(python)
        models = () if self._bundle else (self._model,)
        wheelhouse.check_fits(wheels, python=python, models=models, streams=self._options.streams)
        return Order(
            self._settings, self._config, wheels, self._profile, self._model, self._bundle, self._options.read_only
        )

    def _fetched(self, python: str) -> Wheelhouse:
        return wheelhouse.build(
            self._work / f"wheelhouse-{python}", python=python, models=(self._model,), streams=self._options.streams,
            wheel=self._options.wheel, progress=self._progress,
        )  # fmt: skip


def service_config(options: FlashOptions) -> Config:
    """Return the settings of the service: those of ``--config``, with what other options say. Raises `BadInput`."""
    config = Config.load(options.config_path) if options.config_path else Config()
    given: dict[str, Any] = {"device": options.device}
    if options.source is not None:
        given["source"] = options.source
    if not config.page.only_this_device:
        # Browsers ask for the device by these names; the page answers to no others.
        names = (*config.page.hosts, options.hostname, f"{options.hostname}.local")
        given["page"] = config.page.model_dump() | {"hosts": tuple(dict.fromkeys(names))}
    # Checked again, as what is copied is not.
    try:
        return Config.model_validate({**config.model_dump(), **given})
    except ValueError as exc:
        raise BadInput(f"the card's settings cannot be used: {reason(exc)}; change the options, or --config") from exc


def _check_source(source: str, *, streams: bool) -> None:
    """Raise `BadInput` for a *source* that cannot be read on the device, and `SourceError` for one that is none."""
    if kind_of(source) is Kind.STREAM and not streams:
        raise BadInput("the source is a network stream; pass --streams, also to edge-fer wheelhouse")


def _warnings(settings: Settings, config: Config) -> list[str]:
    """Return what the card will lack, to be read before minutes of copying."""
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


def _python(found: Contents, given: str | None) -> str:
    """Return the image's Python. Raises `BadInput` if it cannot install anything, or is not known."""
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


def _bundle(name: str | None, profile: Profile) -> tuple[Bundle | None, str]:
    """Return the bundle from outside that is to run, or None; and the shipped model that is to run otherwise.

    *name* is the user's choice; None leaves it to *profile*.
    """
    known = bundles.shipped()
    if name is not None and name not in known:
        return open_bundle(name), profile.model if profile.model in known else DEFAULT_MODEL
    chosen = name or profile.model or DEFAULT_MODEL
    if chosen not in known:
        raise BadInput(f"the profile was measured with {chosen[:80]}, which is not shipped; pass it with --bundle")
    return None, chosen


def _profile(path: Path | None) -> Profile:
    """Return the profile that was measured on such a board; an empty one without *path*."""
    if path is None:
        return Profile()
    if not path.exists():
        raise BadInput(f"there is no profile {path}; of a board, pass its name by --device")
    return Profile.load(path)
