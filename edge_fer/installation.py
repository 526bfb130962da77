"""What this installation consists of: versions, runtimes and how they were built, models, detectors, paths.

For a report of a fault, and for whoever asks which of the things that edge-fer can use are there.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer import __version__, bundle, host, profile
from edge_fer.backends import BACKENDS
from edge_fer.dependencies import load
from edge_fer.detectors import DEFAULT_DETECTOR, DETECTORS
from edge_fer.errors import BadInput, EdgeFerError

if TYPE_CHECKING:
    from collections.abc import Callable

MACHINE: Final = ("machine", "model", "cpu", "cpu_features", "cores", "memory_mb", "system", "kernel", "python")
"""Of the facts about the machine (see `edge_fer.host.facts`), those that say what can run on it."""

log = logging.getLogger(__name__)


def facts() -> dict[str, Any]:
    """Return the facts about this installation, ready for JSON. What cannot be loaded says why, and what helps."""
    known = host.facts()
    return {
        "edge_fer": __version__,
        "machine": {name: known[name] for name in MACHINE},
        "packages": known["packages"],
        "runtimes": {name: _tried(describe) for name, describe in RUNTIMES.items()},
        "libraries": {name: _tried(describe) for name, describe in LIBRARIES.items()},
        "models": [_model(name) for name in bundle.shipped()],
        "detectors": [{"name": name, "default": name == DEFAULT_DETECTOR} for name in DETECTORS],
        "profile": _profile(),
        "paths": _paths(),
    }


def _tried(describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return describe()
    except EdgeFerError as exc:
        return {"missing": str(exc)}


def _litert() -> dict[str, Any]:
    from edge_fer.backends.litert import interpreter

    # It tells nothing of how it was built; but a model shows whether XNNPACK executes it, which has the fast kernels.
    opened = bundle.load(bundle.shipped()[0])
    target = opened.target("litert-int8")
    distribution, version, loaded = interpreter(opened.contents(target)[target.file], 1)
    plan: list[dict[str, Any]] = getattr(loaded, "_get_ops_details", list)()
    accelerated = any(entry["op_name"].upper() == "DELEGATE" for entry in plan)
    return {"package": distribution, "version": version, "kernels": "XNNPACK" if accelerated else "reference"}


def _openvino() -> dict[str, Any]:
    module = importlib.import_module(BACKENDS["openvino"]).find_runtime()
    version, _, build = module.__version__.partition("-")
    core = module.Core()
    computes = sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return {"package": "openvino", "version": version, "build": build, "computes": computes}


def _onnx() -> dict[str, Any]:
    module = importlib.import_module(BACKENDS["onnx"]).find_runtime()
    return {
        "package": "onnxruntime",
        "version": module.__version__,
        "build": module.get_build_info().removeprefix("ORT Build Info: "),
        "providers": module.get_available_providers(),
    }


RUNTIMES: Final[dict[str, Callable[[], dict[str, Any]]]] = {"litert": _litert, "openvino": _openvino, "onnx": _onnx}
"""What describes each runtime, by the name of its backend."""


def _opencv() -> dict[str, Any]:
    cv2 = load("cv2", "OpenCV", "pip install opencv-python-headless")
    built = cv2.getBuildInformation()
    return {
        "version": cv2.__version__,
        # What it was built for at least, and with an asterisk what it has chosen for this processor.
        "cpu_features": cv2.getCPUFeaturesLine(),
        "threads_by": _line(built, "Parallel framework"),
    }


def _pyav() -> dict[str, Any]:
    av = load("av", "PyAV", "pip install av")
    encoders = [name for name in ("libx264", "mpeg4") if name in av.codecs_available]
    return {"version": av.__version__, "ffmpeg": getattr(av, "ffmpeg_version_info", ""), "encoders": encoders}


LIBRARIES: Final[dict[str, Callable[[], dict[str, Any]]]] = {"opencv": _opencv, "pyav": _pyav}
"""What describes each library that pictures and films come through."""


def _line(text: str, name: str) -> str:
    """Return what *text*, OpenCV's build information, says of *name*."""
    found = re.search(rf"{re.escape(name)}:\s*(.*)", text)
    return found[1].strip() if found else ""


def _model(name: str) -> dict[str, Any]:
    manifest = bundle.load(name).manifest
    targets = [target.name for target in manifest.targets]
    return {"name": name, "description": manifest.description, "targets": targets}


def _profile() -> dict[str, Any]:
    path = profile.default_path()
    found: dict[str, Any] = {"path": None if path is None else str(path), "exists": False}
    try:
        own = profile.of_this_machine()
    except BadInput as exc:
        return {**found, "exists": True, "fault": str(exc)}
    if own is None:
        return found
    return {**found, "exists": True, **own.model_dump(mode="json", exclude_none=True)}


def _paths() -> dict[str, str]:
    package = Path(__file__).parent
    return {"python": sys.executable, "package": str(package), "models": str(bundle.SHIPPED_MODELS)}
