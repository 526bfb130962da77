from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.errors import one_line
from edge_fer.text import counted, percent, printable


@pytest.mark.parametrize(("share", "text"), [(0.70917, "70.92%"), (1, "100.00%"), (0, "0.00%"), (None, "–")])
def test_a_share_is_printed_with_two_decimals(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Frøken Ærlig 顔.jpg", "Frøken Ærlig 顔.jpg"),
        ("می\u200cخواهم 👩\u200d👧", "می\u200cخواهم 👩\u200d👧"),
        ("\x1b[2Jred\x07\x9b31m", r"\x1b[2Jred\x07\x9b31m"),
        ("one\ntwo\rthree\u2028four\x85five", r"one\ntwo\rthree\u2028four\x85five"),
        ("invoice\u202egpj.exe\u2066\ufeff", r"invoice\u202egpj.exe\u2066\ufeff"),
        ("f\udce9liz.jpg", "f\ufffdliz.jpg"),
    ],
)
def test_foreign_text_is_shown_and_not_obeyed(text, shown):
    assert printable(text) == shown


def test_newlines_of_several_lines_are_kept():
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(st.text())
def test_what_is_printable_can_be_written_and_holds_no_control(text):
    shown = printable(text)
    shown.encode()
    assert printable(shown) == shown
    assert len(shown.splitlines()) <= 1
    assert not set(shown) & {chr(code) for code in (*range(32), 0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F))}


def test_an_error_of_a_library_becomes_one_harmless_line():
    assert one_line(ValueError("two\nlines \x1b]0;title\x07")) == r"two lines \x1b]0;title\x07"


@pytest.mark.parametrize(("count", "words"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames")])
def test_a_noun_fits_its_number(count, words):
    assert counted(count, "frame") == words
    assert counted(count, "person", "people").endswith("person" if count == 1 else "people")
