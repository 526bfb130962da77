"""The child process of a probe (see `probes`): does one thing that may end it, and prints the answer as JSON.

``python -m edge_fer_devices.doctor.probe_child NAME [ARGUMENT]``
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer.dependencies import explanation
from edge_fer.errors import EdgeFerError
from edge_fer.options import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the probe that the first argument names."""
    # The doctor reads what LiteRT remarks, which is dropped otherwise.
    logging.getLogger("edge_fer").setLevel(logging.DEBUG)
    # What a library prints must not be taken for the answer.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        try:
            answer = PROBES[sys.argv[1]](*sys.argv[2:])
        except (Exception, SystemExit) as exc:  # noqa: BLE001  (whatever an import raises)
            answer = {"error": str(exc) if isinstance(exc, EdgeFerError) else explanation(exc)}
        json.dump(answer, answers)
    # Without the ends of the libraries: what has answered may still hang or crash while it is taken apart.
    os._exit(0)


def budget(board: str) -> dict[str, Any]:
    """Read the budget of a board; of an empty one, that of this machine's profile, else of its kind of board."""
    from edge_fer.profile import of_this_machine
    from edge_fer_devices.boards.recognition import AUTO, assumed

    own = None if board else of_this_machine()
    found = own.budget if own is not None and own.budget is not None else assumed(board or AUTO).budget
    return {} if found is None else found.model_dump()


def opencv() -> dict[str, Any]:
    """Import OpenCV, and load the cascades that find faces."""
    import cv2

    answer = {"version": cv2.__version__, "has_classifier": hasattr(cv2, "CascadeClassifier"), "cascades": ""}
    if answer["has_classifier"]:
        from edge_fer.cascades import cascade_path, load_cascade
        from edge_fer.detectors.haar import FOLLOW_CASCADE, SEARCH_CASCADE

        try:
            for name in (SEARCH_CASCADE, FOLLOW_CASCADE):
                path = cascade_path(name)
                load_cascade(path)
                answer["cascades"] = str(path.parent)
        except EdgeFerError as exc:
            answer |= {"cascades": "", "cascade_error": str(exc)}
    return answer


def litert() -> dict[str, Any]:
    """Load a shipped model into LiteRT and count the parts of it that a delegate executes."""
    from edge_fer import bundle as bundles
    from edge_fer.backends.litert import interpreter

    bundle = bundles.load(bundles.installed(DEFAULT_MODEL))
    target = bundle.target("litert-int8")
    runtime, version, loaded = interpreter(bundle.contents(target)[target.files[0].file], 1)
    loaded.invoke()
    # Not public, and the only place that tells; with packages that lack it, the log is the evidence.
    plan = getattr(loaded, "_get_ops_details", None)
    operators = [entry["op_name"] for entry in plan()] if plan is not None else []
    delegated = sum(name.upper() == "DELEGATE" for name in operators) if operators else None
    return {"runtime": runtime, "version": version, "delegated": delegated}


def golden(model: str, target: str, key: str) -> dict[str, Any]:
    """Compare one target of a bundle with its golden answers; empty arguments stand for what ``edge-fer run`` takes."""
    from edge_fer import bundle as bundles
    from edge_fer import profile
    from edge_fer.verify import verify

    chosen = profile.choose(model or None, target or None, None, DEFAULT_MODEL)
    path = model or bundles.installed(chosen.model)
    bundle = profile.open_bundle(path, Path(key) if key else None)
    (result,) = verify(bundle, chosen.threads, only=bundle.target(chosen.target).name)
    return {**result.as_dict(), "sentence": result.sentence(), "model": model or chosen.model}


def numpy() -> dict[str, Any]:
    """Import NumPy, then the system's simplejpeg, which picamera2 imports and which was built for one NumPy."""
    import numpy as np
    import simplejpeg

    return {"numpy": np.__version__, "simplejpeg": simplejpeg.__file__}


PROBES: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "budget": budget,
    "opencv": opencv,
    "litert": litert,
    "golden": golden,
    "numpy": numpy,
}

if __name__ == "__main__":
    main()
