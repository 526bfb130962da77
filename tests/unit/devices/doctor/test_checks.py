"""Each check, on a machine that is well, and on one with the fault."""

from __future__ import annotations

import subprocess
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from edge_fer import host
from edge_fer_devices.doctor import CHECKS, Level, diagnose, packages
from edge_fer_devices.doctor import machine as machines
from edge_fer_devices.doctor.machine import Package
from edge_fer_devices.doctor.probes import Result

KILLED = Result(None, "was ended by SIGILL")
NO_CAMERA = {"sys/class/video4linux/video0/name": None, "sys/class/video4linux/video10/name": None}
USB = {
    "sys/class/video4linux/video0/name": "HD Webcam: HD Webcam\n",
    "sys/class/video4linux/video1/name": "HD Webcam: HD Webcam\n",
    "sys/class/video4linux/video1/index": "1\n",
}
UNIT = "etc/systemd/system/edge-fer.service"
SMALL = {"proc/meminfo": "MemTotal: 425000 kB\nMemAvailable: {} kB\nSwapTotal: 0 kB\n"}
PC = {"model": None, "throttled": None}
OPENCV_5 = {"opencv": {"version": "5.0.0", "has_classifier": False, "cascades": ""}}
CONTRIB_5 = {
    "opencv": {
        "version": "5.0.0",
        "has_classifier": True,
        "cascades": "",
        "cascade_error": "haarcascade_frontalface_alt2.xml is in none of /cv2/data",
    }
}
UNDELEGATED = {"litert": {"runtime": "ai-edge-litert", "version": "2.3.0", "delegated": 0}}
WRONG = {"golden": {"passed": False, "sentence": "litert-int8: DOES NOT MATCH: …", "model": "my bundle.zip"}}
NOT_RUN = {"golden": {"passed": None, "check": None, "sentence": "litert-int8: not run: no LiteRT", "model": "compact"}}

FAULTS = [
    # check, what is changed, level, words of what it says, words of the remedy
    ("64-bit system", {"bits": 32}, "fault", "32-bit program (on aarch64)", "64-bit"),
    ("64-bit system", {"facts": {"machine": "armv7l"}}, "fault", "armv7l", "64-bit"),
    ("64-bit system", {"facts": {"machine": ""}}, "fault", "unknown", "64-bit"),
    ("Python", {"python": (3, 9)}, "fault", "Python 3.9", "newer system"),
    ("Python", {"python": (3, 14)}, "warning", "Python 3.14", "python3.13 -m venv"),
    ("glibc", {"facts": {"libc": "glibc 2.27"}}, "fault", "was built for 2.28", "--force-reinstall"),
    ("glibc", {"facts": {"libc": "glibc 2.26"}}, "fault", "glibc 2.26", "newer system"),
    ("glibc", {"facts": {"libc": ""}}, "fault", "unknown", "Alpine"),
    ("glibc", {"facts": {"libc": "musl 1.2.5"}}, "fault", "musl 1.2.5", "Alpine"),
    ("OpenCV", {"answers": OPENCV_5}, "fault", "5.0.0 has no CascadeClassifier", "'opencv-python-headless>=4.10,<5'"),
    ("OpenCV", {"answers": CONTRIB_5}, "fault", "5.0.0 has no cascades", "uninstall -y opencv-python-headless"),
    ("OpenCV", {"answers": {"opencv": {"error": "No module named 'cv2'; …"}}}, "fault", "not installed", "install"),
    ("OpenCV", {"answers": {"opencv": {"error": "libGL.so.1: …"}}}, "fault", "cannot be loaded: libGL", "install"),
    ("OpenCV", {"results": {"opencv": KILLED}}, "fault", "SIGILL: its wheel was built for another", "install"),
    ("OpenCV", {"packages": {"opencv-python": Package("4.14.0")}}, "warning", "overwrite each other", "uninstall -y"),
    ("LiteRT", {"packages": {"ai-edge-litert": None}}, "fault", "no LiteRT", "'ai-edge-litert>=2.1'"),
    (
        "LiteRT",
        {"packages": {"ai-edge-litert": Package("2.3.0", ("cp313-cp313-manylinux_2_27_x86_64",))}},
        "fault",
        "built for cp313-cp313-manylinux_2_27_x86_64",
        "--force-reinstall",
    ),
    (
        "LiteRT",
        {"packages": {"ai-edge-litert": Package("2.3.0", ("cp311-cp311-manylinux_2_27_aarch64",))}},
        "fault",
        "built for cp311",
        "--force-reinstall",
    ),
    ("LiteRT", {"results": {"litert": KILLED}}, "fault", "SIGILL", "--force-reinstall"),
    ("LiteRT", {"answers": {"litert": {"error": "GLIBC_2.38 not found"}}}, "fault", "GLIBC_2.38", "--force-reinstall"),
    ("XNNPACK", {"answers": UNDELEGATED}, "warning", "without XNNPACK", "--force-reinstall"),
    ("XNNPACK", {"results": {"litert": KILLED}}, "warning", "not known", "LiteRT"),
    ("XNNPACK", {"answers": {"litert": {"error": "…"}}}, "warning", "not known", "LiteRT"),
    ("golden answers", {"answers": WRONG}, "fault", "DOES NOT MATCH", "edge-fer verify 'my bundle.zip'"),
    ("golden answers", {"answers": NOT_RUN}, "fault", "not run", "edge-fer verify compact"),
    ("golden answers", {"answers": {"golden": {"error": "no bundle at x"}}}, "fault", "no bundle at x", "verify"),
    ("golden answers", {"results": {"golden": KILLED}}, "fault", "was ended by SIGILL", "verify"),
    ("NumPy", {"packages": {"numpy": None}}, "fault", "not installed", "'numpy>=1.26'"),
    (
        "NumPy",
        {"answers": {"numpy": {"error": "ValueError: numpy.dtype size changed"}}},
        "fault",
        "simplejpeg 1.8.2, which picamera2 needs, does not load with NumPy 2.4.6: ValueError: numpy.dtype size changed",
        "'numpy>=1.26,<2' 'opencv-python-headless>=4.10,<4.12'",
    ),
    ("NumPy", {"results": {"numpy": KILLED}}, "fault", "SIGILL", "'numpy>=1.26,<2'"),
    ("camera", {"files": NO_CAMERA}, "warning", "no camera", "rpicam-hello"),
    ("camera", {"may_use": lambda path: False}, "fault", "may not use /dev/video0", "usermod -aG video"),
    ("camera", {"files": USB, "may_use": lambda path: False}, "fault", "may not use /dev/video0", "usermod -aG video"),
    ("ribbon camera", {"source": "0"}, "fault", "0 is the raw sensor", "edge-fer run picamera"),
    ("ribbon camera", {"source": "/dev/video0"}, "fault", "unicam-image", "edge-fer run picamera"),
    ("ribbon camera", {"has_module": lambda name: name == "libcamera"}, "fault", "no picamera2", "python3-picamera2"),
    ("ribbon camera", {"has_module": lambda name: False}, "fault", "no picamera2", "--system-site-packages"),
    (
        "ribbon camera",
        {"files": {"sys/class/video4linux/video0/name": "rp1-cfe-csi2_ch0\n"}, "source": "0"},
        "fault",
        "rp1-cfe-csi2_ch0",
        "edge-fer run picamera",
    ),
    ("disk", {"free_mb": lambda path: 12.0}, "fault", "12 MiB", "journalctl"),
    ("disk", {"free_mb": lambda path: 300.0}, "warning", "300 MiB", "journalctl"),
    ("memory", {"files": {"proc/meminfo": SMALL["proc/meminfo"].format(80_000)}}, "fault", "78 MiB", "ps"),
    ("memory", {"files": {"proc/meminfo": SMALL["proc/meminfo"].format(180_000)}}, "warning", "175 MiB", "ps"),
    ("swap", {"facts": {"memory_mb": 415, "swap_mb": 0}}, "warning", "no swap", "zram"),
    ("governor", {"facts": {"governor": "powersave"}}, "warning", "lowest clock", "scaling_governor"),
    ("temperature", {"facts": {"temperature_c": 84.0}}, "warning", "84 °C", "heat sink"),
    ("temperature", {"facts": {"temperature_c": 70.0}}, "warning", "from 80 °C on", "heat sink"),
    ("throttling", {"facts": {"throttled": 0x50005}}, "fault", "now: under-voltage, throttled (0x50005)", "supply"),
    ("throttling", {"facts": {"throttled": 0x80008}}, "fault", "now: soft temperature limit", "heat sink"),
    ("throttling", {"facts": {"throttled": 0x10000}}, "warning", "since it was started: under-voltage", "supply"),
    ("throttling", {"facts": {"throttled": 0x40000}}, "warning", "since it was started: throttled", "heat sink"),
    ("throttling", {"facts": {"throttled": None}}, "warning", "does not answer", "vcgencmd"),
    ("clock", {"now_s": 0.0}, "fault", "says 1970-01-01", "set-ntp true"),
    ("clock", {"files": {"run/systemd/timesync/synchronized": None}}, "warning", "not set by the network", "set-ntp"),
    ("home folder", {"environment": {}}, "warning", "is not set", "export HOME="),
    ("home folder", {"environment": {"HOME": "/gone"}}, "warning", "'/gone', which is no folder", "export HOME="),
    ("home folder", {"environment": {"HOME": "here"}}, "warning", "'here'", "export HOME="),
    ("home folder", {"files": {UNIT: "[Service]\nUser=nobody\n"}}, "warning", "has no home folder", "systemctl edit"),
    ("home folder", {"files": {UNIT: "[Service]\nUser=root\n"}}, "warning", "/root, which is not there", "systemctl"),
    ("home folder", {"files": {UNIT: "Environment=A=1 HOME=/gone\n"}}, "warning", "/gone, which", "systemctl edit"),
    ("GPIO", {"has_module": lambda name: False}, "warning", "without lgpio", "python3-lgpio"),
    ("GPIO", {"packages": {"gpiozero": Package("2.0.1.post2")}}, "warning", "RPi.GPIO", "GPIOZERO_PIN_FACTORY=lgpio"),
    ("GPIO", {"environment": {"GPIOZERO_PIN_FACTORY": "rpigpio"}}, "warning", "rpigpio", "GPIOZERO_PIN_FACTORY=lgpio"),
    ("watchdog", {"files": {"dev/watchdog0": None}}, "warning", "no /dev/watchdog", "dtparam=watchdog=on"),
    (
        "watchdog",
        {"files": {"etc/systemd/system.conf.d/watchdog.conf": None}},
        "warning",
        "nobody uses",
        "RuntimeWatchdogSec=15",
    ),
    (
        "watchdog",
        {"files": {"etc/systemd/system.conf.d/zz.conf": "[Manager]\nRuntimeWatchdogSec=0\n"}},
        "warning",
        "nobody uses",
        "RuntimeWatchdogSec=15",
    ),
]  # fmt: skip

HEALTHY = [
    # check, what is changed without harm, words of what it says
    ("64-bit system", {"facts": {"machine": "x86_64"}}, "x86_64"),
    ("Python", {"python": (3, 11)}, "3.11"),
    ("glibc", {"facts": {"libc": "glibc 2.28"}}, "2.28"),
    ("LiteRT", {}, "built for cp313-cp313-manylinux_2_27_aarch64"),
    ("LiteRT", {"packages": {"ai-edge-litert": Package("2.3.0")}}, "an unknown system"),
    ("XNNPACK", {"answers": {"litert": {**UNDELEGATED["litert"], "delegated": None}}}, "XNNPACK"),
    ("golden answers", {}, "litert-int8 answers 10 golden inputs bit by bit"),
    ("NumPy", {"packages": {"simplejpeg": None}}, "no picamera2"),
    ("camera", {"files": USB, "source": "/dev/video7", "may_use": lambda path: False}, "/dev/video0 (HD Webcam"),
    ("ribbon camera", {"source": "rtsp://10.0.0.1/video0"}, "--source picamera"),
    ("ribbon camera", {"files": USB, "source": "0", "has_module": lambda name: False}, "no ribbon-cable camera"),
    ("memory", {"files": {"proc/meminfo": "much"}}, "not known"),
    ("swap", {"facts": {"memory_mb": None}}, "not known"),
    ("swap", {"facts": {"memory_mb": 8000, "swap_mb": 0}}, "0 MiB of swap"),
    ("governor", {"facts": {"governor": None}}, "not known"),
    (
        "governor",
        {
            "facts": {"governor": "powersave"},
            "files": {"sys/devices/system/cpu/cpu0/cpufreq/scaling_driver": "intel_pstate\n"},
        },
        "powersave",
    ),
    ("temperature", {"facts": {"temperature_c": None}}, "not known"),
    ("temperature", {"facts": {"temperature_c": 74.0}, "budget": None}, "from 85 °C on"),
    ("throttling", {"facts": PC}, "only a Raspberry Pi"),
    (
        "clock",
        {"files": {"run/systemd/timesync/synchronized": None, "run/chrony/chronyd.pid": "1"}},
        "set by the network",
    ),
    ("clock", {"files": {"run/systemd/timesync/synchronized": None, "etc/systemd/timesyncd.conf": None}}, "unknown"),
    ("home folder", {"files": {UNIT: None}}, "no edge-fer.service"),
    ("home folder", {"files": {UNIT: 'Environment="A=1" "HOME=/home/pi"\n'}}, "edge-fer.service is /home/pi"),
    ("home folder", {"files": {f"{UNIT}.d/home.conf": "[Service]\nEnvironment=HOME=/home/pi\n"}}, "is /home/pi"),
    ("GPIO", {"facts": PC}, "no Raspberry Pi"),
    ("GPIO", {"packages": {"gpiozero": None}}, "not installed"),
    (
        "GPIO",
        {"packages": {"gpiozero": Package("2.0.1.post2")}, "environment": {"GPIOZERO_PIN_FACTORY": "lgpio"}},
        "with lgpio",
    ),
    ("watchdog", {"facts": PC, "files": {"dev/watchdog0": None}}, "this machine has none"),
]  # fmt: skip


def test_on_a_healthy_machine_every_check_is_ok(machine):
    found = dict(diagnose(machine()))
    assert found.keys() == CHECKS.keys()
    assert {name: finding.says for name, finding in found.items() if finding.level != Level.OK} == {}


@pytest.mark.parametrize(("check", "changes", "level", "says", "remedy"), FAULTS)
def test_a_fault_is_found_and_has_a_remedy(machine, check, changes, level, says, remedy):
    finding = CHECKS[check](machine(**changes))
    assert (finding.level, says in finding.says) == (level, True), finding
    assert remedy in "\n".join(finding.remedy)
    assert "\n" not in finding.says


@pytest.mark.parametrize(("check", "changes", "says"), HEALTHY)
def test_what_is_no_fault_is_none(machine, check, changes, says):
    finding = CHECKS[check](machine(**changes))
    assert (finding.level, says in finding.says) == (Level.OK, True), finding
    assert finding.remedy == ()


def test_every_check_has_a_fault_that_it_finds():
    assert {fault[0] for fault in FAULTS} == CHECKS.keys()


@pytest.mark.parametrize("quoted", [packages.HEADLESS, packages.AI_EDGE_LITERT, packages.NUMPY])
def test_a_remedy_installs_what_edge_fer_asks_for(quoted):
    installed = Requirement(quoted.strip("'"))
    asked = [Requirement(text) for text in metadata.requires("edge-fer")]
    (own,) = [requirement for requirement in asked if requirement.name == installed.name and not requirement.marker]
    assert installed.specifier == own.specifier


def test_every_line_of_a_remedy_can_be_pasted(machine):
    lines = []
    for check, changes, *_ in FAULTS:
        lines += CHECKS[check](machine(**changes)).remedy
    for line in sorted(set(lines)):
        assert line == line.strip()
        assert "\n" not in line
    # Parsed only, not executed.
    done = subprocess.run(["bash", "-n"], input="\n".join(lines), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_sys_it_is_said_why_xnnpack_is_left_out(machine, tmp_path):
    healthy = machine(answers=UNDELEGATED)
    (tmp_path / "root/sys/devices/system").rename(tmp_path / "away")
    finding = CHECKS["XNNPACK"](healthy)
    assert "/sys is not mounted" in finding.says
    assert "sudo mount -t sysfs sysfs /sys" in finding.remedy


def test_xnnpack_is_believed_only_with_both_kinds_of_evidence(machine):
    silent = Result({"runtime": "ai-edge-litert", "version": "2.3.0", "delegated": 4}, log="")
    assert CHECKS["XNNPACK"](machine(results={"litert": silent})).level == Level.WARNING


def test_a_check_that_fails_itself_is_a_finding_and_hides_no_other(machine):
    def broken(machine):
        raise ZeroDivisionError("division\nby zero")

    found = dict(diagnose(machine(), {"broken": broken, "disk": CHECKS["disk"]}))
    assert found["broken"].level == Level.WARNING
    assert found["broken"].says == "could not be checked: ZeroDivisionError: division by zero"
    assert found["disk"].level == Level.OK


def test_on_a_machine_that_tells_nothing_no_check_fails_itself(machine, tmp_path):
    nothing = dict.fromkeys(machine().facts)
    empty = machine(
        facts=nothing, environment={}, root=tmp_path / "nowhere", packages=dict.fromkeys(machine().packages)
    )
    for name, finding in diagnose(empty):
        assert "could not be checked" not in finding.says, name


def test_files_that_are_no_text_break_no_check(machine, tmp_path):
    healthy = machine()
    for path in (tmp_path / "root").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff\x00\xfe\n=\n:\n")
    for name, finding in diagnose(healthy):
        assert "could not be checked" not in finding.says, name


@pytest.mark.parametrize("metadata", [None, b"", b"\xff\xfe", b"Name: numpy\n"])
def test_damaged_metadata_of_a_package_hides_no_other(tmp_path, monkeypatch, metadata):
    folder = tmp_path / "numpy-2.0.0.dist-info"
    folder.mkdir()
    if metadata is not None:
        (folder / "METADATA").write_bytes(metadata)
    (tmp_path / "gpiozero-1.0.dist-info").mkdir()
    (tmp_path / "gpiozero-1.0.dist-info/METADATA").write_text("Name: gpiozero\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = machines._packages()
    assert found["numpy"].version == machines.UNKNOWN
    assert found["gpiozero"].version == "1.0"
    assert host.facts()["packages"].get("numpy") is None
