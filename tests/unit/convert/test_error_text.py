from __future__ import annotations

from edge_fer_convert.error_text import LONGEST, one_line


def test_a_message_of_several_lines_becomes_one():
    assert one_line(ValueError("no kernel\n  for  CONV_2D\n")) == "no kernel for CONV_2D"


def test_a_long_message_is_cut():
    assert one_line(ValueError("x" * 10_000)) == "x" * LONGEST
