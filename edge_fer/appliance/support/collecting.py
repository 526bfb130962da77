"""Collects what is in a support bundle. What cannot be collected says so in its place."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tomli_w

from edge_fer import __version__, host
from edge_fer.appliance import asking
from edge_fer.appliance.support.cleaning import PACKAGES, clean, clean_all, masked
from edge_fer.errors import BadInput, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.appliance.config import Config

UNITS: Final = ("edge-fer", "edge-fer-kiosk", "edge-fer-first-boot")
LOG_LINES: Final = 5000
LOG_TIMEOUT_S: Final = 60.0
DOCTOR_TIMEOUT_S: Final = 300.0
ANSWER_WITHIN_S: Final = 5.0
MAX_EVENTS: Final = 500
"""Most events about the appliance itself that are told in full; the newest."""
MAX_CHARACTERS: Final = 4_000_000
"""Longest part; of a longer one, the end is kept."""
BOOT_STATUS: Final = (Path("/boot/firmware/edge-fer-status.json"), Path("/var/log/edge-fer-status.json"))
PEOPLE: Final = frozenset({"face", "alert"})
"""Kinds of events that are only counted."""


@dataclass(frozen=True)
class Part:
    """One file of the bundle."""

    name: str
    about: str
    """What is in it, for who decides whether to send it."""
    collect: Callable[[Path], Any]
    """Returns its content, from the path of the settings: lines of text, or what JSON or TOML holds."""


def parts() -> tuple[Part, ...]:
    """Return all files of a bundle, in their order."""
    return (
        Part("versions.json", "versions of edge-fer, Python, its packages, and the system", _versions),
        Part("machine.json", "board, processor, memory, free disk, temperature", _machine),
        Part("config.toml", "the settings: names of credentials, and neither addresses nor names of people", _settings),
        Part("health.json", "what the service answers to /health now", _health),
        Part("events.json", "how many events of each kind on which day; faults of the appliance in full", _events),
        Part("log.txt", f"the last {LOG_LINES} lines of the service's log", _log),
        Part("doctor.json", "what edge-fer doctor finds", _doctor),
        Part("profile.toml", "what edge-fer bench has measured on this machine", _profile),
        Part("first-boot.json", "how the first boot of a card went", _first_boot),
    )


def collected(part: Part, settings: Path) -> str:
    """Return the text of *part*, cleaned; where it cannot be collected, the reason."""
    try:
        content = part.collect(settings)
    except Exception as exc:  # noqa: BLE001 (where anything may be broken, one part must not cost the others)
        content = f"not collected: {one_line(exc)}\n"
    secrets = _misplaced(settings)
    if isinstance(content, str):
        return clean(content[-MAX_CHARACTERS:], secrets=secrets)
    # Before it is written: what is masked in a text may be a quotation mark.
    cleaned = clean_all(content, secrets)
    return tomli_w.dumps(cleaned) if part.name.endswith(".toml") else json.dumps(cleaned, indent=2) + "\n"


def _misplaced(settings: Path) -> tuple[str, ...]:
    """Return what stands in the settings in the place of credentials' names and names none: perhaps the secrets."""
    from edge_fer.appliance.config.remarks import credentials, is_there

    try:
        names = credentials(_config(settings)).values()
    except BadInput:
        return ()
    return tuple(name.removeprefix("@") for name in names if not is_there(name))


def _versions(_: Path) -> dict[str, Any]:
    packages = {}
    for distribution in metadata.distributions():
        packages[distribution.name] = distribution.version
    return {"edge_fer": __version__, "python": sys.version.split()[0], PACKAGES: dict(sorted(packages.items()))}


def _machine(settings: Path) -> dict[str, Any]:
    try:
        folder = _config(settings).supervision.state_folder
    except BadInput:
        folder = Path("/")
    while not folder.exists():
        folder = folder.parent
    disk = shutil.disk_usage(folder)
    now = {
        "temperature_c": host.temperature_c(),
        "throttled": host.throttled(),
        "load_1min": host.load_1min(),
        "available_mb": host.available_mb(),
        "disk_free_mb": disk.free >> 20,
        "disk_size_mb": disk.total >> 20,
    }
    return {"machine": host.facts(), "now": now}


def _settings(settings: Path) -> Any:
    from edge_fer.appliance.config import text_of
    from edge_fer.appliance.config.faults import find

    faults, config = find(text_of(settings))
    if config is None:
        # The text itself may hold anything.
        keys = [f"# line {fault.line}: {fault.key or 'this is no TOML'}" for fault in faults]
        return "\n".join(["# The settings cannot be used; faults:", *keys]) + "\n"
    return masked(config.model_dump(mode="json", exclude_none=True))


def _health(settings: Path) -> dict[str, Any]:
    where = asking.Where(asking.DEFAULT_BIND, asking.DEFAULT_PORT)
    if settings.exists():
        where = asking.Where.of_settings(settings)
    return asking.ask(where.url, ANSWER_WITHIN_S, where.certificate, where.secret())


def _events(settings: Path) -> dict[str, Any]:
    from edge_fer.appliance.events.reader import Reader

    counts: dict[str, Counter[str]] = {}
    told: list[dict[str, Any]] = []
    for _, event in Reader(_config(settings).events.path).since(None):
        counts.setdefault(event.time.date().isoformat(), Counter())[event.kind.value] += 1
        if event.kind.value not in PEOPLE:
            told.append(event.as_dict())
            del told[:-MAX_EVENTS]
    return {"counts": counts, "of_the_appliance": told}


def _log(_: Path) -> str:
    if shutil.which("journalctl") is None:
        return "not collected: there is no journal here\n"
    units = [f"--unit={unit}" for unit in UNITS]
    said = subprocess.run(  # noqa: S603  (the words are ours)
        ["journalctl", *units, f"--lines={LOG_LINES}", "--no-pager", "--output=short-iso", "--no-hostname"],  # noqa: S607
        capture_output=True, text=True, errors="replace", timeout=LOG_TIMEOUT_S, check=False,
    )  # fmt: skip
    # With print_records, what was seen of people is in the log: {"index": …
    kept = [line for line in (said.stdout or said.stderr).splitlines() if "]: {" not in line]
    return "\n".join(kept) + "\n"


def _doctor(_: Path) -> Any:
    said = subprocess.run(
        [sys.executable, "-m", "edge_fer.cli", "doctor", "--json"],
        capture_output=True, text=True, errors="replace", timeout=DOCTOR_TIMEOUT_S, check=False,
    )  # fmt: skip
    # A finding a line.
    found = [json.loads(line) for line in said.stdout.splitlines() if line.strip()]
    return found or f"not collected: {one_line(said.stderr)}\n"


def _profile(_: Path) -> Any:
    from edge_fer import profile

    found = profile.of_this_machine()
    return "not collected: edge-fer bench has measured nothing here\n" if found is None else tomllib.loads(found.toml())


def _first_boot(_: Path) -> Any:
    for path in BOOT_STATUS:
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8", errors="replace"))
    return "not collected: this machine was not set up by a card\n"


def _config(settings: Path) -> Config:
    from edge_fer.appliance.config import Config

    return Config.load(settings) if settings.exists() else Config()
