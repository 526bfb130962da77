"""Inputs that once broke edge-fer hold, and a fault is kept as a small file."""

from __future__ import annotations

import json
import os
import sys

import pytest


@pytest.fixture(scope="module")
def nursery():
    from fuzz.run import Nursery

    opened = Nursery(["bundles", "results"])
    yield opened
    opened.close()


def test_kept_inputs_hold(nursery, tmp_path):
    from fuzz import kept

    archives = list(kept.archives())
    assert archives
    for number, archive in enumerate(archives):
        place = kept.unpacked(archive, tmp_path)
        answer = nursery.ask({"kept": str(place), "folder": str(tmp_path / str(number))})
        assert not answer["generator"]
        assert answer["ended"]
        assert [(one["args"], one["verdict"], one["where"]) for one in answer["ended"] if one["verdict"]] == []


def test_a_fork_of_the_nursery_answers_as_a_process_of_its_own(nursery, base, tmp_path):
    """Here with a bundle that is refused and one that is sound, each by its own exit code."""
    from fuzz.bundles import TINY

    place = tmp_path / "case"
    (place / "input" / "empty").mkdir(parents=True)
    commands = [
        {"args": ["verify", "input/empty"], "allowed": [4], "profile": ""},
        {"args": ["verify", str(TINY), "--json"], "allowed": [0], "profile": ""},
    ]
    (place / "case.json").write_text(json.dumps({"damage": "none", "commands": commands}))
    answer = nursery.ask({"kept": str(place), "folder": str(tmp_path / "run")})
    assert [(one["code"], one["verdict"]) for one in answer["ended"]] == [(4, ""), (0, "")]


def test_a_fault_is_kept_once_with_a_line_that_repeats_it(base, tmp_path):
    from fuzz import kept

    ended = {
        "verdict": "traceback",
        "args": ["verify", "input/x"],
        "where": "a.py:1 f: KeyError",
        "last_line": "KeyError",
    }
    for index in (5, 6):
        kept.keep(
            tmp_path / "kept", {"kind": "results", "seed": 3, "index": index, "damage": "d", "ended": [ended]}, base
        )
    note, archive = sorted((tmp_path / "kept").iterdir(), reverse=True)
    assert note.read_text().startswith("python tests/fuzz/run.py --only results:5 --seed 3\n")
    place = kept.unpacked(archive, tmp_path)
    assert json.loads((place / "case.json").read_text())["commands"]
    assert (place / "input").is_dir()


def test_a_kept_case_holds_links_and_pipes(tmp_path):
    from fuzz import kept

    place = tmp_path / "case"
    place.mkdir()
    os.mkfifo(place / "pipe")
    (place / "loop").symlink_to("loop")
    kept._pack(place, tmp_path / "x.tar.xz")
    again = kept.unpacked(tmp_path / "x.tar.xz", tmp_path)
    assert (again / "pipe").is_fifo()
    assert (again / "loop").readlink().name == "loop"


def test_the_command_line_writes_a_table_and_json(tmp_path, monkeypatch, capsys):
    from fuzz import run

    arguments = ["run.py", "--only", "results:0", "--seed", "1", "--jobs", "1", "--json", str(tmp_path / "out.json")]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr("fuzz.run.PROGRESS_S", 0.5)
    code = run.main()
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["kinds"]["results"]["inputs"] == 1
    assert (code == 1) == bool(written["failures"])
    assert "| results | 1 | 3 |" in capsys.readouterr().out
