"""All files that a card is given, by their name on the boot partition."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import edge_fer
from edge_fer.errors import BadInput
from edge_fer.manifest import MANIFEST, SIGNATURE
from edge_fer_devices.card import cloud_init, firstrun_files, spare
from edge_fer_devices.card.inspection import CLOUD_INIT
from edge_fer_devices.first_boot import cmdline
from edge_fer_devices.first_boot.persisting import MOUNT_ORDER
from edge_fer_devices.first_boot.places import FIRST_BOOT_UNIT, FOLDER, STATUS
from edge_fer_devices.first_boot.status import FILE_BYTES

if TYPE_CHECKING:
    from edge_fer.appliance.config import Config
    from edge_fer.bundle import Bundle
    from edge_fer.profile import Profile
    from edge_fer_devices.card.inspection import Contents
    from edge_fer_devices.card.settings import Settings
    from edge_fer_devices.wheelhouse import Wheelhouse

FORMAT: Final = 1
INSTALLED_BUNDLE: Final = "/opt/edge-fer/bundle"
RUNNER: Final = "edge_fer_devices/first_boot"
EDITABLE: Final = ("config.toml", "profile.toml")
SETTLED: Final = "settled"
IN_CREDENTIAL: Final = (
    "[Unit]", "DefaultDependencies=", "RequiresMountsFor=", "After=", "Before=", "Conflicts=", "[Service]", "Type=",
    "Environment=", "ExecStart=",
)  # fmt: skip
"""How the lines of the unit begin that the kernel's command line brings."""


@dataclass(frozen=True)
class Order:
    """What is to be on a card."""

    settings: Settings
    config: Config
    wheelhouse: Wheelhouse
    profile: Profile
    """What was measured on such a board, or is assumed of it."""
    model: str
    """The shipped model that runs, where there is no bundle from outside."""
    bundle: Bundle | None = None
    """A bundle from outside; None for a shipped one, which is in the wheel."""
    read_only: bool = False


def collect(order: Order, image: Contents, line: str, instance_id: str) -> dict[str, bytes | Path]:
    """Return the files of *order* for a card made from *image*, whose ``cmdline.txt`` holds *line*.

    *instance_id* should be that of no other card. Files that make it boot into edge-fer come last.
    """
    files = _installed_files(order)
    card = _card(order, image, instance_id, files)
    files["card.json"] = (json.dumps(card, indent=1) + "\n").encode()
    contents: dict[str, bytes | Path] = {f"{FOLDER}/{name}": content for name, content in files.items()}
    contents[STATUS] = _not_started(instance_id)
    if image.init == CLOUD_INIT:
        contents.update(_for_cloud_init(order.settings, instance_id))
        words = _credentials() if image.takes_credentials else ()
    else:
        contents[f"{FOLDER}/setup.json"] = firstrun_files.setup(order.settings).encode()
        contents[f"{FOLDER}/firstrun.sh"] = firstrun_files.SCRIPT.encode()
        words = firstrun_files.WORDS
    if order.settings.account is not None:
        contents["ssh"] = b""  # by which Raspberry Pi OS starts its SSH server
    if not line.strip() and (order.read_only or image.init != CLOUD_INIT):
        raise BadInput("the image has no cmdline.txt, by which its kernel is told what to start; use a stock image")
    if line:
        kept = [word for word in line.split() if not (order.read_only and word in spare.WORDS)]
        contents["cmdline.txt"] = _cmdline(" ".join(kept), words).encode()
    return contents


def _cmdline(line: str, words: tuple[str, ...]) -> str:
    try:
        return cmdline.with_words(line, words)
    except ValueError as exc:
        raise BadInput(f"the image's {exc}; use a stock image") from exc


def _installed_files(order: Order) -> dict[str, bytes | Path]:
    """Return what is installed, or installs, by its name below `FOLDER`."""
    files: dict[str, bytes | Path] = {f"wheelhouse/{path.name}": path for path in order.wheelhouse.files}
    package = Path(str(resources.files("edge_fer_devices")))
    files["lib/edge_fer_devices/__init__.py"] = package / "__init__.py"
    for path in sorted((package / "first_boot").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files[f"lib/{RUNNER}/{path.relative_to(package / 'first_boot').as_posix()}"] = path
    config = order.config
    if order.bundle is not None:
        config = config.model_copy(update={"model": INSTALLED_BUNDLE})
        files.update(_bundle_files(order.bundle))
    files["config.toml"] = config.dumps().encode()
    files["profile.toml"] = order.profile.toml().encode()
    return files


def _bundle_files(bundle: Bundle) -> dict[str, bytes | Path]:
    """Return the checked files of *bundle* below ``bundle/``. Raises `BadBundle` if one is damaged."""
    manifest = bundle.manifest
    entries = [manifest.golden, *(entry for target in manifest.targets for entry in target.files)]
    if manifest.card is not None:
        entries.append(manifest.card)
    files: dict[str, bytes | Path] = {f"bundle/{MANIFEST}": bundle.manifest_bytes}
    for entry in entries:
        files[f"bundle/{entry.file}"] = bundle.read(entry)
    if bundle.signature is not None:
        files[f"bundle/{SIGNATURE}"] = bundle.signature
    return files


def _card(order: Order, image: Contents, instance_id: str, files: dict[str, bytes | Path]) -> dict[str, Any]:
    """Return what the first boot has to know."""
    manifest = order.wheelhouse.manifest
    return {
        "format": FORMAT,
        "id": instance_id,
        "instance_id": instance_id if image.init == CLOUD_INIT else None,
        "edge_fer": edge_fer.__version__,
        "machine": manifest.machine,
        "python": manifest.python,
        "wheelhouse": order.wheelhouse.digest,
        "model": INSTALLED_BUNDLE if order.bundle is not None else order.model,
        "read_only": order.read_only,
        # Settings may be edited on the card, in any computer.
        "files": {name: _sha256(content) for name, content in files.items() if name not in EDITABLE},
    }


def _for_cloud_init(settings: Settings, instance_id: str) -> dict[str, bytes | Path]:
    return {
        f"{FOLDER}/{SETTLED}/user-data": cloud_init.user_data(settings, secrets=False).encode(),
        f"{FOLDER}/{SETTLED}/network-config": cloud_init.network_config(settings, secrets=False).encode(),
        "network-config": cloud_init.network_config(settings).encode(),
        "user-data": cloud_init.user_data(settings).encode(),
        "meta-data": cloud_init.meta_data(settings, instance_id).encode(),
    }


def _credentials() -> tuple[str, ...]:
    """Return the words that bring systemd (256 and later) the unit of the first boot, and cloud-init its order.

    So nothing on the root partition is changed, and the first boot runs whether or not user-data does.
    """
    unit = resources.files("edge_fer_devices") / "first_boot/units" / FIRST_BOOT_UNIT
    # The line is short: what is not needed to start it stays out.
    lines = [line for line in unit.read_text().splitlines() if line.startswith(IN_CREDENTIAL)]
    return (
        f"{cmdline.CREDENTIAL}systemd.extra-unit.{FIRST_BOOT_UNIT}:{_base64(chr(10).join(lines))}",
        f"{cmdline.CREDENTIAL}systemd.unit-dropin.cloud-init-local.service:{_base64(MOUNT_ORDER)}",
        f"systemd.wants={FIRST_BOOT_UNIT}",
    )


def _not_started(card: str) -> bytes:
    """Return the status of a card that no device has booted yet."""
    text = json.dumps({"format": FORMAT, "outcome": "not started", "card": card, "attempt": 0})
    return text.ljust(FILE_BYTES - 1).encode() + b"\n"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _sha256(content: bytes | Path) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else content.read_bytes()).hexdigest()
