"""Leaves out of a ``.tflite`` what its outputs do not need: AI Edge Quantizer fails on tensors that nobody makes."""

from __future__ import annotations

from typing import Any


def pruned(content: bytes) -> bytes:
    """Return the model without unused operators and tensors; *content* itself where there are none."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    if len(model.subgraphs) != 1:
        return content  # operators that name other subgraphs are left alone
    graph = model.subgraphs[0]
    operators = _needed(graph)
    used = _numbers(graph.inputs) | _numbers(graph.outputs)
    for operator in operators:
        used |= _numbers(operator.inputs) | _numbers(operator.outputs) | _numbers(operator.intermediates)
    if len(operators) == len(graph.operators) and len(used) == len(graph.tensors):
        return content
    kept = sorted(used)
    new = {old: number for number, old in enumerate(kept)}
    new[-1] = -1  # an argument that is left out
    graph.operators = operators
    graph.tensors = [graph.tensors[number] for number in kept]
    graph.inputs = _renumbered(graph.inputs, new)
    graph.outputs = _renumbered(graph.outputs, new)
    for operator in operators:
        operator.inputs = _renumbered(operator.inputs, new)
        operator.outputs = _renumbered(operator.outputs, new)
        if operator.intermediates is not None:
            operator.intermediates = _renumbered(operator.intermediates, new)
    for signature in model.signatureDefs or []:
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = new[int(entry.tensorIndex)]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _needed(graph: Any) -> list[Any]:
    """Return the operators that the outputs depend on, in their order."""
    wanted = _numbers(graph.outputs)
    needed = []
    for operator in reversed(graph.operators):
        if wanted & _numbers(operator.outputs):
            wanted |= _numbers(operator.inputs)
            needed.append(operator)
    return needed[::-1]


def _numbers(tensors: Any) -> set[int]:
    if tensors is None:
        return set()
    return {int(number) for number in tensors if number >= 0}


def _renumbered(tensors: Any, new: dict[int, int]) -> list[int]:
    return [new[int(number)] for number in tensors]
