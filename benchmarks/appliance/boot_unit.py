"""Boot a real systemd with the appliance's unit, and see that it starts, is shut in, reloads, and comes back.

    sudo python benchmarks/appliance/boot_unit.py --json benchmarks/results/appliance/boot_unit.json

A container of systemd-nspawn (Debian: systemd-container) has this machine's file system as its own, with everything
that is written in memory. In it are the unit, its generator, a credential, and this Python. Needs root, and a Python
whose packages are those of this one.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import site
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer import files

if TYPE_CHECKING:
    from collections.abc import Iterator

CLONE: Final = Path(__file__).resolve().parents[2]
DEVICES: Final = CLONE / "devices/edge_fer_devices/first_boot"
BOOT_TIMEOUT_S: Final = 240
REBOOT: Final = 133
"""Exit code of systemd-nspawn when the system inside wants to start again."""
PYTHON: Final = """\
#!/bin/sh
export LD_LIBRARY_PATH=/opt/py/lib PYTHONPATH=/opt/src:/opt/src/convert:/opt/src/benchmarks:/opt/src/devices:/opt/sp
exec /opt/py/bin/python3 "$@"
"""
CONFIG: Final = """\
source = "synthetic"
max_fps = 5.0
[page]
bind = "0.0.0.0"
token = "page-token"
"""
PROBE_UNIT: Final = """\
[Service]
Type=oneshot
ExecStart=/bin/sh /srv/probe.sh
StandardOutput=file:/srv/said
StandardError=inherit
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
"""
HEALTH: Final = "/opt/edge-fer/venv/bin/python -c 'from edge_fer.appliance.commands.health import health; health()'"
LIFE: Final = f"""\
show() {{ systemctl show edge-fer -p "$1" --value; }}
tell() {{ echo "$1=$2"; }}
{HEALTH} --wait 90 >/dev/null; tell starts $?
tell active "$(show ActiveState)"
tell addresses "$(show IPAddressAllow)"
tell capabilities "$(awk '/CapEff/ {{print $2}}' /proc/$(show MainPID)/status)"
tell seccomp "$(awk '/^Seccomp:/ {{print $2}}' /proc/$(show MainPID)/status)"
tell user "$(stat -c %U /proc/$(show MainPID))"
tell credential "$(stat -c %U /run/credentials/edge-fer.service)"
tell processes "$(pgrep -c -u edge-fer)"
before=$(show MainPID)
systemctl reload edge-fer; tell reload $?
sleep 2; {HEALTH} --wait 30 >/dev/null; tell healthy_after_reload $?
tell same_process "$([ "$before" = "$(show MainPID)" ] && echo yes || echo no)"
kill -KILL "$before"; sleep 4; {HEALTH} --wait 60 >/dev/null; tell healthy_after_kill $?
tell restarts "$(show NRestarts)"
sed -i 's/^max_fps/max_fpss/' /etc/edge-fer/config.toml
systemctl reload edge-fer; sleep 2; {HEALTH} --wait 30 >/dev/null; tell healthy_with_bad_settings $?
systemctl stop edge-fer; tell stops "$(show Result)"
tell left_processes "$(pgrep -c -u edge-fer)"
"""
WANTED: Final = {
    "starts": "0", "active": "active", "capabilities": "0000000000000000", "seccomp": "2", "user": "edge-fer",
    "credential": "edge-fer", "processes": "2", "reload": "0", "healthy_after_reload": "0", "same_process": "yes",
    "healthy_after_kill": "0", "restarts": "1", "healthy_with_bad_settings": "0", "stops": "success",
    "left_processes": "0",
}  # fmt: skip
ENDS: Final = """\
[Service]
NotifyAccess=all
ExecStart=
ExecStart=/bin/sh -c 'systemd-notify --ready; test -e /var/lib/edge-fer/once && exec sleep 1000; \
touch /var/lib/edge-fer/once; sleep 1; exit {code}'
"""
WAIT: Final = "sleep 10; echo restarts=$(systemctl show edge-fer -p NRestarts --value)\n"


@contextmanager
def machine() -> Iterator[Path]:
    """Yield the root of a system that is this one, with what is written kept in memory."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp())
        stack.callback(shutil.rmtree, folder)
        _run("mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", folder)
        stack.callback(_run, "umount", folder)
        upper, work, root = folder / "upper", folder / "work", folder / "root"
        for each in (upper, work, root):
            each.mkdir()
        _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", root)
        stack.callback(_run, "umount", root)
        _install(root)
        yield root


def boot(root: Path, script: str) -> tuple[int, dict[str, str]]:
    """Boot the system at *root*, run *script* in it; return how the system ended, and what the script has told."""
    (root / "srv/probe.sh").write_text(script)
    (root / "srv/said").unlink(missing_ok=True)
    (root / "etc/machine-id").write_text("")
    packages = site.getsitepackages()[0]
    binds = {sys.base_prefix: "/opt/py", str(CLONE): "/opt/src", packages: "/opt/sp"}
    done = subprocess.run(
        [
            "systemd-nspawn", "--quiet", f"--directory={root}", "--private-network", "--register=no", "--keep-unit",
            "--console=pipe", *(f"--bind-ro={outside}:{inside}" for outside, inside in binds.items()), "--boot",
        ],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_TIMEOUT_S, check=False,
    )  # fmt: skip
    said = root / "srv/said"
    lines = said.read_text().splitlines() if said.exists() else []
    return done.returncode, dict(line.split("=", 1) for line in lines if "=" in line)


def _install(root: Path) -> None:
    """Lay the unit and what it needs into *root*, and let the system start nothing else."""
    for name in ("opt/edge-fer/venv/bin", "opt/py", "opt/src", "opt/sp", "etc/edge-fer", "etc/credstore"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for wants in (root / "etc/systemd/system").glob("*.wants"):
        shutil.rmtree(wants)
    units = root / "etc/systemd/system"
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(parents=True, exist_ok=True)
    shutil.copy(DEVICES / "units/edge-fer.service", units)
    (units / "probe.service").write_text(PROBE_UNIT)
    for unit in ("edge-fer.service", "probe.service"):
        (wanted / unit).symlink_to(f"../{unit}")
    generator = root / "etc/systemd/system-generators/edge-fer-generator"
    generator.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(DEVICES / "permissions.py", generator)
    python = root / "opt/edge-fer/venv/bin/python"
    python.write_text(PYTHON)
    for program in (generator, python):
        program.chmod(0o755)
    (root / "etc/edge-fer/config.toml").write_text(CONFIG)
    (root / "etc/credstore/page-token").write_text("token-of-a-container\n")
    _run("chroot", root, "useradd", "--system", "--user-group", "--no-create-home", "edge-fer")


def life() -> dict[str, Any]:
    """Start, reload, kill and stop the service; return what was seen."""
    with machine() as root:
        ended, said = boot(root, LIFE)
    wrong = {name: said.get(name) for name, value in WANTED.items() if said.get(name) != value}
    return {"what": "start, reload, kill, bad settings, stop", "ended": ended, "said": said, "wrong": wrong}


def ends(code: int) -> dict[str, Any]:
    """Let the service end with *code* once; return whether the system restarted the service, or itself."""
    with machine() as root:
        drop_in = root / "etc/systemd/system/edge-fer.service.d/90-ends.conf"
        drop_in.parent.mkdir()
        drop_in.write_text(ENDS.format(code=code))
        ended, said = boot(root, WAIT)
    good = ended == REBOOT if code == 75 else (ended == 0 and said.get("restarts") == "1")
    return {
        "what": f"the service ends with {code}",
        "ended": ended,
        "said": said,
        "wrong": {} if good else {"ended": ended},
    }


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True)


def main() -> None:
    """Boot, and print what was seen; exit with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the raw values to this file")
    options = parser.parse_args()
    if shutil.which("systemd-nspawn") is None:
        sys.exit("boot_unit.py: there is no systemd-nspawn: apt install systemd-container")
    seen = [life(), ends(75), ends(70)]
    version = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[
        0
    ]
    if options.json is not None:
        command = shlex.join(["python", "benchmarks/appliance/boot_unit.py", *sys.argv[1:]])
        files.write(options.json, json.dumps({"command": command, "systemd": version, "boots": seen}, indent=1) + "\n")
    for each in seen:
        print(f"{each['what']}: {'as it should' if not each['wrong'] else each['wrong']}")
    sys.exit(1 if any(each["wrong"] for each in seen) else 0)


if __name__ == "__main__":
    main()
