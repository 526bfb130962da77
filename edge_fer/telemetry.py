"""Switches off what other libraries send home and leave in the home folder.

edge-fer sends nothing. ONNX Runtime and OpenVINO send, by default, which machine uses them, and keep an identifier of
it in the home folder. Their switches work only before they are imported.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

NO_FOLDER: Final = f"{os.devnull}/none"
"""A path at which no folder can be created."""


def switch_off() -> None:
    """Switch off the telemetry of ONNX Runtime, OpenVINO and NNCF in this process, and in those that it starts.

    `edge_fer.backends` calls it before it imports a runtime, and never earlier: a program that imports a runtime itself
    before it loads a bundle keeps what it has chosen. So does a user who sets ``ORT_DISABLE_TELEMETRY=0``.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    # OpenVINO and NNCF have no switch, and do without the package where it is not installed. None makes its import
    # fail as if it were not.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def keep_home_clean() -> None:
    """Keep Keras and matplotlib from creating folders in the home folder. Folders that are there are used as before.

    For the process of a command, before Keras, NNCF or matplotlib is imported.
    """
    if "KERAS_HOME" not in os.environ and not _in_home(".keras"):
        os.environ["KERAS_HOME"] = NO_FOLDER
    if "MPLCONFIGDIR" not in os.environ and not _in_home(".cache/matplotlib"):
        import atexit
        import shutil
        import tempfile

        # Without a folder, matplotlib would make one and complain. It keeps a list of the fonts there.
        folder = tempfile.mkdtemp(prefix="edge-fer-matplotlib-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["MPLCONFIGDIR"] = folder


def _in_home(name: str) -> bool:
    try:
        return (Path.home() / name).is_dir()
    except (OSError, RuntimeError):  # no home folder, or none that may be read
        return False
