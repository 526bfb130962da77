"""A made-up machine on which all is well, and ways to spoil it."""

from __future__ import annotations

import dataclasses

import pytest

from edge_fer import host
from edge_fer_devices.boards import load
from edge_fer_devices.doctor.machine import Machine, Package
from edge_fer_devices.doctor.probes import Known, Result

NOW_S = 1_796_000_000.0
"""In November 2026."""
SYSTEM = "/usr/lib/python3/dist-packages"
FILES = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0",
    "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd\nCPU part\t: 0xd08\n",
    "proc/meminfo": "MemTotal: 3882000 kB\nMemAvailable: 3200000 kB\nSwapTotal: 524272 kB\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver": "cpufreq-dt\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "sys/class/video4linux/video0/name": "unicam-image\n",
    "sys/class/video4linux/video0/index": "0\n",
    "sys/class/video4linux/video10/name": "bcm2835-codec-decode\n",
    "dev/video0": "",
    "dev/video10": "",
    "dev/watchdog0": "",
    "etc/systemd/system.conf": "[Manager]\n#RuntimeWatchdogSec=off\n",
    "etc/systemd/system.conf.d/watchdog.conf": "[Manager]\nRuntimeWatchdogSec=15\n",
    "etc/systemd/timesyncd.conf": "[Time]\n",
    "run/systemd/system/none": "",
    "run/systemd/timesync/synchronized": "",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nedge-fer:x:999:999::/var/lib/edge-fer:/usr/sbin/nologin\n",
    "etc/systemd/system/edge-fer.service": "[Service]\nUser=edge-fer\nExecStart=/opt/edge-fer/bin/edge-fer run\n",
    "var/lib/edge-fer/profile": "",
    "home/pi/profile": "",
}
PACKAGES = {
    "opencv-python-headless": Package("4.14.0.94", ("cp37-abi3-manylinux_2_28_aarch64",)),
    "ai-edge-litert": Package("2.3.0", ("cp313-cp313-manylinux_2_27_aarch64",)),
    "numpy": Package("2.4.6", ("cp313-cp313-manylinux_2_27_aarch64", "cp313-cp313-manylinux_2_28_aarch64")),
    "picamera2": Package("0.3.36", (), SYSTEM),
    "simplejpeg": Package("1.8.2", (), SYSTEM),
    "gpiozero": Package("2.0.1", (), SYSTEM),
}
ANSWERS = {
    "opencv": {"version": "4.14.0", "has_classifier": True, "cascades": "/site-packages/cv2/data"},
    "litert": {"runtime": "ai-edge-litert", "version": "2.3.0", "delegated": 4},
    "golden": {
        "target": "litert-int8",
        "runtime": "ai-edge-litert 2.3.0",
        "check": {"inputs": 10, "worst": 0.0, "tolerance": 0.01, "same_label": 10},
        "fault": None,
        "passed": True,
        "sentence": "litert-int8: matches: …",
        "model": "compact",
    },
    "numpy": {"numpy": "2.4.6", "simplejpeg": "/usr/lib/python3/dist-packages/simplejpeg/__init__.py"},
}
LOG = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that makes a healthy Raspberry Pi 4, with changes.

    *files* are written, or with None removed; *facts* replaced; *packages* added, or with None removed; *answers*
    replace those of probes, and *results* whole results; others are fields of `Machine`.
    """
    monkeypatch.setattr(host.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(host.platform, "libc_ver", lambda: ("glibc", "2.41"))

    def make(*, files=None, facts=None, packages=None, answers=None, results=None, **fields):
        root = tmp_path / "root"
        for name, content in {**FILES, **(files or {})}.items():
            if content is None:
                continue
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        probes = {name: Known(Result(answer, log=LOG)) for name, answer in {**ANSWERS, **(answers or {})}.items()}
        probes |= {name: Known(result) for name, result in (results or {}).items()}
        installed = {**PACKAGES, **(packages or {})}
        healthy = Machine(
            root=root,
            facts={**host.facts(root), **(facts or {})},
            packages={name: package for name, package in installed.items() if package is not None},
            budget=load("raspberry-pi-4").budget,
            environment={"HOME": "/home/pi"},
            python=(3, 13),
            executable="/opt/edge-fer/bin/python",
            bits=64,
            now_s=NOW_S,
            installed_s=NOW_S - 86_400,
            source=None,
            may_use=lambda path: True,
            free_mb=lambda path: 20_000.0,
            has_module=lambda name: name in ("picamera2", "libcamera", "lgpio"),
            probes=probes,
        )
        return dataclasses.replace(healthy, **fields)

    return make
