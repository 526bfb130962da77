"""Writes the lock of the wheels that a card holds, from ``uv.lock``: the versions that the tests have seen.

Run in a clone, after ``uv lock``: ``python devices/update_lock.py``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

CLONE: Final = Path(__file__).parents[1]
LOCK: Final = CLONE / "devices/edge_fer_devices/locks/aarch64.txt"
NOT_ON_DEVICES: Final = {
    "av": "reads films and network streams, and is as large as OpenCV: --streams adds it",
    "backports-strenum": "ai-edge-litert needs it for its tools, not for running a model",
    "colorama": "is for Windows",
    "flatbuffers": "the same",
    "ml-dtypes": "the same",
    "protobuf": "the same",
    "tqdm": "the same",
}  # fmt: skip
"""What edge-fer or its packages ask for and a device does not need, each with the reason."""
CPYTHONS: Final = ("cp311", "cp313")
EXTRA: Final = "device"
"""What a card holds besides what edge-fer needs anywhere: an extra of pyproject.toml."""
STREAMS: Final = "# streams"
"""Stands before the packages that only ``--streams`` installs."""


def main() -> None:
    """Write the lock."""
    LOCK.write_text(lock(tomllib.loads((CLONE / "uv.lock").read_text())))


def lock(uv: dict[str, Any]) -> str:
    """Return the lock as text: requirements with the hashes of their wheels for aarch64."""
    packages = {package["name"]: package for package in uv["package"]}
    lines = ["# Written by devices/update_lock.py from uv.lock."]
    own = packages["edge-fer"]
    needed = _needed(packages, own["dependencies"]) | _needed(packages, own["optional-dependencies"][EXTRA])
    for name in sorted(needed):
        lines += _requirement(packages[name])
    lines += [STREAMS, *_requirement(packages["av"])]
    return "\n".join(lines) + "\n"


def _needed(packages: dict[str, Any], dependencies: list[dict[str, Any]]) -> set[str]:
    """Return the names of *dependencies*, and of all packages that these need on a device."""
    needed: set[str] = set()
    for dependency in dependencies:
        name = dependency["name"]
        if name not in NOT_ON_DEVICES:
            needed |= {name} | _needed(packages, packages[name].get("dependencies", []))
    return needed


def _requirement(package: dict[str, Any]) -> list[str]:
    fitting = [wheel for wheel in package["wheels"] if _fits(wheel["url"].rpartition("/")[2])]
    hashes = [f"    --hash={wheel['hash']}" for wheel in fitting]
    return [f"{package['name']}=={package['version']} \\", *(" \\\n".join(sorted(hashes)).split("\n"))]


def _fits(wheel: str) -> bool:
    """Return whether *wheel*, a file's name, is for Linux on aarch64 and for a CPython that runs edge-fer."""
    _, python, abi, platform = wheel.removesuffix(".whl").rsplit("-", 3)
    if platform != "any" and not ("manylinux" in platform and "aarch64" in platform):
        return False
    return abi in {"none", "abi3"} or (python in CPYTHONS and not abi.endswith("t"))


if __name__ == "__main__":
    main()
