"""Exports for NPUs: folders with what a vendor's compiler takes. Nothing in them is executed here.

The compilers quantize themselves, so they get the float model, the calibration faces and the commands to type. The
compiler of the Edge TPU takes our int8 file, and is called where it is installed.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import __version__, files
from edge_fer.errors import BadInput, EdgeFerError, MissingDependency, one_line
from edge_fer.evaluation.html import render_text
from edge_fer_convert.bundle_writer import write_folder
from edge_fer_convert.originals import Continued, KerasModel, softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.result import Conversion

EXPORTS: Final = ("imx500", "hailo", "edgetpu")
"""Names that ``--targets`` takes beside the targets of a bundle."""
FACTS: Final = "export.json"
"""Marks a folder as an export."""
CALIBRATION: Final = "calibration.npy"
NEEDS_KERAS: Final = "Sony's Model Compression Toolkit takes a Keras model; pass a .keras or .h5 file"
EDGETPU_COMPILER: Final = "edgetpu_compiler"
EDGETPU_TARGET: Final = "litert-int8"
"""What the compiler of the Edge TPU takes."""
COMPILE_TIMEOUT_S: Final = 300
ON_CPU: Final = re.compile(r"Number of operations that will run on CPU: *(\d+)")
ON_TPU: Final = re.compile(r"Number of operations that will run on Edge TPU: *(\d+)")
NOT_ON_TPU: Final = re.compile(r"^([A-Z][A-Z0-9_]+) +(\d+) +(?!Mapped to Edge TPU)(\S.*)$", re.MULTILINE)
"""A line of the compiler's log about operations that stay on the CPU: kind, number, reason."""


def refuse_impossible(names: Sequence[str], model: FloatModel) -> None:
    """Raise `BadInput` or `MissingDependency` for the first of *names* that cannot be made of *model* on this machine.

    Before any work, as far as that can be known.
    """
    for name in names:
        problem = _why_not(name, model)
        if problem:
            raise BadInput(f"{name} cannot be exported: {problem}; or leave it out of --targets")
    if "edgetpu" in names and shutil.which(EDGETPU_COMPILER) is None:
        raise MissingDependency(
            f"edgetpu needs {EDGETPU_COMPILER}, which is not installed (https://coral.ai/docs/edgetpu/compiler; x86-64 "
            "only): install it, or leave edgetpu out of --targets"
        )


def _why_not(name: str, model: FloatModel) -> str | None:
    if name == "imx500" and not isinstance(model.original, KerasModel):
        return NEEDS_KERAS
    if name == "hailo":
        return model.can_be("onnx-float32")
    if name == "edgetpu":
        return model.can_be(EDGETPU_TARGET)
    return None


def folder_of(name: str, bundle: Path) -> Path:
    """Return the folder of the export *name*, beside *bundle*."""
    return bundle.with_name(f"{bundle.name}-{name}")


def refuse_existing(folder: Path, *, force: bool) -> None:
    """Raise `BadInput` when *folder* exists; with *force*, only when it is something else than an export."""
    if not force:
        files.refuse_existing(folder, "move it away, or pass --force")
    elif folder.exists() and not (folder / FACTS).is_file():
        raise BadInput(f"{folder} exists and is no export, so --force does not replace it; choose another --out")


def write_export(name: str, conversion: Conversion, bundle: Path) -> str:
    """Write the export *name* of *conversion* beside *bundle*; return in one line what it is and holds.

    Raises `EdgeFerError` when the vendor's compiler, where it runs here, fails, and `SinkError` when the folder cannot
    be written.
    """
    folder = folder_of(name, bundle)
    if name == "edgetpu":
        contents, said = _edgetpu(conversion)
    else:
        faces = len(conversion.calibration.values)
        contents = {"imx500": _imx500, "hailo": _hailo}[name](conversion)
        contents[CALIBRATION] = _npy(conversion.calibration.values)
        said = f"not executed here; {CALIBRATION} holds {faces} faces of people, delete it when you no longer need it"
    contents[FACTS] = json.dumps(_facts(name, conversion), indent=2).encode()
    contents["README.md"] = _readme(name, conversion, said).encode()
    write_folder(folder, contents)
    return f"{name}: {folder}: {said}"


def _hailo(conversion: Conversion) -> dict[str, bytes]:
    return {"model.onnx": conversion.job.model.onnx or b""}


def _imx500(conversion: Conversion) -> dict[str, bytes]:
    original = conversion.job.model.original
    if isinstance(original, Continued) and original.further is softmax:
        original = original.inner  # the compiler takes logits as well
    if not isinstance(original, KerasModel):
        raise BadInput(f"imx500 cannot be exported: {NEEDS_KERAS}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        original.model.save(path)
        content = path.read_bytes()
    return {"model.keras": content, "quantize.py": render_text("imx500_quantize.py.j2", "edge_fer_convert").encode()}


def _edgetpu(conversion: Conversion) -> tuple[dict[str, bytes], str]:
    """Compile the int8 file of LiteRT; return the files, and how much of the model runs on the TPU."""
    result = next((each for each in conversion.results if each.target == EDGETPU_TARGET), None)
    if result is None:
        raise EdgeFerError(f"edgetpu needs {EDGETPU_TARGET}, which could not be made; see the report")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.tflite"
        source.write_bytes(result.chosen.files.content)
        command = [EDGETPU_COMPILER, "-s", "-o", folder, str(source)]
        try:
            done = subprocess.run(  # noqa: S603  (the vendor's program, with our own file)
                command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise EdgeFerError(f"{EDGETPU_COMPILER} cannot be executed: {one_line(exc)}") from exc
        log = f"{done.stdout}\n{done.stderr}".strip()
        compiled = Path(folder) / "model_edgetpu.tflite"
        if done.returncode != 0 or not compiled.is_file():
            raise EdgeFerError(f"{EDGETPU_COMPILER} refuses the model: {one_line(log)}") from RuntimeError(log)
        return {"model_edgetpu.tflite": compiled.read_bytes(), "compiler.log": log.encode()}, left_on_cpu(log)


def left_on_cpu(log: str) -> str:
    """Return in one line what the log of the Edge TPU's compiler says about operations that stay on the CPU."""
    on_cpu = ON_CPU.search(log)
    on_tpu = ON_TPU.search(log)
    if on_cpu is None or on_tpu is None or on_cpu[1] == "0":
        return "compiled and not executed here; all operations on the Edge TPU"
    kinds = [f"{number} {kind} ({one_line(reason)})" for kind, number, reason in NOT_ON_TPU.findall(log)]
    which = f": {', '.join(kinds)}" if kinds else ""
    return f"compiled and not executed here; {on_tpu[1]} operations on the Edge TPU, {on_cpu[1]} on the CPU{which}"


def _npy(values: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def _facts(name: str, conversion: Conversion) -> dict[str, Any]:
    """Return what a program needs to know that uses the compiled model."""
    metadata = conversion.job.metadata
    return {
        "edge_fer": __version__,
        "export": name,
        "model": metadata.name,
        "licence": metadata.licence,
        "labels": list(metadata.labels),
        "preprocess": metadata.preprocess.model_dump(mode="json"),
        "executed_here": False,
    }


def _readme(name: str, conversion: Conversion, said: str) -> str:
    metadata = conversion.job.metadata
    low, high = metadata.preprocess.table()[[0, 255]]
    text = render_text(
        f"{name}.md.j2",
        "edge_fer_convert",
        metadata=metadata,
        faces=len(conversion.calibration.values),
        data=conversion.job.pool.name,
        low=", ".join(f"{value:g}" for value in low),  # one for each channel
        high=", ".join(f"{value:g}" for value in high),
        said=said,
    )
    return f"{text}\n"
