"""The watcher's process: see `edge_fer.appliance.watcher`."""

from __future__ import annotations

import os
import sys

from edge_fer import telemetry
from edge_fer.dependencies import spare_memory


def main() -> int:
    """Prepare the process, and watch."""
    spare_memory()
    # OpenCV and FFmpeg would repeat in words of their own what edge-fer reports.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    telemetry.switch_off()
    # Only now: NumPy and OpenCV read these settings when they are imported.
    from edge_fer.appliance.watcher.child import main as watch

    return watch()


if __name__ == "__main__":
    sys.exit(main())
