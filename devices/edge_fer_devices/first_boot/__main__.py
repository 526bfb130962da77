"""Runs the first boot, as root: ``python3 -m edge_fer_devices.first_boot``."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer_devices.first_boot import installing, persisting, settling
from edge_fer_devices.first_boot.commands import StepFailed
from edge_fer_devices.first_boot.places import FIRST_BOOT_UNIT, FOLDER, ROOT, STATUS, Places
from edge_fer_devices.first_boot.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Step = Callable[[Places, dict[str, Any]], str]

INSTALLATION: Final[dict[str, Step]] = {
    "keep this unit": persisting.keep_unit,
    "check the machine": installing.check_machine,
    "check the files": installing.check_files,
    "grow the root partition": persisting.grow_root,
    "check the room": installing.check_room,
    "make the account": installing.make_user,
    "mount the data partition": persisting.mount_data,
    "install the wheels": installing.install,
    "copy the settings": installing.configure,
    "verify the golden answers": installing.verify,
    "install the units": installing.install_units,
    "note that it is installed": installing.note_done,
}
"""The steps in their order. What they change is enabled last."""
NEEDED: Final = ("id", "machine", "python", "wheelhouse", "model", "files")
"""What a card says of itself."""


def main(arguments: list[str] | None = None) -> int:
    """Install what the card holds, unless an earlier boot has; return an exit code."""
    parser = argparse.ArgumentParser(prog="edge-fer-first-boot", description="Install edge-fer from the card.")
    parser.add_argument("--again", action="store_true", help="Install also where an earlier boot has done so.")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    places = Places(options.root)
    try:
        card = json.loads((places.card / "card.json").read_text(encoding="utf-8"))
        lacking = [name for name in NEEDED if name not in card] if isinstance(card, dict) else NEEDED
    except (OSError, ValueError, RecursionError) as exc:
        sys.stderr.write(f"edge-fer: the boot partition has no usable {FOLDER}/card.json: {exc}\n")
        return 1
    if lacking:
        sys.stderr.write(
            f"edge-fer: {FOLDER}/card.json is damaged: {', '.join(lacking)} missing; flash the card again\n"
        )
        return 1
    with _alone(places):
        status = Status(places, card)
        return _first_boot(places, card, status, again=options.again)


def _first_boot(places: Places, card: dict[str, Any], status: Status, *, again: bool) -> int:
    done = installing.is_done(places, card) and not again
    if done and _succeeded_before(places, card):
        return 0
    try:
        if not done:
            for name, step in INSTALLATION.items():
                _run(status, name, step, places, card)
        _run(status, "start the service", installing.start, places, card)
        _run(status, "wait for its health", settling.wait_for_health, places, card)
        status.set(user_data="waiting")
        _run(status, "wait for user-data", settling.wait_for_user_data, places, card)
        status.set(user_data=status.detail)
        # What never ran may still run on the next boot, and needs its secrets.
        if status.detail != "never ran":
            _run(status, "erase secrets", settling.erase_secrets, places, card)
        _run(status, "make the root read-only", persisting.make_read_only, places, card)
    except StepFailed as exc:
        status.set(outcome="failed", error=str(exc))
        return 1
    status.set(outcome="ok")
    return 0


def _run(status: Status, name: str, step: Step, places: Places, card: dict[str, Any]) -> None:
    """Run one step, and note how it went. Raises `StepFailed`, whatever was raised."""
    status.begin(name)
    sys.stderr.write(f"edge-fer: {name}\n")
    try:
        detail = step(places, card)
    except StepFailed as exc:
        status.end("failed", str(exc))
        raise
    except Exception as exc:
        reason = f"{type(exc).__name__}: {exc}"
        status.end("failed", reason)
        raise StepFailed(f"{name}: {reason}") from exc
    status.end("ok", detail)


def _succeeded_before(places: Places, card: dict[str, Any]) -> bool:
    """Return whether the status file tells of a success with this card: then there is nothing to do."""
    try:
        before = json.loads((places.boot / STATUS).read_text())
    except (OSError, ValueError, RecursionError):
        return False
    good = isinstance(before, dict) and before.get("card") == card["id"] and before.get("outcome") == "ok"
    return good and before.get("user_data") != "never ran"


@contextlib.contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Let one first boot work at a time: cloud-init's runcmd and systemd may start it both."""
    folder = places.root / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{FIRST_BOOT_UNIT}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
