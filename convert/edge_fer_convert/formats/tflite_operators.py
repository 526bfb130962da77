"""Kinds of operators in a ``.tflite``, which its operators name by their numbers in a list."""

from __future__ import annotations

from typing import Any


def kind_of(model: Any, operator: Any) -> str:
    """Return the kind of *operator* as the schema names it, for instance ``CONV_2D``."""
    from ai_edge_litert.tools import flatbuffer_utils

    return str(flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex))


def add_kind(model: Any, kind: str) -> int:
    """Add *kind*, for instance ``RESHAPE``, to the list of *model*; return its number for ``opcodeIndex``."""
    from ai_edge_litert import schema_py_generated as schema

    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode = code.builtinCode  # what readers before schema version 3a look at
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
