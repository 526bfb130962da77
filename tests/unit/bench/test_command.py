from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_fer import profile
from edge_fer.cli import main
from edge_fer.errors import SinkError
from edge_fer_bench import plots, results
from edge_fer_bench.command import bench
from edge_fer_bench.suites import SUITES, Suite

TINY = str(Path(__file__).parents[2] / "golden" / "tiny")


def call(*arguments, code=0):
    done = CliRunner().invoke(main, ["bench", *map(str, arguments)])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def short(monkeypatch):
    suite = Suite("quick", 3, 5, 0.02, 0.3, 1, 1, 0.2, 0.0)
    monkeypatch.setitem(SUITES, "quick", suite)


@pytest.fixture
def two(make, tmp_path):
    """Files of two runs, the second slower in detection."""
    paths = tmp_path / "before.json", tmp_path / "after.json"
    for seed, (path, factor) in enumerate(zip(paths, (1.0, 1.4), strict=True)):
        results.save_run(make.run(make.measurement(seed=seed, detect=factor)), path)
    return paths


@pytest.mark.usefixtures("short")
def test_without_a_command_a_run_is_measured_and_written(tmp_path, shades):
    kept = tmp_path / "run.json"
    text = call("--model", TINY, "--threads", 1, "--data", shades, "--json", kept, "--write-profile")
    run = results.load_run(kept)
    assert {measurement.target for measurement in run.measurements} >= {"litert-int8", "litert-float32"}
    assert "on this device use tiny " in text.splitlines()[-2]
    assert "int8 is " in text.splitlines()[-1]
    written = profile.Profile.load(profile.default_path())
    assert written.target in {measurement.target for measurement in run.measurements}
    done = CliRunner().invoke(main, ["run", "--frames", "3"])
    assert "chosen by this machine's profile" in done.stderr
    assert call("show", kept) == text


@pytest.mark.usefixtures("short")
def test_one_target_alone_can_be_measured(tmp_path):
    text = call("run", "--model", TINY, "--target", "litert-int8", "--threads", 1, "--json", tmp_path / "run.json")
    assert "tiny litert-int8 x1" in text
    assert "litert-float32" not in text


@pytest.mark.usefixtures("short")
def test_a_run_is_written_elsewhere_if_the_disk_is_full(tmp_path, monkeypatch):
    def full(run, path):
        if path.parent == tmp_path / "full":
            raise SinkError(f"{path} cannot be written: No space left on device")
        save(run, path)

    save = results.save_run
    monkeypatch.setattr(results, "save_run", full)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    options = ("--model", TINY, "--target", "litert-int8", "--threads", 1)
    assert "the run was written to" in call(*options, "--json", tmp_path / "full" / "run.json", code=6)
    assert results.load_run(tmp_path / "run.json").measurements


def test_the_help_names_the_defaults_of_a_benchmark():
    text = " ".join(call("run", "--help").split())
    assert "Measure only this target of the bundle, for example litert-int8; by default all." in text
    assert "by default with 1 and with all cores." in text
    assert "by default its first" not in text


def test_runs_are_shown_as_markdown_and_json(two):
    assert call("table", two[0]).startswith("|  | p50 ms |")
    assert json.loads(call("show", two[0], "--json"))["recommended"] == "mine litert-int8 x1"


def test_one_run_or_several_become_a_page(two):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[bench]'")
    one = Path(call("report", two[0]).strip())
    assert one == two[0].with_suffix(".html")
    assert "on this device use" in one.read_text()
    both = Path(call("report", *two).strip())
    assert both.name == "fleet.html"
    assert "2 boards" in both.read_text()
    assert "cannot be written" in call("report", two[0], "--out", two[0] / "x.html", code=6)


def test_a_plot_is_written_for_a_readme(two, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[bench]'")
    out = tmp_path / "plots" / "latencies.svg"
    call("plot", two[0], "latencies", "--out", out)
    first = out.read_bytes()
    assert b"mine litert-int8 x1" in first
    call("plot", two[0], "latencies", "--out", out)
    assert out.read_bytes() == first
    assert list(out.parent.iterdir()) == [out]
    assert "no measurement 'theirs'; pass some of: mine" in call(
        "plot", two[0], "stages", "--cell", "theirs", "--out", out, code=3
    )
    assert "no values for the plot accuracy" in call("plot", two[0], "accuracy", "--out", out, code=3)


def test_the_command_offers_every_plot_of_the_page():
    argument = next(parameter for parameter in bench.commands["plot"].params if parameter.name == "name")
    assert tuple(argument.type.choices) == tuple(plots.PLOTS)


def test_runs_are_compared(two):
    assert "detect explains" in call("compare", *two)
    assert json.loads(call("compare", *two, "--json"))["changes"]


def test_a_regression_has_an_exit_code_of_its_own(two):
    assert "worse than" in call("check", two[1], "--baseline", two[0], code=10)
    assert "is not worse" in call("check", two[0], "--baseline", two[1])
    assert "is not worse" in call("check", two[1], "--baseline", two[0], "--max-slowdown", "1")


def test_the_profile_of_the_board_sets_the_thresholds(two, tmp_path):
    board = tmp_path / "pi.toml"
    board.write_text('model = "mine"\ntarget = "litert-int8"\nthreads = 1\n[check]\nmax_slowdown = 1.0\n')
    assert "is not worse" in call("check", two[1], "--baseline", two[0], "--profile", board)
    call("check", two[1], "--baseline", two[0], "--profile", board, "--max-slowdown", "0.01", code=10)
    default = profile.default_path()
    default.parent.mkdir(parents=True)
    default.write_text(board.read_text())
    assert "is not worse" in call("check", two[1], "--baseline", two[0])


def test_the_schema_is_printed():
    assert json.loads(call("schema"))["title"] == "Run"


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (("--suite", "endless"), "no suite 'endless'; pass one of: quick, full, sustained", 3),
        (("--minutes", "3"), "--minutes is for the sustained suite, and this is quick", 3),
        (("--suite", "sustained", "--minutes", "0.1"), "less than two blocks", 3),
        (("--model", "nothing"), "no bundle at nothing", 4),
        (("--target", "coral-int8"), "has no target 'coral-int8'", 4),
    ],
)
def test_options_that_do_not_fit_are_refused_at_once(arguments, message, code):
    assert message in call(*arguments, code=code)


def test_labels_of_other_classes_are_refused(tmp_path):
    for label in ("calm", "cross"):
        (tmp_path / "faces" / label).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "faces" / label / "1.png"), np.zeros((48, 48), np.uint8))
    message = call("--model", TINY, "--data", tmp_path / "faces", code=3)
    assert "lies in class 'calm'; known classes are dark, medium, bright" in message


def test_faces_without_labels_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((48, 48), np.uint8))
    assert "has no labels; put the images into one folder per class" in call(
        "--model", TINY, "--data", tmp_path, code=3
    )


def test_a_path_without_permission_is_refused_before_measuring(monkeypatch, tmp_path):
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "no permission in" in call("--model", TINY, "--json", tmp_path / "deep" / "run.json", code=3)


def test_a_file_that_is_not_a_run_is_refused(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    assert "is not a run of format version 2" in call("show", tmp_path / "run.json", code=3)


def test_votes_need_the_faces_that_they_are_about(tmp_path):
    stderr = call("run", "--votes", tmp_path / "ferplus.csv", code=3)
    assert "ferplus.csv are about faces; pass those with --data" in stderr
