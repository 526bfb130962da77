"""The line of each key of a TOML file."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.appliance.config import lines
from edge_fer.appliance.config.lines import line_of, lines_of

TEXT = '''# a comment
source = "0"

[page]
bind = "::1" # [not.a.table]
"port" = 9000
hosts = [
  "a", # ]
  "b",
]
title = """
[mqtt]
host = "not a key"
"""
empty = {}
after = 1

[ "page" . inner ]
key = 1

[[webhook]]
url = "1"
[[webhook]]

url = "2"
more.deep = { x = 1, y = [{ z = 1 }] }
[webhook.table]
in = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("source",), 2),
        (("page",), 4),
        (("page", "bind"), 5),
        (("page", "port"), 6),
        (("page", "hosts"), 7),
        (("page", "hosts", 1), 7),
        (("page", "title"), 11),
        (("page", "empty"), 15),
        (("page", "after"), 16),
        (("page", "inner"), 18),
        (("page", "inner", "key"), 19),
        (("webhook",), 21),
        (("webhook", 0), 21),
        (("webhook", 0, "url"), 22),
        (("webhook", 1), 23),
        (("webhook", 1, "url"), 25),
        (("webhook", 1, "more", "deep", "y", 0, "z"), 26),
        (("webhook", 1, "table", "in"), 28),
    ],
)
def test_each_key_has_its_line(path, line):
    assert tomllib.loads(TEXT)
    assert lines_of(TEXT)[path] == line
    assert lines_of(TEXT.replace("\n", "\r\n"))[path] == line


def test_what_is_not_there_has_the_line_of_the_table_around_it():
    found = lines_of(TEXT)
    assert line_of(("webhook", 1, "secret"), found) == 23
    assert line_of(("mqtt", "host"), found) is None


def test_what_cannot_be_parsed_does_not_move_the_others():
    assert lines_of("a = \nb = [1,\nc = 3\n[d]\ne = 1\n") == {("c",): 3, ("d",): 4, ("d", "e"): 5}


def test_a_value_of_very_many_lines_has_no_line_and_the_next_one_has(monkeypatch):
    text = "a = [\n" + "[1],\n" * 100 + "]\nb = 1\n"
    assert lines_of(text)[("a",)] == 1
    monkeypatch.setattr(lines, "BUDGET", 1000)
    assert lines_of(text)[("b",)] == 103
    assert ("a",) not in lines_of(text)


keys = st.text('ab." é', min_size=1, max_size=3)
values = st.recursive(
    st.integers() | st.text(max_size=5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, max_size=4))
def test_every_key_of_any_file_has_a_line(content):
    import tomli_w

    text = tomli_w.dumps(content, multiline_strings=True)
    found = lines_of(text)
    rows = text.split("\n")
    pending = [((key,), value) for key, value in content.items()]
    while pending:
        path, value = pending.pop()
        assert 1 <= found[path] <= len(rows)
        if isinstance(value, dict):
            pending += [((*path, key), inner) for key, inner in value.items()]


@given(st.text(st.sampled_from("ab=[]{}\"'.,#\n 1\\"), max_size=60))
def test_no_text_crashes_it(text):
    for line in lines_of(text).values():
        assert 1 <= line <= text.count("\n") + 1
