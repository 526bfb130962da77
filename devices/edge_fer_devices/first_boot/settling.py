"""What is done once the service runs: its health, whether user-data ran, and the secrets that nobody needs any more."""

from __future__ import annotations

import ipaddress
import json
import time
import tomllib
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from edge_fer_devices.first_boot import cmdline, writing
from edge_fer_devices.first_boot.commands import StepFailed
from edge_fer_devices.first_boot.status import uptime_s

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer_devices.first_boot.places import Places

HEALTHY_WITHIN_S: Final = 120.0
USER_DATA_WITHIN_S: Final = 300.0
POLL_S: Final = 1.0
ANSWER_WITHIN_S: Final = 5.0
SEED: Final = ("user-data", "network-config")
"""Files of the boot partition that may hold hashed passwords and keys of a network."""


def wait_for_health(places: Places, card: dict[str, Any]) -> str:
    """Wait until the service says that frames come. A camera that is missing is reported, and is no failure."""
    address = _address(places, card)
    deadline = uptime_s() + HEALTHY_WITHIN_S
    answer: dict[str, Any] = {}
    while uptime_s() < deadline:
        answer = _health(address) or answer
        if answer.get("status") == "ok":
            return f"ok, {answer.get('frames')} frames"
        time.sleep(POLL_S)
    if not answer:
        raise StepFailed("the service does not answer; see: journalctl -u edge-fer")
    return f"not healthy: {answer.get('reason')}"


def wait_for_user_data(places: Places, card: dict[str, Any]) -> str:
    """Return whether cloud-init has run this card's user-data: ``ran``, ``never ran``, ``not used``."""
    if not card.get("instance_id"):
        return "not used"
    deadline = uptime_s() + USER_DATA_WITHIN_S
    instance = places.root / "var/lib/cloud/data/instance-id"
    finished = places.root / "run/cloud-init/result.json"
    while not finished.exists():
        if uptime_s() > deadline or not (places.root / "run/cloud-init").exists():
            break
        time.sleep(POLL_S)
    seen = _read(instance).strip() == card["instance_id"] and finished.exists()
    return "ran" if seen else "never ran"


def erase_secrets(places: Places, card: dict[str, Any]) -> str:
    """Overwrite and replace the files of the boot partition that held secrets, and clean the kernel's command line."""
    erased = []
    settled = places.card / "settled"
    for name in SEED:
        replacement = settled / name
        # Without a replacement the file is not ours, or was replaced already.
        if replacement.exists() and card.get("instance_id"):
            _replace(places.boot / name, replacement)
            erased.append(name)
    for name in ("setup.json", "firstrun.sh"):
        if (places.card / name).exists():
            writing.erase(places.card / name)
            erased.append(name)
    if cmdline.clean(places.boot / "cmdline.txt"):
        erased.append("words of cmdline.txt")
    return ", ".join(erased)


def _replace(path: Path, replacement: Path) -> None:
    text = replacement.read_text(encoding="utf-8")
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") == text:
        return
    writing.erase(path)
    writing.write(path, text)


def _address(places: Places, card: dict[str, Any]) -> str:
    """Return where the service answers, as host and port: settings may have been edited on the card."""
    health = dict(card["health"])
    # What is wrong with them, the service says.
    with suppress(OSError, ValueError, KeyError, TypeError):
        health |= tomllib.loads((places.settings / "config.toml").read_text())["health"]
    try:
        host = ipaddress.ip_address(health["bind"])
    except ValueError as exc:
        raise StepFailed(f"the service cannot listen at {health['bind']!r}; mend bind in config.toml") from exc
    # What listens at every address is asked at this machine's own.
    if host.is_unspecified:
        host = ipaddress.ip_address("127.0.0.1" if host.version == 4 else "::1")
    return f"[{host}]:{health['port']}" if host.version == 6 else f"{host}:{health['port']}"


def _health(address: str) -> dict[str, Any] | None:
    """Return what the service answers; also with status 503, which says that no frames come."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _AnyStatus())
    try:
        with opener.open(f"http://{address}/health", timeout=ANSWER_WITHIN_S) as response:
            answer = json.loads(response.read())
    except (OSError, ValueError, HTTPException):  # also of another program that has the port
        return None
    return answer if isinstance(answer, dict) else None


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: Any, response: Any) -> Any:
        del request
        return response


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
