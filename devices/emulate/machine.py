"""A whole machine emulated by QEMU, started from the image of a card as a Raspberry Pi's firmware starts it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEALTH_PORT: Final = 8737
TOKEN: Final = "token-of-the-emulation"  # noqa: S105  (no secret: nothing but the emulated machine takes it)
"""What the service is asked with, from outside of its machine."""
CREDENTIAL: Final = "page-token"
"""Name by which the kernel's command line brings systemd the token."""
STATUS: Final = "edge-fer-status.json"
POLL_S: Final = 1.0
ANSWER_WITHIN_S: Final = 5.0
BOOT_OFFSET: Final = stand_in.BOOT_START * 512
ROOT_OFFSET: Final = (stand_in.BOOT_START + stand_in.BOOT_SECTORS) * 512
PROBE: Final = re.compile(r"^PROBE (\{.*\})\s*$", re.MULTILINE)


class NeverHappened(Exception):
    """What was waited for did not come in time, or the machine has ended before."""


@dataclass(frozen=True)
class Board:
    """What QEMU emulates."""

    machine: str
    cpu: str
    memory_mb: int
    console: str
    words: str = ""
    """What is added to the kernel's command line."""


VIRT_A72: Final = Board("virt", "cortex-a72", 2048, "ttyAMA0")
VIRT_A53: Final = Board("virt", "cortex-a53", 1024, "ttyAMA0")
# QEMU's watchdog does not count: it resets the board as soon as systemd starts it.
RASPI3B: Final = Board("raspi3b", "cortex-a53", 1024, "ttyS1", "module_blacklist=bcm2835_wdt")


@dataclass
class Machine:
    """A running machine."""

    process: subprocess.Popen[bytes]
    card: Path
    console: Path
    port: int | None
    """Of this machine, where the health endpoint can be asked; None without a network card."""
    began_s: float = field(default_factory=time.monotonic)

    def get(self, path: str) -> Any:
        """Return what the service answers; None if it does not."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.addheaders = [("Authorization", f"Bearer {TOKEN}")]
        try:
            with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=ANSWER_WITHIN_S) as response:
                return json.loads(response.read())
        except (OSError, ValueError):
            return None

    def wait_healthy(self, within_s: float) -> float:
        """Wait until frames come; return the seconds since the machine was started. Raises `NeverHappened`."""
        return self.wait("the service is healthy", within_s, lambda: (self.get("/health") or {}).get("status") == "ok")

    def wait_status(self, outcome: str, within_s: float) -> dict[str, Any]:
        """Wait until the card's status file tells *outcome*, and return it. Raises `NeverHappened`."""
        self.wait(f"the status is {outcome}", within_s, lambda: status(self.card).get("outcome") == outcome)
        return status(self.card)

    def wait_probe(self, within_s: float, accept: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the probe tells what *accept* takes, and return it. Raises `NeverHappened`."""
        self.wait("the probe tells it", within_s, lambda: any(accept(found) for found in self.probes()))
        return [found for found in self.probes() if accept(found)][-1]

    def probes(self) -> list[dict[str, Any]]:
        """Return what the probe has told so far."""
        # QEMU makes the file a moment after it was started.
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        return [json.loads(found) for found in PROBE.findall(text)]

    def wait(self, what: str, within_s: float, happened: Callable[[], bool]) -> float:
        """Wait until *happened*; return the seconds since the machine was started. Raises `NeverHappened`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if happened():
                return round(time.monotonic() - self.began_s, 1)
            if self.process.poll() is not None:
                raise NeverHappened(f"{what}: the machine ended with {self.process.returncode}; see {self.console}")
            time.sleep(POLL_S)
        raise NeverHappened(f"{what}: not within {within_s:.0f} s; see {self.console}")

    def let_run(self, for_s: float) -> None:
        """Wait *for_s* seconds, or until the machine ends."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(for_s)

    def copy_as_cut(self, target: Path) -> None:
        """Copy the card while the machine stands still between two instructions: what a pulled plug would leave."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            stand_in.run("cp", "--sparse=always", self.card, target)
        finally:
            self.process.send_signal(signal.SIGCONT)

    def cut_power(self) -> None:
        """End the machine between two instructions, as a pulled plug does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait_end(self, within_s: float) -> None:
        """Wait until the machine has switched itself off. Raises `NeverHappened`."""
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired as exc:
            raise NeverHappened(f"the machine is still running; see {self.console}") from exc


@contextmanager
def running(card: Path, board: Board, console: Path, *, network: bool = True) -> Iterator[Machine]:
    """Start *board* from *card* and write its console to the file *console*; cut its power at the end.

    The machine ends where it would start again: the kernel's command line may be another by then.
    """
    port = free_port() if network else None
    command = qemu(card, board, console, port)
    with console.with_suffix(".qemu").open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        machine = Machine(process, card, console, port)
        try:
            yield machine
        finally:
            with suppress(ProcessLookupError):
                machine.cut_power()


def qemu(card: Path, board: Board, console: Path, port: int | None) -> list[str]:
    """Return the command that emulates *board* with the kernel and the command line that are on *card*."""
    folder = console.with_suffix(".boot")
    folder.mkdir(exist_ok=True)
    for name in ("kernel8.img", "initramfs8", "bcm2837-rpi-3-b.dtb"):
        stand_in.run("mcopy", "-n", "-o", "-i", f"{card}@@{BOOT_OFFSET}", f"::{name}", folder)
    line = read(card, "cmdline.txt").strip()
    command = [
        "qemu-system-aarch64", "-M", board.machine, "-cpu", board.cpu, "-m", str(board.memory_mb), "-display", "none",
        "-monitor", "none", "-no-reboot", "-kernel", str(folder / "kernel8.img"), "-initrd", str(folder / "initramfs8"),
        "-append", f"{line} console={board.console} {board.words} panic=-1 systemd.set_credential={CREDENTIAL}:{TOKEN}",
    ]  # fmt: skip
    net = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:{HEALTH_PORT}"
    if board.machine == "raspi3b":
        command += ["-dtb", str(folder / "bcm2837-rpi-3-b.dtb"), "-drive", f"file={card},format=raw,if=sd"]
        command += ["-serial", "null", "-serial", f"file:{console}"]
        if port is not None:
            command += ["-netdev", net, "-device", "usb-net,netdev=net"]
        return command
    command += ["-smp", "2", "-drive", f"file={card},format=raw,if=virtio", "-serial", f"file:{console}"]
    if port is None:
        return [*command, "-nic", "none"]
    # Without the ROM for starting from a network, which is in a package of its own.
    return [*command, "-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile="]


def status(card: Path) -> dict[str, Any]:
    """Return the status file on *card*; empty where there is none that can be read, as while it is written."""
    with suppress(subprocess.CalledProcessError, ValueError):
        found = json.loads(read(card, STATUS))
        if isinstance(found, dict):
            return found
    return {}


def read(card: Path, name: str) -> str:
    """Return the text of a file on the boot partition of *card*."""
    return stand_in.run("mtype", "-i", f"{card}@@{BOOT_OFFSET}", f"::{name}")


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
