"""Every fault of a file is told, with its line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.appliance.commands.config import config as command
from edge_fer.appliance.config import Config
from edge_fer.appliance.config.example import example
from edge_fer.appliance.config.faults import find

BAD = """\
source = "rtsp://admin:hidden@camera/live"
max_fpss = 3
threads = "two"
title = "hall"
junk
[page]
bind = "0.0.0.0"
port = 700000
[health]
port = 8737
[[webhook]]
url = "https://a.example"
[[webhook]]
url = "https://user:hidden@b.example/"
kinds = ["alerts"]
[mqtt
host = 1
[gpio]
on = [
  "happy",
[music]
"""


def told(text):
    faults, settings = find(text)
    assert (settings is None) == bool(faults)
    return [(fault.line, fault.key) for fault in faults]


@pytest.mark.parametrize(
    ("row", "hinted"),
    [
        ("source = synthetic", True),
        ("model = /srv/model", True),
        ("[page]\nbind = localhost  # here", True),
        ("print_records = True", False),
        ("max_fps = 3 fps", False),
        ("junk", False),
    ],
)
def test_a_text_without_quotation_marks_is_told_to_have_some(row, hinted):
    ((fault,), _) = find(row)
    assert ("quotation marks" in fault.problem) == hinted


def test_all_faults_of_a_file_are_told_at_once():
    faults, settings = find(BAD)
    assert settings is None
    assert [(fault.line, fault.key) for fault in faults] == [
        (2, "max_fpss"),
        (3, "threads"),
        (4, "title"),
        (5, ""),
        (6, "page"),  # how bind and token go together, which pydantic looks at once the port is right
        (8, "page.port"),
        (9, "health"),
        (14, "webhook[2].url"),
        (15, "webhook[2].kinds[1]"),
        (16, ""),
        (18, "gpio.pin"),
        (18, "gpio.on"),
        (19, ""),
    ]
    words = [fault.problem for fault in faults]
    assert "did you mean max_fps?" in words[0]
    assert words[1] == "'two': it must be a whole number"
    assert "it belongs to [page]" in words[2]
    assert "name a credential in token" in words[4]
    assert "a value begins here and does not end" in words[-1]
    assert "hidden" not in str(faults)
    assert faults[5].meaning.startswith("Port to listen at")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", []),
        ("a = 1\na = 2\nthreads = 0\n", [(1, "a"), (2, ""), (3, "threads")]),
        ('[page]\nport = 1\n[mqtt]\nhost = "b"\n[page]\nbind = "::"\n', [(5, "")]),
        ('title = """\n\n', [(1, "")]),
        ("a = " + "[" * 1000 + "\n", [(None, "")]),
        ("page = 3\nmqtt = []\nwebhook = {}\n", [(1, "page"), (2, "mqtt"), (3, "webhook")]),
        ("[gpio]\npin = 1\non = []\n", [(3, "gpio.on")]),
        ("[music.playlists]\nhappy = 1\n", [(2, "music.playlists.happy")]),
        ('[[webhook]]\nurl = "https://a"\n' * 17, [(1, "webhook")]),
        ("page.port = -1\r\npage.nothing.deep = 1\r\n", [(1, "page.port"), (2, "page.nothing")]),
        ('source = "ftp://user:hidden@camera"\n', [(1, "source")]),
    ],
)
def test_a_fault_has_its_line(text, faults):
    assert told(text) == faults
    assert "hidden" not in str(find(text)[0])


@given(st.text(max_size=200))
def test_no_text_crashes_it(text):
    told(text)


LINES = example().splitlines(keepends=True)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(LINES) - 1),
            st.sampled_from(["", "[", "]", '"""', "x = 1\n", "[page]\n", "[[mqtt]]\n", "\x00", "port = {}\n", "# "]),
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_no_damage_to_a_file_crashes_it(changes, uncommented):
    lines = [line.removeprefix("# ") for line in LINES] if uncommented else list(LINES)
    for number, text in changes:
        lines[number] = text + lines[number]
    faults, settings = find("".join(lines))
    assert (settings is None) == bool(faults)
    assert len(faults) == len(set(faults))


def run(*arguments):
    return CliRunner().invoke(command, arguments)


def test_the_command_tells_each_fault_in_a_line_and_fails(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(BAD)
    result = run("check", str(path))
    assert result.exception.exit_code == 3
    assert str(result.exception) == f"{path} has 13 faults; mend what is told"
    assert f"{path}:8: page.port: 700000: " in result.stdout

    answer = json.loads(run("check", str(path), "--json").stdout)
    assert len(answer["faults"]) == 13
    assert answer["faults"][0] == {
        "line": 2, "key": "max_fpss", "problem": "there is no such key; did you mean max_fps?", "meaning": "",
    }  # fmt: skip


def test_the_command_says_what_good_settings_do_and_what_deserves_a_look(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = tmp_path / "config.toml"
    path.write_text(
        'source = "rtsp://admin:hidden@camera/live"\n[page]\nbind = "0.0.0.0"\ntoken = "page-token-of-nobody"\n'
        f'[mqtt]\nhost = "broker"\ntls = true\nca_file = "{tmp_path / "ca.pem"}"\n'
    )
    result = run("check", str(path))
    assert result.exit_code == 0
    assert "watches rtsp://***@camera/live, the page is at http://0.0.0.0:8737/, tells mqtt" in result.stdout
    for key in ("source", "page.bind", "page.token", "mqtt.ca_file"):
        assert f"{path}: {key}: note: " in result.stdout
    assert "hidden" not in result.stdout


def test_a_file_that_is_missing_is_one_line(tmp_path):
    result = run("check", str(tmp_path / "none.toml"))
    assert result.exception.exit_code == 3
    assert "No such file" in str(result.exception)


def test_help_does_not_import_the_settings():
    code = "import sys, edge_fer.appliance.commands.config; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_example_sets_nothing_but_defaults():
    assert Config.parse(example(), "example") == Config()
    assert run("example").stdout == example()


@pytest.mark.parametrize("text", ['[mqtt]\nhost = "a b"', '[[webhook]]\nurl = "example.org"'])
def test_what_helps_is_not_taken_for_an_address_with_a_password(text):
    ((fault,), _) = find(text)
    assert "***" not in fault.problem


def test_a_fault_of_the_whole_file_is_told_once():
    faults, settings = find('[driving.speed]\ntopic = "t"\n')
    assert settings is None
    (fault,) = faults
    assert "driving.speed needs a broker; add its `host`" in str(fault)


def test_a_fault_of_the_whole_file_comes_after_the_others():
    faults, _ = find('max_fps = 0\n[driving.speed]\ntopic = "t"\n')
    assert sorted(fault.line or 0 for fault in faults) == [0, 1]


@pytest.mark.parametrize("page", ["driving.md", "kiosk.md"])
def test_the_settings_in_the_documentation_are_right(page):
    text = (Path(__file__).parents[4] / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        assert find(block)[0] == [], block
