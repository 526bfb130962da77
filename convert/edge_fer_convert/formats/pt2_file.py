"""``torch.export`` archives (``.pt2``): what they hold, read without PyTorch, and whether loading one is safe.

``torch.export.load`` unpickles parts of an archive, calls what the graph names, and loads compiled code. So an archive
is read here first, and refused unless it holds a graph of tensor operators and plain tensors only.
"""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_fer_convert.formats.axes import Shape

DATA: Final = re.compile(
    r"\.?data/(version|serialization_id)|byteorder|\.format_version|\.storage_alignment|archive_(format|version)"
    r"|models/model\.json|(data/)?extra/[^/]+|data/sample_inputs/model\.pt"
    r"|data/weights/(weight_\d+|model_weights_config\.json)|data/constants/(tensor_\d+|model_constants_config\.json)"
)
"""Members of an archive that hold data. Others hold compiled code, pickled objects, or the layout of before 2025."""
OPERATORS: Final = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!(from_file|save)\.)\w+\.\w+|_operator\.\w+|math\.\w+|torch\.sym_\w+"
)
"""What a graph may call. PyTorch would call anything in its modules, such as ``torch.os.system``.

Two of its own operators write files of any name.
"""
SCOPES: Final = re.compile(r"torch\.ops\.higher_order\.(wrap_with_set_grad_enabled|wrap_with_autocast)")
"""What a graph may call with another graph: a part in which gradients are off."""
SIZES: Final = re.compile(
    r"([su]\d+|Symbol\('[su]\d+'|(positive|negative|integer|nonnegative|real)=(True|False)|\d+|[ +*/(),-]"
    r"|Integer|Rational|Add|Mul|Pow|Max|Min|Mod|PythonMod|FloorDiv|CeilDiv|CleanDiv|IntTrueDiv|TruncToInt)*"
)
"""Sizes that a graph computes, as SymPy writes them. PyTorch evaluates them as Python."""
TYPES: Final = {1: "uint8", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 13: "bfloat16"}
"""Numbers of PyTorch's types."""
LARGEST: Final = 2**26
"""Bytes of a graph or a list of tensors, at most: a thousand layers take a tenth of that."""
NOT_DATA: Final = (
    "edge-fer opens graphs of PyTorch's own operators with plain tensors only, because anything else may be code; "
    "export it again: torch.export.save(torch.export.export(model.eval(), (face,)), 'model.pt2')"
)


@dataclass(frozen=True)
class Contents:
    """What the graph of an archive takes and gives."""

    input_shape: Shape
    outputs: dict[str, Shape]
    """Name → shape, in the order in which the model returns them."""


def read(path: Path) -> Contents:
    """Return what the archive *path* takes and gives.

    Raises `BadInput` for one that is damaged or holds anything but data, whose input is not one float32 tensor, or
    whose layers train.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path)
            configs = [json.loads(archive.read(members[name])) for name in members if name.endswith("_config.json")]
            program = json.loads(archive.read(members["models/model.json"]))
        _refuse_pickles(configs, path)
        _refuse_calls(program, path)
        return _contents(program["graph_module"], path)
    except BadInput:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BadInput(f"{path} is no readable torch.export archive ({one_line(repr(exc))}); export it again") from exc


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, str]:
    """Return the members of *archive*: name below its one root folder → whole name."""
    names = archive.namelist()
    roots = {name.partition("/")[0] for name in names}
    if len(roots) != 1 or len(set(names)) != len(names):
        raise BadInput(f"{path} is no torch.export archive: {NOT_DATA}")
    members = {name.partition("/")[2]: name for name in names}
    foreign = [name for name in members if not DATA.fullmatch(name)]
    if "models/model.json" not in members or foreign:
        what = f"it holds {one_line(foreign[0])}" if foreign else "it holds no models/model.json"
        raise BadInput(f"{path} is no plain torch.export archive, {what}; {NOT_DATA}")
    large = [name for name in members if name.endswith(".json") and archive.getinfo(members[name]).file_size > LARGEST]
    if large:
        raise BadInput(f"{path}: {large[0]} is larger than {LARGEST} bytes; export it again")
    return members


def _refuse_pickles(configs: list[Any], path: Path) -> None:
    for config in configs:
        for name, tensor in config["config"].items():
            if tensor["use_pickle"] or not re.fullmatch(r"(weight|tensor)_\d+", tensor["path_name"]):
                raise BadInput(f"{path} holds {one_line(name)} as a pickle; {NOT_DATA}")


def _refuse_calls(program: Any, path: Path) -> None:
    """Raise `BadInput` for a graph that calls anything but tensor operators."""
    for key, value in _strings(program):
        allowed = True
        if key == "target":
            allowed = bool(OPERATORS.fullmatch(value) or SCOPES.fullmatch(value))
        elif key == "expr_str":
            allowed = bool(SIZES.fullmatch(value))
        if not allowed:
            raise BadInput(f"{path} has {one_line(value)} in its graph; {NOT_DATA}")


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string in *value*, and the key that it has."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for entry in value:
            yield from _strings(entry, key)
    elif isinstance(value, dict):
        for inner, entry in value.items():
            yield from _strings(entry, inner)


def _contents(module: dict[str, Any], path: Path) -> Contents:
    graph = module["graph"]
    _refuse_training(graph, path)
    inputs = [spec["user_input"]["arg"] for spec in module["signature"]["input_specs"] if "user_input" in spec]
    if len(inputs) != 1 or "as_tensor" not in inputs[0]:
        raise BadInput(f"{path} takes {len(inputs)} inputs; a FER classifier takes one, the face: export it with that")
    face = graph["tensor_values"][inputs[0]["as_tensor"]["name"]]
    if face["dtype"] != 7:
        raise BadInput(f"{path} takes {TYPES.get(face['dtype'], 'no')} numbers; export it in float32: model.float()")
    outputs = {}
    for spec in module["signature"]["output_specs"]:
        if "user_output" not in spec:
            raise BadInput(f"{path} changes its own tensors when it runs; call model.eval() before torch.export.export")
        # What is not a tensor, such as None, is an output that nobody can choose.
        tensor = spec["user_output"]["arg"].get("as_tensor")
        if tensor is not None:
            outputs[tensor["name"]] = _shape(graph["tensor_values"][tensor["name"]])
    return Contents(_shape(face), outputs)


def _refuse_training(graph: dict[str, Any], path: Path) -> None:
    """Raise `BadInput` where layers that behave otherwise in training were exported as they train."""
    for node in graph["nodes"]:
        for entry in node["inputs"]:
            if entry["name"] in {"train", "training"} and entry["arg"].get("as_bool"):
                raise BadInput(f"{path} was exported while training; call model.eval() before torch.export.export")


def _shape(tensor: dict[str, Any]) -> Shape:
    return tuple(size.get("as_int") for size in tensor["sizes"])
