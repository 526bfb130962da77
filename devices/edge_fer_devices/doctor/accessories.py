"""Checks of a Raspberry Pi's pins and of the hardware watchdog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer_devices.doctor.finding import Finding, ok, warning

if TYPE_CHECKING:
    from edge_fer_devices.doctor.machine import Machine

FALLS_BACK: Final = ("2.0.1.post1", "2.0.1.post2")
"""Releases of gpiozero that take RPi.GPIO on a Raspberry Pi 5, where it does not work (gpiozero's issue 1229)."""
CHOOSE_LGPIO: Final = "export GPIOZERO_PIN_FACTORY=lgpio  # in a service: Environment=GPIOZERO_PIN_FACTORY=lgpio"
WATCHDOG_CONFIG: Final = "/etc/systemd/system.conf.d/watchdog.conf"
USE_WATCHDOG: Final = (
    "sudo mkdir -p /etc/systemd/system.conf.d",
    # 15 s is the most that the Raspberry Pi's watchdog counts (Linux, drivers/watchdog/bcm2835_wdt.c).
    f"printf '[Manager]\\nRuntimeWatchdogSec=15\\n' | sudo tee {WATCHDOG_CONFIG}",
    "sudo systemctl daemon-reexec",
)


def gpio(machine: Machine) -> Finding:
    """Return whether gpiozero, for lights and buttons, has a library that works on this board."""
    if not machine.is_raspberry_pi:
        return ok("no Raspberry Pi, so no pins")
    gpiozero = machine.packages.get("gpiozero")
    if gpiozero is None:
        return ok("gpiozero is not installed; nothing uses the pins")
    if not machine.has_module("lgpio"):
        return warning(f"gpiozero {gpiozero.version} without lgpio", "sudo apt install -y python3-lgpio", CHOOSE_LGPIO)
    chosen = machine.environment.get("GPIOZERO_PIN_FACTORY")
    if chosen not in (None, "lgpio"):
        return warning(f"GPIOZERO_PIN_FACTORY is {chosen}, which is not for every board", CHOOSE_LGPIO)
    if chosen is None and gpiozero.version in FALLS_BACK:
        return warning(f"gpiozero {gpiozero.version} may take RPi.GPIO, which fails on a Raspberry Pi 5", CHOOSE_LGPIO)
    return ok(f"gpiozero {gpiozero.version} with lgpio")


def watchdog(machine: Machine) -> Finding:
    """Return whether the hardware restarts the board when the kernel hangs, as a camera can make it."""
    if not machine.exists("/dev/watchdog0") and not machine.exists("/dev/watchdog"):
        if machine.is_raspberry_pi:
            return warning(
                "no /dev/watchdog", "echo dtparam=watchdog=on | sudo tee -a /boot/firmware/config.txt && sudo reboot"
            )
        return ok("this machine has none")
    seconds = _runtime_watchdog(machine)
    if seconds in (None, "", "0", "off", "infinity"):
        return warning("a watchdog that nobody uses: a board that hangs stays so", *USE_WATCHDOG)
    return ok(f"systemd uses it: RuntimeWatchdogSec={seconds}")


def _runtime_watchdog(machine: Machine) -> str | None:
    """Return systemd's setting; the last file that has it counts (man 5 systemd-system.conf)."""
    by_name = {}
    for folder in ("usr/lib/systemd/system.conf.d", "run/systemd/system.conf.d", "etc/systemd/system.conf.d"):
        for path in (machine.root / folder).glob("*.conf"):
            by_name[path.name] = path  # a later folder hides files of the same name
    value = None
    paths = [machine.root / "etc/systemd/system.conf", *(by_name[name] for name in sorted(by_name))]
    for path in paths:
        for line in (machine.text(str(path.relative_to(machine.root))) or "").splitlines():
            key, _, text = line.strip().partition("=")
            if key.strip() == "RuntimeWatchdogSec":
                value = text.strip()
    return value
