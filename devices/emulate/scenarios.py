"""What is tried with a card, one function a scenario. Each returns what it has measured, and raises where it fails."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import machine
import stand_in
from machine import RASPI3B, VIRT_A53, VIRT_A72, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from machine import Board

PATIENCE_S: Final = 1500.0
"""Longest boot. Emulated, on processors that others use too, one takes minutes."""
CUTS: Final = 10
CUT_SEED: Final = 30
CUT_EVERY_S: Final = (2.0, 6.0)
"""Time between two moments, in seconds, of which some are chosen to cut the power at."""
CUT_AFTER_FRAMES_S: Final = 30.0
"""How long moments are chosen after the first frames: the first boot's last steps, and the service at work."""
RUN_ON_S: Final = 40.0
"""How long a card with a read-only root is watched after the first frames: two rounds of the probe."""
CHUNK_SECTORS: Final = 2048
"""What is read at once, 1 MiB: partitions are aligned to it."""
SLOW_MOUNT: Final = """\
[Unit]
Description=A boot partition that is slow to appear
DefaultDependencies=no
Before=boot-firmware.mount

[Service]
Type=oneshot
ExecStart=/usr/bin/sleep 45
"""
CONFIG: Final = f"""\
source = "synthetic"
max_fps = 5.0

[page]
bind = "0.0.0.0"
port = {machine.HEALTH_PORT}
token = "{machine.CREDENTIAL}"
hosts = ["127.0.0.1"]
"""
"""The service is asked from outside of the emulated machine."""


@dataclass(frozen=True)
class Workshop:
    """What scenarios share."""

    stock: Path
    """The stand-in's image, which nobody writes to."""
    folder: Path
    """For cards and consoles."""
    wheelhouse: Path
    expected: dict[str, Any]
    """The record of the first frame, as this machine computes it."""

    def flash(self, name: str, *options: str, stock: Path | None = None) -> tuple[Path, dict[str, Any]]:
        """Make the card *name* by ``edge-fer flash``; return its image and what the command has reported."""
        config = self.folder / "config.toml"
        config.write_text(CONFIG)
        card = self.folder / f"{name}.img"
        said = subprocess.run(
            [
                sys.executable, "-m", "edge_fer.cli", "flash", str(stock or self.stock), "--out", str(card), "--force",
                "--json", "--wheelhouse", str(self.wheelhouse), "--config", str(config), *options,
            ],
            check=True, stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip
        # Without the path: results are kept, and must not tell where they were made.
        told = json.loads(said)
        del told["path"]
        return card, told

    def console(self, name: str) -> Path:
        """Return where the console of the boot *name* is written."""
        path = self.folder / f"{name}.log"
        path.unlink(missing_ok=True)
        return path


def first_record(*options: str) -> dict[str, Any]:
    """Return the record of the first frame that is drawn, as this machine computes it with *options*."""
    command = [sys.executable, "-m", "edge_fer.cli", "run", "--source", "synthetic", "--frames", "1", "--json"]
    said = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, text=True).stdout
    record: dict[str, Any] = json.loads(said)
    return record


def boot(
    workshop: Workshop, card: Path, board: Board, name: str, expected: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Boot *card*, wait for frames, compare the first record, and switch the machine off.

    The record is to be *expected*, by default what this machine computes.
    """
    with running(card, board, workshop.console(name)) as one:
        healthy_s = one.wait_healthy(PATIENCE_S)
        check_first(one.get("/first"), expected or workshop.expected)
        one.wait_status("ok", PATIENCE_S)
        probe = one.wait_probe(PATIENCE_S, lambda found: bool(found["service_rss_kb"] and found["venv_mb"]))
    return {"healthy_s": healthy_s, "cpu": board.cpu, "machine": board.machine, "probe": probe,
            "first_record": "that of the host"}  # fmt: skip


def copy_card(source: Path, target: Path) -> None:
    """Copy an image, of which most is empty."""
    stand_in.run("cp", "--sparse=always", source, target)


def check_first(found: dict[str, Any] | None, expected: dict[str, Any]) -> None:
    """Raise `AssertionError` unless the record *found* is *expected*.

    Pixels drawn on another CPU differ by a grey level here and there, and the scores with them by a step.
    """
    assert found is not None, "the service has no first record"
    assert [face["state"] for face in found["faces"]] == [face["state"] for face in expected["faces"]], found
    for face, other in zip(found["faces"], expected["faces"], strict=True):
        assert max(abs(a - b) for a, b in zip(face["box"], other["box"], strict=True)) <= 1.0, (face, other)
        assert max(abs(face["scores"][label] - other["scores"][label]) for label in face["scores"]) <= 3 / 256, face


def check_card(card: Path) -> dict[str, str]:
    """Check both file systems of *card*, after the journal was replayed. Raises `AssertionError` for damage."""
    copy = card.with_suffix(".fsck")
    found = {}
    for name, offset, command in (
        ("root", machine.ROOT_OFFSET, ("e2fsck", "-f", "-y")),
        ("boot", machine.BOOT_OFFSET, ("fsck.vfat", "-n")),
    ):
        size = stand_in.BOOT_SECTORS * 512 if name == "boot" else card.stat().st_size - offset
        stand_in.run(
            "dd", f"if={card}", f"of={copy}", f"skip={offset}", f"count={size}", "iflag=skip_bytes,count_bytes",
            "bs=1M", "conv=sparse", "status=none",
        )  # fmt: skip
        done = subprocess.run([*command, str(copy)], check=False, capture_output=True, text=True, env=stand_in.PATHS)
        found[name] = f"{' '.join(command)}: exit code {done.returncode}"
        copy.unlink()
        # 1: the journal was replayed, or a count was corrected, as at each boot after a power cut. FAT has no journal:
        # what was being written is lost, and is repaired at the boot.
        assert name == "boot" or done.returncode in (0, 1), done.stdout
    return found


def first_boot(workshop: Workshop) -> dict[str, Any]:
    """Flash a card and boot it on the CPU of a Raspberry Pi 4, without the internet."""
    card, flashed = workshop.flash("first")
    result = boot(workshop, card, VIRT_A72, "first-boot")
    status = machine.status(card)
    assert status["user_data"] == "ran", status
    copy_card(card, workshop.folder / "installed.img")
    return {**result, "flash": flashed, "steps": _steps(status)}


def another_cpu(workshop: Workshop) -> dict[str, Any]:
    """Boot the installed card again, on the CPU of a Raspberry Pi 3: nothing is installed twice."""
    card = _installed(workshop, "another-cpu")
    return boot(workshop, card, VIRT_A53, "another-cpu")


def raspi3b(workshop: Workshop) -> dict[str, Any]:
    """Boot a new card on the board that QEMU has of a Raspberry Pi 3, with 1 GB."""
    device = "--device", "raspberry-pi-3"
    card, _ = workshop.flash("raspi3b", *device)
    # Its profile asks for smaller frames.
    return boot(workshop, card, RASPI3B, "raspi3b", first_record(*device))


def new_instance(workshop: Workshop) -> dict[str, Any]:
    """Flash an installed card again: cloud-init works again, by the new instance-id, and the service runs."""
    used = _installed(workshop, "used")
    card, _ = workshop.flash("new-instance", "--hostname", "renamed", stock=used)
    result = boot(workshop, card, VIRT_A72, "new-instance")
    status = machine.status(card)
    assert status["user_data"] == "ran", status
    return {**result, "steps": _steps(status)}


def firstrun(workshop: Workshop) -> dict[str, Any]:
    """Boot an image without cloud-init, as images before trixie are: firstrun.sh, a restart, then the installation."""
    stock = workshop.folder / "without-cloud-init.img"
    copy_card(workshop.stock, stock)
    _change_root(stock, "rm /usr/bin/cloud-init", "write /dev/null /etc/cloud/cloud-init.disabled")
    card, flashed = workshop.flash("firstrun", "--hostname", "older", stock=stock)
    assert flashed["init"] == "firstrun", flashed
    with running(card, VIRT_A72, workshop.console("firstrun-1")) as one:
        one.wait_end(PATIENCE_S)
    # Without cloud-init, only NetworkManager would configure the network, and the stand-in has none: asked from inside.
    with running(card, VIRT_A72, workshop.console("firstrun-2"), network=False) as one:
        status = one.wait_status("ok", PATIENCE_S)
    details = {step["name"]: step["detail"] for step in status["steps"]}
    assert details["wait for its health"].startswith("ok"), details
    assert "systemd.run" not in machine.read(card, "cmdline.txt")
    return {"healthy": details["wait for its health"], "settings": _steps({"steps": status["settings"]}),
            "steps": _steps(status)}  # fmt: skip


def late_boot_partition(workshop: Workshop) -> dict[str, Any]:
    """Boot a card whose boot partition appears late: user-data runs all the same."""
    stock = workshop.folder / "late.img"
    copy_card(workshop.stock, stock)
    unit = workshop.folder / "slow-mount.service"
    unit.write_text(SLOW_MOUNT)
    folder = "/etc/systemd/system/boot-firmware.mount.requires"
    _change_root(
        stock, f"write {unit} /etc/systemd/system/slow-mount.service", f"mkdir {folder}",
        f"symlink {folder}/slow-mount.service ../slow-mount.service",
    )  # fmt: skip
    card, _ = workshop.flash("late-boot-partition", stock=stock)
    result = boot(workshop, card, VIRT_A72, "late-boot-partition")
    status = machine.status(card)
    assert status["user_data"] == "ran", status
    return {**result, "steps": _steps(status)}


def no_network(workshop: Workshop) -> dict[str, Any]:
    """Flash an installed card again, and boot it without a network card: nothing waits for one."""
    card, _ = workshop.flash("no-network", stock=_installed(workshop, "used"))
    with running(card, VIRT_A72, workshop.console("no-network"), network=False) as one:
        status = one.wait_status("ok", PATIENCE_S)
    details = {step["name"]: step["detail"] for step in status["steps"]}
    assert details["wait for its health"].startswith("ok"), details
    return {"healthy": details["wait for its health"], "steps": _steps(status)}


def read_only(workshop: Workshop) -> dict[str, Any]:
    """Boot a card with a read-only root, then again: an overlay is the root, and nothing is written to it."""
    card, _ = workshop.flash("read-only", "--read-only")
    first = boot(workshop, card, VIRT_A72, "read-only-1")
    steps = _steps(machine.status(card))
    with running(card, VIRT_A72, workshop.console("read-only-2")) as one:
        one.wait_probe(PATIENCE_S, lambda found: found["root"] == "overlay")
        before = _root_digest(card)
        healthy_s = one.wait_healthy(PATIENCE_S)
        check_first(one.get("/first"), workshop.expected)
        one.let_run(RUN_ON_S)
        probe = one.probes()[-1]
        assert _root_digest(card) == before, "the root partition was written to"
    return {**first, "steps": steps, "second_boot": {"healthy_s": healthy_s, "probe": probe}, "root": "not written to"}


def power_cuts(workshop: Workshop) -> dict[str, Any]:
    """Cut the power ten times, during the first boot, the service's first frames and the second boot."""
    return _cuts(workshop, "power-cuts")


def power_cuts_read_only(workshop: Workshop) -> dict[str, Any]:
    """Cut the power of a card with a read-only root ten times, during its first boot and the second one."""
    return _cuts(workshop, "power-cuts-read-only", "--read-only")


def _cuts(workshop: Workshop, name: str, *options: str) -> dict[str, Any]:
    """Boot a new card twice, keep it as it was at moments of both boots, and boot what was kept: all must be good.

    A card is kept while its machine stands still, so that two boots are enough for all cuts.
    """
    card, _ = workshop.flash(name, *options)
    sample = Sample(workshop.folder / name, CUTS, random.Random(CUT_SEED))  # noqa: S311  (it chooses moments)
    for boot_number in (1, 2):
        with running(card, VIRT_A72, workshop.console(f"{name}-{boot_number}")) as one:
            _take_moments(one, sample, boot_number)
    rows = []
    for number, (kept, moment) in enumerate(sample.kept):
        rows.append({"cut": moment, **check_card(kept)})
        with running(kept, VIRT_A72, workshop.console(f"{name}-cut-{number}")) as one:
            _check_good(one, workshop, rows[-1])
        kept.unlink()
    return {"good_boots": len(rows), "cuts": rows}


class Sample:
    """Cards as they were at moments that are chosen evenly from all that are offered, however many that will be."""

    def __init__(self, folder: Path, size: int, rng: random.Random) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._size = size
        self._rng = rng
        self._offered = 0
        self.kept: list[tuple[Path, str]] = []

    def offer(self, one: machine.Machine, moment: str) -> None:
        """Keep the card of *one* as it is now, perhaps; another one goes for it (reservoir sampling)."""
        self._offered += 1
        place = len(self.kept) if len(self.kept) < self._size else self._rng.randrange(self._offered)
        if place >= self._size:
            return
        path = self._folder / f"cut-{place}.img"
        one.copy_as_cut(path)
        self.kept[place : place + 1] = [(path, moment)]


def _take_moments(one: machine.Machine, sample: Sample, boot_number: int) -> None:
    """Offer the card to *sample* from the start of the machine to some time after its first frames."""
    rng = random.Random(CUT_SEED + boot_number)  # noqa: S311
    healthy_at: float | None = None
    while healthy_at is None or time.monotonic() < healthy_at + CUT_AFTER_FRAMES_S:
        one.let_run(rng.uniform(*CUT_EVERY_S))
        if healthy_at is None and (one.get("/health") or {}).get("status") == "ok":
            healthy_at = time.monotonic()
        passed_s = time.monotonic() - one.began_s
        if passed_s > PATIENCE_S or one.process.poll() is not None:
            raise machine.NeverHappened(f"no frames in boot {boot_number}; see {one.console}")
        at = "frames come" if healthy_at is not None else _last_step(machine.status(one.card))
        sample.offer(one, f"boot {boot_number}, {passed_s:.0f} s after the start: {at}")


def _check_good(one: machine.Machine, workshop: Workshop, row: dict[str, Any]) -> None:
    """Wait for frames after a cut, compare the first record, and note it in *row*."""
    one.wait_healthy(PATIENCE_S)
    check_first(one.get("/first"), workshop.expected)
    one.wait_status("ok", PATIENCE_S)
    row["next_boot"] = "good"


def _installed(workshop: Workshop, name: str) -> Path:
    """Return a copy of the card that `first_boot` has left behind."""
    source = workshop.folder / "installed.img"
    if not source.exists():
        first_boot(workshop)
    card = workshop.folder / f"{name}.img"
    copy_card(source, card)
    return card


def _change_root(card: Path, *requests: str) -> None:
    """Change the root file system of *card* by debugfs."""
    where = f"{card}?offset={machine.ROOT_OFFSET}"
    stand_in.run("debugfs", "-w", "-f", "-", where, stdin="\n".join(requests) + "\n")


def _root_digest(card: Path) -> str:
    """Return the checksum of the root partition: as long as nobody writes to it, it stays the same."""
    table = json.loads(stand_in.run("sfdisk", "--json", card))["partitiontable"]
    root = table["partitions"][1]
    digest = hashlib.sha256()
    with card.open("rb") as file:
        file.seek(root["start"] * 512)
        for _ in range(root["size"] // CHUNK_SECTORS):
            digest.update(file.read(CHUNK_SECTORS * 512))
    return digest.hexdigest()


def _steps(status: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of a first boot without their times: an emulated machine's tell nothing of a device."""
    return [{"name": step["name"], "outcome": step["outcome"], "detail": step["detail"]} for step in status["steps"]]


def _last_step(status: dict[str, Any]) -> str:
    steps = status.get("steps") or []
    return f"{steps[-1]['name']}: {steps[-1]['outcome']}" if steps else "not begun"


SCENARIOS: Final[dict[str, Callable[[Workshop], dict[str, Any]]]] = {
    "first-boot": first_boot,
    "another-cpu": another_cpu,
    "raspi3b": raspi3b,
    "new-instance": new_instance,
    "firstrun": firstrun,
    "late-boot-partition": late_boot_partition,
    "no-network": no_network,
    "read-only": read_only,
    "power-cuts": power_cuts,
    "power-cuts-read-only": power_cuts_read_only,
}
"""All scenarios, in the order in which they run."""
