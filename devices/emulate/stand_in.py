"""A stand-in for Raspberry Pi OS Lite (64-bit), trixie: an image of a card, made from Debian's arm64 packages.

It has what the first boot meets on a Raspberry Pi: two partitions labelled alike, cloud-init that reads the boot
partition, systemd, Python 3.13 with venv. It has neither the Raspberry Pi's kernel nor its firmware, camera and
NetworkManager. No loop device is needed: file systems are filled by mke2fs and mtools.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[2]
CACHE: Final = CLONE / "build" / "emulate"
PACKAGES: Final = (
    "cloud-init", "dbus", "dosfstools", "e2fsprogs", "fdisk", "initramfs-tools", "iproute2", "kmod",
    "linux-image-arm64", "netplan.io", "procps", "python3-venv", "python3-yaml", "sudo", "systemd-sysv",
    "systemd-timesyncd", "udev",
)  # fmt: skip
MIB: Final = 1 << 20
IMAGE_BYTES: Final = 2 << 30
"""A power of two, as QEMU's raspi3b wants of a card. Most of it is a hole."""
BOOT_START: Final = 8192
"""First sector of the boot partition, as on Raspberry Pi OS."""
BOOT_SECTORS: Final = 512 * MIB // 512
MODULES: Final = (
    "ext4", "virtio_blk", "virtio_mmio", "virtio_net", "virtio_pci", "bcm2835", "dwc2", "mmc_block", "sdhci_iproc",
)  # fmt: skip
"""What the initial RAM disk needs. With all modules, making it under emulation would take longer than all the rest."""
FSTAB: Final = """\
LABEL=bootfs /boot/firmware vfat defaults 0 2
LABEL=rootfs / ext4 defaults,noatime 0 1
"""
CMDLINE: Final = "root=LABEL=rootfs rootfstype=ext4 fsck.repair=yes rootwait"
CLOUD_CONFIG: Final = """\
datasource_list: [NoCloud, None]
datasource:
  NoCloud:
    seedfrom: file:///boot/firmware
"""
PROBE: Final = """\
import json, pathlib, subprocess, time
def said(*words):
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()
def size_mb(path):
    return [int(line.split()[0]) for line in said("du", "-sm", *map(str, path)).splitlines()]
def kilobytes(path, name):
    return sum(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(name))
while True:
    group = said("systemctl", "show", "-p", "ControlGroup", "--value", "edge-fer.service")
    rss, shares = [], []
    try:
        for pid in pathlib.Path(f"/sys/fs/cgroup{group}/cgroup.procs").read_text().split() if group else ():
            rss.append(kilobytes(pathlib.Path(f"/proc/{pid}/status"), "VmRSS:"))
            shares.append(kilobytes(pathlib.Path(f"/proc/{pid}/smaps_rollup"), "Pss:"))
    except OSError:
        pass
    venvs = [path for path in pathlib.Path("/opt/edge-fer").glob("venv-*") if (path / ".complete").exists()]
    root = [line.split()[2] for line in pathlib.Path("/proc/mounts").read_text().splitlines() if line.split()[1] == "/"]
    found = {"service_rss_kb": rss, "service_pss_kb": sum(shares), "venv_mb": size_mb(venvs) if venvs else [],
             "root": root[-1]}
    with open("/dev/console", "w") as console:
        console.write(f"\\nPROBE {json.dumps(found)}\\n")
    time.sleep(20)
"""
"""Tells of the service's processes: what each has resident, and what all have together, shared pages counted once."""
PROBE_UNIT: Final = """\
[Unit]
Description=Tells the console what the emulation wants to know

[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/emulation-probe.py
Nice=19

[Install]
WantedBy=multi-user.target
"""
PATHS: Final = {
    "PATH": "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8",
    "MTOOLS_SKIP_CHECK": "1",
}  # fmt: skip
"""The environment of programs that are run: also of those that only root usually runs."""
META_DATA: Final = "instance_id: rpios-image\n"
"""As the stock file is: it lacks the ``instance-id`` that cloud-init reads."""


def build() -> Path:
    """Return the stand-in's image; make it where it is not there yet, which takes minutes."""
    image = CACHE / "stand-in.img"
    if not image.exists():
        root = root_folder()
        part = image.with_suffix(".part")
        partition(part)
        fill_root(part, root)
        fill_boot(part, root)
        part.replace(image)
    return image


def root_folder() -> Path:
    """Return the folder with the system's files. Its packages are configured under user-mode emulation, as root."""
    root = CACHE / "root"
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = root.with_suffix(".part")
        shutil.rmtree(fresh, ignore_errors=True)
        run(
            "mmdebstrap", "--architectures=arm64", "--variant=minbase", f"--include={','.join(PACKAGES)}",
            f"--essential-hook={initramfs_hook()}", "trixie", fresh, mirror(),
        )  # fmt: skip
        configure(fresh)
        fresh.replace(root)
    return root


def initramfs_hook() -> str:
    """Return the command that settles what is in the initial RAM disk before the kernel is configured."""
    modules = "\\n".join(MODULES)
    return (
        'cd "$1/etc" && mkdir -p initramfs-tools/conf.d && printf "MODULES=list\\n" >initramfs-tools/conf.d/emulate && '
        f'printf "{modules}\\n" >initramfs-tools/modules'
    )


def configure(root: Path) -> None:
    """Write the settings that make Debian look like Raspberry Pi OS to the first boot."""
    (root / "boot" / "firmware").mkdir(exist_ok=True)
    (root / "etc" / "fstab").write_text(FSTAB)
    (root / "etc" / "hostname").write_text("raspberrypi\n")
    (root / "etc" / "cloud" / "cloud.cfg.d" / "99_raspberry-pi.cfg").write_text(CLOUD_CONFIG)
    (root / "usr" / "local" / "lib" / "emulation-probe.py").write_text(PROBE)
    add_unit(root, "emulation-probe.service", PROBE_UNIT)


def add_unit(root: Path, name: str, text: str, wanted_by: str = "multi-user.target") -> None:
    """Add an enabled systemd unit to the system below *root*."""
    units = root / "etc" / "systemd" / "system"
    (units / name).write_text(text)
    wants = units / f"{wanted_by}.wants"
    wants.mkdir(exist_ok=True)
    (wants / name).symlink_to(f"../{name}")


def partition(image: Path) -> None:
    """Make an empty image with the two partitions of a Raspberry Pi's card."""
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    root_start = BOOT_START + BOOT_SECTORS
    layout = f"label: dos\nstart={BOOT_START}, size={BOOT_SECTORS}, type=c\nstart={root_start}, type=83\n"
    run("sfdisk", "--quiet", image, stdin=layout)


def fill_root(image: Path, root: Path) -> None:
    """Make the ext4 file system with the files of *root*."""
    start = (BOOT_START + BOOT_SECTORS) * 512
    size_kib = (IMAGE_BYTES - start) // 1024
    run(
        "mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-d", root, "-E", f"offset={start},root_owner=0:0",
        "-F", image, f"{size_kib}k",
    )  # fmt: skip


def fill_boot(image: Path, root: Path) -> None:
    """Make the FAT file system with the kernel, as a Raspberry Pi's firmware looks for it, and the stock settings."""
    fat = image.with_suffix(".fat")
    with fat.open("wb") as file:
        file.truncate(BOOT_SECTORS * 512)
    run("mkfs.vfat", "-F", "32", "-n", "bootfs", fat)
    folder = image.with_suffix(".boot")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(next((root / "boot").glob("vmlinuz-*")), folder / "kernel8.img")
    shutil.copy(next((root / "boot").glob("initrd.img-*")), folder / "initramfs8")
    tree = next((root / "usr" / "lib").glob("linux-image-*/broadcom/bcm2837-rpi-3-b.dtb"))
    shutil.copy(tree, folder / tree.name)
    (folder / "cmdline.txt").write_text(f"{CMDLINE}\n")
    (folder / "config.txt").write_text("arm_64bit=1\n")
    (folder / "issue.txt").write_text("A stand-in for Raspberry Pi OS Lite (64-bit), made from Debian trixie\n")
    (folder / "meta-data").write_text(META_DATA)
    (folder / "user-data").write_text("#cloud-config\n")
    (folder / "network-config").write_text("# no network is configured\n")
    run("mcopy", "-i", fat, "-s", "-m", *sorted(folder.iterdir()), "::")
    with fat.open("rb") as source, image.open("r+b") as target:
        target.seek(BOOT_START * 512)
        shutil.copyfileobj(source, target, MIB)
    fat.unlink()
    shutil.rmtree(folder)


def mirror() -> str:
    """Return the Debian mirror that this machine uses, or Debian's own."""
    sources = [*Path("/etc/apt").glob("sources.list"), *Path("/etc/apt/sources.list.d").glob("debian*")]
    for path in sources:
        if found := re.search(r"https?://\S+/debian/?(?=\s)", path.read_text()):
            return found[0]
    return "http://deb.debian.org/debian"


def run(*command: object, stdin: str | None = None) -> str:
    """Run a program of the system and return what it printed. Raises `CalledProcessError`."""
    words = [str(word) for word in command]
    done = subprocess.run(words, check=True, input=stdin, capture_output=True, text=True, env=PATHS)
    return done.stdout
