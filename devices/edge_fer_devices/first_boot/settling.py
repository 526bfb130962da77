"""What is done once the service runs: its health, whether user-data ran, and the secrets that nobody needs any more."""

from __future__ import annotations

import json
import ssl
import time
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from edge_fer_devices.first_boot import cmdline, permissions, writing
from edge_fer_devices.first_boot.commands import StepFailed
from edge_fer_devices.first_boot.status import uptime_s

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer_devices.first_boot.places import Places

HEALTHY_WITHIN_S: Final = 120.0
USER_DATA_WITHIN_S: Final = 300.0
POLL_S: Final = 1.0
ANSWER_WITHIN_S: Final = 5.0
WORKS: Final = ("ok", "degraded")
"""Status of a service that sees frames; of a degraded one, another part does not work."""
SEED: Final = ("user-data", "network-config")
"""Files of the boot partition that may hold hashed passwords and keys of a network."""


def wait_for_health(places: Places, card: dict[str, Any]) -> str:
    """Wait until the service says that frames come. A camera that is missing is reported, and is no failure."""
    del card
    page = _page(places)
    if page is None:
        return "not asked: the settings switch the page off, which is what answers"
    deadline = uptime_s() + HEALTHY_WITHIN_S
    answer: dict[str, Any] = {}
    while uptime_s() < deadline:
        answer = _health(page) or answer
        if answer.get("status") in WORKS:
            return ", ".join(filter(None, (answer["status"], f"{answer.get('frames')} frames", answer.get("reason"))))
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


def _page(places: Places) -> str | None:
    """Return where the service answers; None where its settings say that it does not."""
    config = permissions.read(places.settings / "config.toml")
    page = permissions.address_of_page(config)
    enabled = config.get("page", {}).get("enabled", True) if isinstance(config.get("page", {}), dict) else True
    if page is None and enabled:
        raise StepFailed("the settings do not say where the service listens; mend bind and port in config.toml")
    return page


def _health(page: str) -> dict[str, Any] | None:
    """Return what the service answers; also with status 503, which says that no frames come."""
    # Nothing secret is sent, and the certificate may be made out to another name.
    context = ssl._create_unverified_context() if page.startswith("https:") else None  # noqa: S323, SLF001
    handlers = [urllib.request.ProxyHandler({}), _AnyStatus(), urllib.request.HTTPSHandler(context=context)]
    try:
        with urllib.request.build_opener(*handlers).open(f"{page}health", timeout=ANSWER_WITHIN_S) as response:
            answer = json.loads(response.read())
    except (OSError, ValueError, HTTPException):  # also of another program that has the port
        return None
    return answer if isinstance(answer, dict) else None


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: Any, response: Any) -> Any:
        del request
        return response

    https_response = http_response


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
