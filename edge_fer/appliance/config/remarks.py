"""What is allowed and deserves a second look: secrets in the open, and files and credentials that are not here."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.config.credentials import FOLDER_VARIABLE
from edge_fer.sources.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.appliance.config import Config

STORES: Final = (Path("/etc/credstore"), Path("/etc/credstore.encrypted"), Path("/run/credstore"))
"""Where systemd looks for the credentials that a unit names (systemd.exec(5), LoadCredential=)."""
ABROAD: Final = "anybody on the way can read it"


@dataclass(frozen=True)
class Remark:
    """One remark."""

    key: str
    """What it is about, as ``page.token``."""
    text: str

    def as_dict(self) -> dict[str, str]:
        """Return the remark as ``edge-fer config check --json`` prints it."""
        return asdict(self)


def remarks(config: Config, stores: tuple[Path, ...] = STORES) -> list[Remark]:
    """Return the remarks on *config*. Files are looked for on this machine."""
    found = list(_in_the_open(config))
    for key, name in credentials(config).items():
        if not is_there(name, stores):
            found.append(Remark(key, f"the credential {name} is not on this machine; put it into {stores[0] / name}"))
    for key, path in _files(config).items():
        if not path.exists():
            found.append(Remark(key, f"{path} is not on this machine"))
    return found


def credentials(config: Config) -> dict[str, str]:
    """Return the names of all credentials that *config* needs, each by its key."""
    found: dict[str, str | None] = {"page.token": config.page.token}
    if config.mqtt is not None:
        found["mqtt.password"] = config.mqtt.password
    if config.driving is not None and config.driving.speed is not None:
        found["driving.speed.password"] = config.driving.speed.password
    for number, webhook in enumerate(config.webhook, 1):
        found[f"webhook[{number}].secret"] = webhook.secret
    return {key: name for key, name in found.items() if name is not None}


def is_there(name: str, stores: tuple[Path, ...] = STORES) -> bool:
    """Return whether there is a credential *name*, or the file of an ``@FILE``."""
    if name.startswith("@"):
        return Path(name[1:]).exists()
    folders = [*stores, Path(os.environ[FOLDER_VARIABLE])] if FOLDER_VARIABLE in os.environ else list(stores)
    return any((folder / name).exists() for folder in folders)


def _in_the_open(config: Config) -> Iterator[Remark]:
    """Yield what others may read."""
    if redact(config.source) != config.source:
        yield Remark("source", 'the address holds a secret; put it into a file of the service: source = "@FILE"')
    page = config.page
    if page.enabled and not page.only_this_device and not page.encrypted:
        yield Remark("page.bind", f"what the page shows, and its token, are not encrypted: {ABROAD}; see certificate")
    if config.mqtt is not None and not config.mqtt.tls:
        yield Remark("mqtt.tls", f"what the broker is told is not encrypted: {ABROAD}")
    speed = None if config.driving is None else config.driving.speed
    if speed is not None and speed.host is not None and not speed.tls:
        yield Remark("driving.speed.tls", f"the speed is not encrypted: {ABROAD}, and could send another one")
    for number, webhook in enumerate(config.webhook, 1):
        if webhook.url.startswith("http:"):
            yield Remark(f"webhook[{number}].url", f"what the server is told is not encrypted: {ABROAD}")


def _files(config: Config) -> dict[str, Path]:
    """Return the files that *config* names, each by its key."""
    found: dict[str, Any] = {"public_key": config.public_key}
    found["page.certificate"] = config.page.certificate
    found["page.key"] = config.page.key
    if config.source.startswith("@"):
        found["source"] = config.source[1:]
    if config.mqtt is not None:
        for name in ("ca_file", "certificate_file", "key_file"):
            found[f"mqtt.{name}"] = getattr(config.mqtt, name)
    if config.driving is not None:
        for name in ("landmarks", "eyes", "speed_file"):
            found[f"driving.{name}"] = getattr(config.driving, name)
        found["driving.speed.ca_file"] = None if config.driving.speed is None else config.driving.speed.ca_file
    if config.sound is not None:
        for name in ("notice", "warning", "alarm"):
            found[f"sound.{name}"] = getattr(config.sound, name)
    for number, webhook in enumerate(config.webhook, 1):
        found[f"webhook[{number}].ca_file"] = webhook.ca_file
    return {key: Path(path) for key, path in found.items() if path is not None}
