"""Checks of OpenCV, LiteRT and NumPy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from edge_fer_devices.doctor.finding import Finding, fault, ok, warning
from edge_fer_devices.doctor.machine import LITERT, OPENCV

if TYPE_CHECKING:
    from edge_fer_devices.doctor.machine import Machine, Package
    from edge_fer_devices.doctor.probes import Result

HEADLESS: Final = "'opencv-python-headless>=4.10,<5'"
OLD_NUMPY: Final = "'numpy>=1.26,<2' 'opencv-python-headless>=4.10,<4.12'"
"""NumPy 1 with the last OpenCV whose wheel takes it."""
ALIASES: Final = {"AMD64": "x86_64", "arm64": "aarch64"}
"""What wheels call an architecture, where Python calls it otherwise."""


def opencv(machine: Machine) -> Finding:
    """Return whether an OpenCV 4 with cascades can be imported.

    The wheels of OpenCV 5 have no ``CascadeClassifier``; those of its contrib have one, and no cascades.
    """
    several = machine.installed(OPENCV)
    reinstall = (
        *([f"{machine.pip.removesuffix('install')}uninstall -y {' '.join(several)}"] if several else []),
        f"{machine.pip} {HEADLESS}",
    )
    result = machine.probes["opencv"].result()
    problem = _import_problem("cv2", "OpenCV", result)
    if problem is not None:
        return fault(problem, *reinstall)
    assert result.answer is not None  # noqa: S101  (else there is a problem)
    version = result.answer["version"]
    if not result.answer["has_classifier"]:
        return fault(f"OpenCV {version} has no CascadeClassifier: edge-fer needs an OpenCV 4", *reinstall)
    if not result.answer["cascades"]:
        return fault(f"OpenCV {version} has no cascades: {result.answer['cascade_error']}", *reinstall)
    if len(several) > 1:
        return warning(f"{' and '.join(several)} are installed, and overwrite each other's files", *reinstall)
    return ok(f"OpenCV {version}, cascades in {result.answer['cascades']}")


def litert(machine: Machine) -> Finding:
    """Return whether a LiteRT is installed that was built for this processor and this Python, and can be imported."""
    installed = machine.installed(LITERT)
    install = f"{machine.pip} --force-reinstall --no-cache-dir 'ai-edge-litert>=2.1'"
    if not installed:
        return fault("no LiteRT is installed", f"{machine.pip} 'ai-edge-litert>=2.1'")
    for name, package in installed.items():
        foreign = _foreign(package, machine)
        if foreign is not None:
            return fault(f"{name} {package.version} was built for {foreign}", install)
    result = machine.probes["litert"].result()
    problem = _import_problem("ai_edge_litert", "LiteRT", result)
    if problem is not None:
        return fault(problem, install)
    assert result.answer is not None  # noqa: S101  (else there is a problem)
    runtime, version = result.answer["runtime"], result.answer["version"]
    built_for = installed[runtime].tags if runtime in installed else ()
    return ok(f"{runtime} {version}, built for {', '.join(built_for) or 'an unknown system'}")


def numpy(machine: Machine) -> Finding:
    """Return whether the system's picamera2 works with the NumPy that is imported here.

    picamera2 imports simplejpeg, which Debian has built for its own NumPy; one of pip's before it in the path breaks it
    (picamera2's issues 1088, 1170 and 1211).
    """
    here = machine.packages.get("numpy")
    if here is None:
        return fault("NumPy is not installed", f"{machine.pip} 'numpy>=1.26'")
    jpeg = machine.packages.get("simplejpeg")
    if jpeg is None:
        return ok(f"NumPy {here.version}; no picamera2 of the system has to fit it")
    result = machine.probes["numpy"].result()
    if result.answer is not None and "error" not in result.answer:
        return ok(f"NumPy {here.version} and simplejpeg {jpeg.version} fit")
    why = result.end or (result.answer or {}).get("error", "")
    return fault(
        f"simplejpeg {jpeg.version}, which picamera2 needs, does not load with NumPy {here.version}: {why}",
        f"{machine.pip} {OLD_NUMPY}",
        "# or use a newer Raspberry Pi OS (trixie or later)",
    )


def _import_problem(module: str, name: str, result: Result) -> str | None:
    """Return in words why the probe *result* has no answer; None if it has one."""
    if result.answer is None:
        builder = ": its wheel was built for another processor" if "SIGILL" in result.end else ""
        return f"the process that imports {name} {result.end}{builder}"
    error = result.answer.get("error")
    if error is None:
        return None
    if re.search(rf"No module named '{module}'", error):
        return f"{name} is not installed"
    return f"{name} cannot be loaded: {error}"


def _foreign(package: Package, machine: Machine) -> str | None:
    """Return what a wheel was built for, if that is another architecture or another Python; else None."""
    major, minor = machine.python
    name = machine.facts["machine"]
    architecture = ALIASES.get(name, name)
    for tag in package.tags:
        interpreter, abi, platform = tag.split("-", 2) if tag.count("-") >= 2 else ("", "", tag)
        fits_python = abi in ("none", "abi3", "") or interpreter == f"cp{major}{minor}"
        fits_machine = platform == "any" or platform.endswith((architecture, name))
        if fits_python and fits_machine:
            return None
    return ", ".join(package.tags) or None
