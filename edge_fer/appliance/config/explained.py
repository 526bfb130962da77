"""What can be set, explained: the docstring of every field, for people, for editors, and for who mends a file.

The docstrings of the classes of settings are the only place where a field is explained.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel

from edge_fer.appliance.config import Config

SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"


@cache
def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring of each field of *model*, in one line. A field without one is left out."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    definition = tree.body[0]
    found: dict[str, str] = {}
    name = None
    for node in getattr(definition, "body", []):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name in model.model_fields:
            found[str(name)] = _plain(str(node.value.value))
            name = None
        else:
            name = None
    return found


def _plain(docstring: str) -> str:
    """Return *docstring* in one line, in which names have simple marks."""
    return re.sub(r"``|\*(?=\w)|(?<=\w)\*", "`", " ".join(docstring.split()))


def model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the class of settings in *annotation*: itself, or inside of ``X | None`` or ``tuple[X, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        model = model_of(part)
        if model is not None:
            return model
    return None


def tables(within: type[BaseModel] = Config, prefix: str = "") -> dict[str, type[BaseModel]]:
    """Return the tables of the file, in their order, each with the class of its settings; ``a.b`` is a table in one."""
    found: dict[str, type[BaseModel]] = {}
    for name, field in within.model_fields.items():
        model = model_of(field.annotation)
        if model is not None:
            found[prefix + name] = model
            found |= tables(model, f"{prefix}{name}.")
    return found


def schema() -> dict[str, Any]:
    """Return the JSON schema of the file, with the explanation of every field, as editors show it."""
    whole = Config.model_json_schema()
    _describe(whole, Config)
    for model in tables().values():
        _describe(whole["$defs"][model.__name__], model)
    return {"$schema": SCHEMA, **whole}


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    for name, text in docstrings(model).items():
        schema["properties"][name]["description"] = text
