"""What could not be made is told in one line, and kept whole."""

from __future__ import annotations

import logging

from edge_fer.errors import BackendError, BadInput
from edge_fer_convert.failures import Failure, whole_text


def _raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as exc:
        return exc


def test_one_line_says_what_and_why():
    assert Failure("onnx-int8", KeyError("scale")).line == "onnx-int8: KeyError: 'scale'"
    assert Failure("onnx-int8", BadInput("no such file; pass one")).line == "onnx-int8: no such file; pass one"


def test_what_is_left_out_of_the_line_is_in_the_report():
    said = f"Something is wrong. {'It is so in each of the layers. ' * 20}"
    failure = Failure("onnx-int8", ValueError(said))
    assert failure.line.startswith("onnx-int8: ValueError: Something is wrong.")
    assert failure.line.endswith("[…] (the report has all of it)")
    assert failure.text == said.strip()


def test_the_whole_text_follows_the_causes_and_repeats_nothing():
    tools = _raised(RuntimeError("all\nof it"), RuntimeError("all\nof it"))
    error = _raised(BackendError("LiteRT refuses the model: all of it"), tools)
    assert whole_text(error) == "LiteRT refuses the model: all of it\n\nall\nof it"


def test_debug_shows_it_at_once(caplog):
    with caplog.at_level(logging.DEBUG, "edge_fer_convert"):
        Failure("onnx-int8", _raised(KeyError("scale")))
    (record,) = caplog.records
    assert record.exc_info[0] is KeyError
