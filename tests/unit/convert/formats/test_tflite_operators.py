"""Kinds of operators are found again under the numbers that they are given."""

from __future__ import annotations

import pytest

schema = pytest.importorskip(
    "ai_edge_litert.schema_py_generated", reason="the schema of LiteRT needs flatbuffers: pip install -e '.[convert]'"
)
pytest.importorskip("ai_edge_litert.tools.flatbuffer_utils", reason="LiteRT's tools need edge-fer[convert]")

from edge_fer_convert.formats.tflite_operators import add_kind, kind_of  # noqa: E402


def test_a_kind_that_is_added_is_found_under_its_number():
    model = schema.ModelT()
    model.operatorCodes = []
    assert [add_kind(model, kind) for kind in ("RESHAPE", "MIRROR_PAD")] == [0, 1]
    operator = schema.OperatorT()
    for number, kind in enumerate(("RESHAPE", "MIRROR_PAD")):
        operator.opcodeIndex = number
        assert kind_of(model, operator) == kind


def test_readers_of_older_schemas_find_it_too():
    model = schema.ModelT()
    model.operatorCodes = []
    add_kind(model, "RESHAPE")
    assert model.operatorCodes[0].deprecatedBuiltinCode == schema.BuiltinOperator.RESHAPE
