"""The child process of a trial (see `edge_fer.trial`): reads a request on stdin and answers it on stdout, in JSON.

The request is a line of JSON and then the files that it names, one after the other.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from edge_fer import host
from edge_fer.backends import BACKENDS
from edge_fer.boxes import Box
from edge_fer.bundle import Bundle
from edge_fer.bundle_files import Memory
from edge_fer.classifier import Classifier
from edge_fer.detectors import MIN_FACE_PX
from edge_fer.errors import EdgeFerError, one_line
from edge_fer.trial import READY, SINGLE_MODEL, is_single
from edge_fer.verify import verify_here

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_MEMORY: Final = re.compile(r"bad_alloc|allocat(?!e_tensors)|out of memory|memory exhausted", re.IGNORECASE)
"""How runtimes say that they were refused memory."""
ADDRESS_FACTOR: Final = 2
"""Memory that may be reserved, for what may be used: threads reserve stacks, and allocators arenas, in advance."""
DETECTOR_SIDES_PX: Final = (160, 640)
"""Sides of the frames that a detector is tried on: of one window, and of more."""
STACK_MB: Final = 16
"""What a thread of a runtime reserves; there are as many as cores at most."""


def main() -> None:
    """Answer one request."""
    # What a runtime prints must not be taken for the answer.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        request = json.loads(sys.stdin.buffer.readline())
        files = _files(request["files"], sys.stdin.buffer)
        if "detector" in request:
            _import_detector(request["detector"])
        elif "module" in request:
            importlib.import_module(request["module"])
            _import_runtime("litert")
        else:
            _import_runtime(request["runtime"])
        answers.write(READY)
        answers.flush()
        _limit(**request["limits"])
        answers.write(json.dumps(_answer(request, files)).encode())
        answers.flush()
    # Without the ends of the runtimes: what has answered may still hang or crash while it is taken apart.
    os._exit(0)


def _files(sizes: dict[str, int], stdin: BinaryIO) -> dict[str, bytes]:
    return {name: stdin.read(size) for name, size in sizes.items()}


def _import_runtime(name: str) -> None:
    """Import the runtime of the backend *name* before the time counts: on a small board, that takes seconds."""
    # What fails here is told when the model is loaded.
    with contextlib.suppress(EdgeFerError):
        importlib.import_module(BACKENDS[name]).find_runtime()


def _import_detector(name: str) -> None:
    """Import what the detector *name* runs on, before the time counts."""
    importlib.import_module(f"edge_fer.detectors.{name}")
    if name == "blazeface":
        _import_runtime("litert")


def _answer(request: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    try:
        # The path is for messages only: everything that is read is in memory.
        if "detector" in request:
            _try_detector(request["detector"], files[SINGLE_MODEL], Path(request["path"]))
            return {}
        if "module" in request:
            importlib.import_module(request["module"]).rehearse(files[SINGLE_MODEL], Path(request["path"]))
            return {}
        bundle = Bundle(Path(request["path"]), Memory(files), trusted=True)
        target = bundle.target(request["target"])
        if request["golden"]:
            return {"verification": verify_here(bundle, target, request["threads"]).as_dict()}
        with Classifier(bundle, target.name, backend=request["runtime"], threads=request["threads"]) as classifier:
            classifier.scores(_pictures(bundle.manifest.preprocess.size_px))
    except EdgeFerError as exc:
        # The path is the user's own word.
        words = str(exc).replace(request["path"], "")
        name = "MemoryError" if NO_MEMORY.search(words) else type(exc).__name__
        return {"error": name, "message": one_line(exc)}
    except MemoryError:
        return {"error": "MemoryError", "message": ""}
    except Exception as exc:  # noqa: BLE001  (whatever a damaged model makes a runtime raise, in one line)
        kind, model = ("BadInput", "") if is_single(request) else ("BadBundle", f"{request['target']}: ")
        return {"error": kind, "message": f"{request['path']}: {model}{one_line(exc)}"}
    return {}


def _try_detector(name: str, content: bytes, path: Path) -> None:
    """Search frames of two sizes with the detector *name*, and around a face in each."""
    load = importlib.import_module(f"edge_fer.detectors.{name}").load
    detector = load(content, MIN_FACE_PX, path)
    for side in DETECTOR_SIDES_PX:
        for picture in _pictures(side):
            detector.search(picture)
            detector.follow(picture, Box(side / 4, side / 4, side / 2, side / 2))


def _pictures(side: int) -> NDArray[np.uint8]:
    """Return ``(3, N, N)``: black, white and noise, as models may compute another way with each."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8)
    return np.stack([np.zeros_like(noise), np.full_like(noise, 255), noise])


def _limit(time_s: float, cpu_s: int, memory_mb: int) -> None:
    """Limit this process from now on. Its parent watches time and memory, too, and this holds if the parent dies."""
    signal.setitimer(signal.ITIMER_REAL, time_s + 1)
    try:
        import resource
    except ImportError:  # only Unix has it
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_limit_s = int(used.ru_utime + used.ru_stime) + 1 + cpu_s
    data = (ADDRESS_FACTOR * memory_mb + STACK_MB * host.usable_cores()) << 20
    for name, limit in (("CORE", 0), ("FSIZE", 0), ("CPU", cpu_limit_s), ("DATA", data)):
        # A name that the system does not have, or a limit that it refuses (macOS): the others hold.
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is not None:
            _set_limit(number, limit)


def _set_limit(number: int, limit: int) -> None:
    import resource

    _, hard = resource.getrlimit(number)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    try:
        # The soft one alone for CPU: at it comes SIGXCPU, which says why.
        resource.setrlimit(number, (limit, hard))
    except (ValueError, OSError):
        return


if __name__ == "__main__":
    main()
