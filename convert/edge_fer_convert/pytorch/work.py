"""The process that `process` starts: works with PyTorch, and answers in JSON on stdout."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer import __version__
from edge_fer_convert.pytorch.process import FACES, NEEDED, SCORES, TENSORS

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 2
STDERR = 2


def _module(settings: dict[str, Any]) -> Any:
    """Return the model as a PyTorch module that takes one face and gives its scores."""
    import torch

    path = Path(settings["model"])
    if path.suffix == ".onnx":
        from edge_fer_convert.pytorch.onnx_module import OnnxModule

        return OnnxModule(path).eval()

    program = torch.export.load(path)
    # Without the checks of its input, which the archive holds as Python code.
    exported = program.module(check_guards=False)

    class Scores(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.model = exported

        def forward(self, face: Any) -> Any:
            outputs = self.model(face)
            if isinstance(outputs, torch.Tensor):
                return outputs
            leaves = torch.utils._pytree.tree_leaves(outputs)  # noqa: SLF001  (it has no public name)
            return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)][settings["output"]]

    return Scores()


def _program(settings: dict[str, Any]) -> Any:
    """Return the model exported anew, for one face of a fixed size."""
    import torch

    face = torch.zeros(settings["shape"])
    return torch.export.export(_module(settings), (face,))


def _to_litert(settings: dict[str, Any]) -> dict[str, Any]:
    import litert_torch
    import torch

    module = _program(settings).module()
    made = litert_torch.convert(module, (torch.zeros(settings["shape"]),))
    made.export(str(Path(settings["folder"]) / "litert"))
    return {}


def _to_onnx(settings: dict[str, Any]) -> dict[str, Any]:
    import torch

    path = Path(settings["folder"]) / "onnx"
    torch.onnx.export(_program(settings), dynamo=True, external_data=False, verbose=False).save(path)
    return {}


def _scores(settings: dict[str, Any]) -> dict[str, Any]:
    import torch

    module = _module(settings)
    folder = Path(settings["folder"])
    rows = []
    with torch.no_grad():
        for face in torch.from_numpy(np.load(folder / FACES)):
            scores = module(face[None])
            rows.append(scores.numpy())
    np.save(folder / SCORES, np.concatenate(rows))
    return {}


def _tensors(settings: dict[str, Any]) -> dict[str, Any]:
    import torch

    kept: dict[str, list[Any]] = {}

    class Keeping(torch.fx.Interpreter):  # type: ignore[misc, name-defined, unused-ignore]
        def run_node(self, node: Any) -> Any:
            made = super().run_node(node)
            if node.op == "call_function" and isinstance(made, torch.Tensor) and made.is_floating_point():
                kept.setdefault(_layer(node), []).append(made.detach().numpy().copy())
            return made

    folder = Path(settings["folder"])
    # As it was saved, because exporting anew forgets the names of the modules.
    module = torch.export.load(settings["model"]).module(check_guards=False)
    with torch.no_grad():
        for face in torch.from_numpy(np.load(folder / FACES)):
            Keeping(module).run(face[None])
    tensors = {name: np.concatenate(arrays) for name, arrays in kept.items() if arrays[0].shape[:1] == (1,)}
    numbered: dict[str, Any] = {str(number): array for number, array in enumerate(tensors.values())}
    np.savez(folder / TENSORS, **numbered)
    return {"names": list(tensors)}


def _layer(node: Any) -> str:
    """Return the name of an operation, and the module of the user's that it is part of."""
    modules = list(node.meta.get("nn_module_stack", {}).values())
    path = modules[-1][0] if modules else ""
    return f"{path} ({node.name})" if path else str(node.name)


def _versions(settings: dict[str, Any]) -> dict[str, Any]:
    del settings
    for name in NEEDED:
        importlib.import_module(name)
    return {"edge_fer": __version__}


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "litert": _to_litert,
    "onnx": _to_onnx,
    "scores": _scores,
    "tensors": _tensors,
    "versions": _versions,
}


def main(task: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Do *task*, and return the answer: what the task gives, or the error as text."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    try:
        if settings:
            import torch

            torch.set_num_threads(THREADS)
        return TASKS[task](settings)
    except ModuleNotFoundError as exc:
        return {"missing": exc.name}
    except Exception as exc:  # noqa: BLE001  (the tools raise anything, and the process that asked tells it)
        return {"error": f"{type(exc).__name__}: {exc}"}


if __name__ == "__main__":
    # The tools print to stdout, too.
    answers = os.dup(1)
    os.dup2(STDERR, 1)
    answer = main(sys.argv[1], json.loads(sys.argv[2]))
    os.write(answers, json.dumps(answer).encode())
