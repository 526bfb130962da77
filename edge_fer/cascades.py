"""OpenCV's Haar cascades: where their files lie, and how they are loaded."""

from __future__ import annotations

from pathlib import Path

import cv2

from edge_fer.errors import BadInput, MissingDependency


def cascade_path(name: str) -> Path:
    """Return the path of OpenCV's cascade file *name*. Raises `MissingDependency` if it is not installed."""
    if not hasattr(cv2, "CascadeClassifier"):
        raise MissingDependency(
            f"OpenCV {cv2.__version__} has no CascadeClassifier (dropped from the wheels of 5.0); "
            "install an OpenCV 4: pip install 'opencv-python-headless<5'"
        )
    folders = [Path("/usr/share/opencv4/haarcascades")]
    # Only the wheels have cv2.data; Debian's OpenCV keeps the cascades in a package of their own.
    if hasattr(cv2, "data"):
        folders.insert(0, Path(cv2.data.haarcascades))  # type: ignore[attr-defined, unused-ignore]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise MissingDependency(
        f"{name} is in none of {', '.join(map(str, folders))}; "
        "on Debian and Raspberry Pi OS: apt install opencv-data; elsewhere: pip install 'opencv-python-headless<5'"
    )


def load_cascade(path: Path) -> cv2.CascadeClassifier:
    """Return the cascade at *path*. Raises `BadInput` if OpenCV does not read it."""
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise BadInput(f"{path} is not a cascade that OpenCV reads; reinstall opencv-python-headless")
    return cascade
