from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from edge_fer.appliance.commands import events as module
from edge_fer.appliance.event import Event, Kind
from edge_fer.cli import main

#: Runs `edge-fer events` with the arguments that follow. What a shell starts in its background has SIGINT ignored.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from edge_fer.appliance.commands.events import events
from edge_fer.cli import main
main.add_command(events, "events")
main()
"""


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setitem(main.commands, "events", module.events)

    def run_(*arguments):
        return CliRunner().invoke(main, ["events", *map(str, arguments)])

    return run_


@pytest.fixture
def filled(open_store, path):
    """A database with a face that came two days ago and went now, and a fault an hour ago."""
    now = datetime.now(UTC)
    store = open_store()
    store.append_many(
        [
            Event(now - timedelta(days=2), Kind.FACE, "track 1", None, "happy"),
            Event(now - timedelta(hours=1), Kind.HEALTH, "mqtt", "works", "fails", {"fault": "no route"}),
            Event(now - timedelta(minutes=1), Kind.FACE, "track 1", "happy", None, {"stayed_s": 3.0}),
        ]
    )
    return store


def test_a_table_for_people(run, filled, path):
    result = run("--db", path)
    assert result.exit_code == 0
    assert [line.split(maxsplit=3)[2:] for line in result.stdout.splitlines()] == [
        ["face", "track 1       came, happy"],
        ["health", "mqtt          works → fails  (fault: no route)"],
        ["face", "track 1       went after 3.0 s"],
    ]
    assert result.stderr == ""


def test_json_and_csv_hold_the_same(run, filled, path):
    lines = [json.loads(line) for line in run("--db", path, "--json").stdout.splitlines()]
    rows = list(csv.DictReader(io.StringIO(run("--db", path, "--csv").stdout, newline="")))
    assert [line["id"] for line in lines] == [1, 2, 3]
    assert [int(row["id"]) for row in rows] == [1, 2, 3]
    assert [row["time"] for row in rows] == [line["time"] for line in lines]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (("--since", "2h"), [2, 3]),
        (("--until", "2h"), [1]),
        (("--since", "7d", "--until", "5m", "--kind", "health"), [2]),
        (("--kind", "face", "--kind", "alert"), [1, 3]),
        (("--limit", "2"), [2, 3]),
        (("--limit", "1", "--kind", "health"), [2]),
        (("--since", "1s"), []),
    ],
)
def test_only_what_is_wanted(run, filled, path, arguments, ids):
    result = run("--db", path, "--json", *arguments)
    assert result.exit_code == 0
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ids
    assert ("there is no such event" in result.stderr) == (ids == [])


def test_a_terminal_is_shown_the_newest_and_told_of_the_others(run, open_store, event, path):
    open_store().append_many(event(number) for number in range(60))
    result = run("--db", path)
    assert len(result.stdout.splitlines()) == 50
    assert "track 59" in result.stdout
    assert "these are the newest 50" in result.stderr
    assert len(run("--db", path, "--json").stdout.splitlines()) == 60


def test_parquet_is_written_once(run, filled, path, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install 'edge-fer[parquet]'")
    out = tmp_path / "out.parquet"
    result = run("--db", path, "--parquet", out, "--kind", "face")
    assert result.exit_code == 0
    assert "has 2 events" in result.stderr
    assert parquet.read_table(out).num_rows == 2
    assert run("--db", path, "--parquet", out).exit_code == 3
    assert run("--db", path, "--parquet", out, "--force").exit_code == 0
    assert parquet.read_table(out).num_rows == 3


def test_without_pyarrow_one_line_says_what_to_install(run, filled, path, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("--db", path, "--parquet", tmp_path / "out.parquet")
    assert result.exit_code == 8
    assert "Parquet needs pyarrow: pip install 'edge-fer[parquet]'" in result.stderr
    assert not (tmp_path / "out.parquet").exists()


def test_the_settings_name_the_database(run, filled, path, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(f'[events]\npath = "{path}"\n')
    assert len(run("--config", config).stdout.splitlines()) == 3
    result = run("--config", config, "--db", path)
    assert result.exit_code == 2
    assert "pass one of them" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--db", "nowhere.db"), 3, "there are no events at"),
        (("--db", "nowhere.db", "--since", "soon"), 2, "'--since': soon is no time"),
        (("--db", "nowhere.db", "--since", "1h", "--until", "2h"), 2, "is not before"),
        (("--db", "nowhere.db", "--follow", "--until", "1h"), 2, "--follow does not end"),
        (("--db", "nowhere.db", "--csv", "--parquet", "x.parquet"), 2, "two formats"),
        (("--config", "nowhere.toml"), 3, "nowhere.toml cannot be used"),
        (("--kind", "gossip"), 2, "gossip"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(run, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_newer_format_is_refused(run, filled, path):
    filled._opened().execute("PRAGMA user_version = 9")
    result = run("--db", path)
    assert result.exit_code == 3
    assert "written by a newer edge-fer (format 9)" in result.stderr


def test_following_prints_what_comes_until_it_is_stopped(filled, event, path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", COMMAND, "events", "--db", str(path), "--follow", "--json", "--limit", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert json.loads(process.stdout.readline())["id"] == 3
        # A wrong clock is no reason to leave it out.
        filled.append(event(time=datetime(1999, 1, 1, tzinfo=UTC), subject="track 7"))
        assert json.loads(process.stdout.readline())["subject"] == "track 7"
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()  # else, leaving the context would wait for ever
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_the_command_imports_nothing_heavy():
    code = (
        "import sys; import edge_fer.appliance.commands.events; "
        "print([name for name in ('numpy', 'cv2', 'pydantic', 'pyarrow', 'sqlite3') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout == "[]\n"


def test_help_has_examples(run):
    text = run("--help").output
    assert "edge-fer events --since 2h" in text
