from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_fer import profile
from edge_fer.bundle import shipped
from edge_fer.cli import main
from edge_fer.errors import SinkError
from edge_fer.options import DEFAULT_MODEL
from edge_fer_bench import plots, results
from edge_fer_bench.command import SUITE_NAMES, bench
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
    # So short a run is never steady.
    text = call("--model", TINY, "--threads", 1, "--data", shades, "--json", kept, "--write-profile", "--anyway")
    run = results.load_run(kept)
    assert {measurement.target for measurement in run.measurements} >= {"litert-int8", "litert-float32"}
    assert "on this device use tiny " in text.splitlines()[-2]
    assert "int8 is " in text.splitlines()[-1]
    written = profile.Profile.load(profile.default_path())
    assert written.target in {measurement.target for measurement in run.measurements}
    done = CliRunner().invoke(main, ["run", "--frames", "3"])
    assert "chosen by this machine's profile" in done.stderr
    assert call("show", kept, "--anyway") == text
    assert call("show", kept).splitlines()[-1].startswith("nothing is recommended, since the run is unstable: ")


@pytest.mark.usefixtures("short")
def test_one_target_alone_can_be_measured(tmp_path):
    text = call("run", "--model", TINY, "--target", "litert-int8", "--threads", 1, "--json", tmp_path / "run.json")
    assert "tiny litert-int8 x1" in text
    assert "litert-float32" not in text


@pytest.mark.usefixtures("short")
def test_a_run_is_judged_by_the_budget_of_the_board_or_of_this_machine(monkeypatch):
    options = ("--model", TINY, "--target", "litert-int8", "--threads", 1, "--anyway")
    tight = profile.Profile(board="tight", budget=profile.Budget(p90_ms=1e-6, memory_mb=1, temperature_c=80))
    monkeypatch.setattr(profile, "of_board", {"tight": tight}.__getitem__)
    assert call(*options, "--device", "tight").splitlines()[-1].startswith("the budget of tight is exceeded: p90 ")
    assert "budget" not in call(*options)
    profile.Profile(budget=profile.Budget(p90_ms=1e6, memory_mb=100_000, temperature_c=80)).save(profile.default_path())
    assert call(*options).splitlines()[-1].startswith("the budget is kept: p90 ")
    profile.default_path().write_text("no profile")
    assert "budget" not in call(*options)


def test_an_unknown_board_is_told_before_anything_is_measured():
    assert "'--device': no board profile 'pi'" in call("--device", "pi", code=2)


@pytest.mark.usefixtures("short")
def test_a_run_is_written_elsewhere_if_the_disk_is_full(tmp_path, monkeypatch):
    def full(run, path):
        if path.parent == tmp_path / "full":
            raise SinkError(f"{path} cannot be written: No space left on device")
        save(run, path)

    save = results.save_run
    monkeypatch.setattr(results, "save_run", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    options = ("--model", TINY, "--target", "litert-int8", "--threads", 1)
    assert "the run was written to" in call(*options, "--json", tmp_path / "full" / "run.json", code=6)
    (kept,) = tmp_path.glob("edge-fer-bench-*/run.json")
    assert results.load_run(kept).measurements


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
    assert "On this device use" in one.read_text()
    both = Path(call("report", *two).strip())
    assert both.name == "fleet.html"
    assert "2 boards" in both.read_text()
    assert "is no folder; pass another --out" in call("report", two[0], "--out", two[0] / "x.html", code=3)


def test_a_page_is_not_overwritten_unasked(two):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[bench]'")
    for page, arguments in {"before.html": two[:1], "fleet.html": two}.items():
        path = two[0].with_name(page)
        path.write_text("mine")
        assert f"{page} exists; pass another --out, or --force" in call("report", *arguments, code=3)
        assert path.read_text() == "mine"
        call("report", *arguments, "--force")
        assert path.read_text() != "mine"


def test_boards_whose_files_have_one_name_are_told_apart_by_their_folders(two, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[bench]'")
    paths = []
    for path, board in zip(two, ("pi-4", "pi-5"), strict=True):
        (tmp_path / board).mkdir()
        paths.append(path.rename(tmp_path / board / "run.json"))
    page = Path(call("report", *paths).strip()).read_text()
    assert "pi-4/run" in page
    assert "pi-5/run" in page
    assert "one board would hide the other" in call("report", paths[0], paths[0], "--force", code=3)


@pytest.fixture
def measuring(monkeypatch, make):
    """Makes ``bench run`` end at once: with a given run, or interrupted. Returns what it was asked to measure last."""

    def end(run, interrupted_by=None):
        asked = []

        def measured(self, candidates, command):
            self.interrupted_by = interrupted_by
            asked[:] = candidates
            return run

        monkeypatch.setattr("edge_fer_bench.harness.Harness.run", measured)
        return asked

    return end


def test_an_interrupted_run_recommends_nothing_and_leaves_no_profile(measuring, make, tmp_path):
    measuring(make.run(partial=True), KeyboardInterrupt())
    kept = tmp_path / "run.json"
    arguments = ["bench", "--model", TINY, "--json", str(kept), "--write-profile", "--anyway"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 130
    assert done.stdout.endswith("\nnothing is recommended: the run was interrupted\n")
    assert "run.partial.json" in done.stderr
    assert not profile.default_path().exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial.json"]
    partial = tmp_path / "run.partial.json"
    assert results.load_run(partial).partial
    assert "run.partial.json exists" in call("--model", TINY, "--json", kept, code=3)
    assert "the run was interrupted" in call("show", partial)
    call("check", partial, "--baseline", partial, code=10)
    measuring(make.run(partial=True), KeyboardInterrupt())
    done = CliRunner().invoke(main, ["bench", "--model", TINY])
    assert done.exit_code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial.json"]


def test_an_unstable_run_writes_a_profile_only_anyway(measuring, make, tmp_path):
    disturbed = (results.Reading(at_s=1.0, others_cores=0.9),)
    measuring(make.run(make.measurement(bundle="tiny"), readings=disturbed))
    stderr = call("--model", TINY, "--write-profile", "--json", tmp_path / "run.json", code=1)
    assert "the profile was not written: the run recommends nothing" in stderr
    assert results.load_run(tmp_path / "run.json").measurements  # what was measured is not lost
    assert not profile.default_path().exists()
    assert "on this device use" in call("--model", TINY, "--write-profile", "--anyway")
    assert profile.default_path().exists()


def test_a_file_of_the_users_is_refused_before_anything_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr("edge_fer_bench.harness.Harness.run", None)
    (tmp_path / "run.json").write_text("mine")
    (tmp_path / "other.partial.json.gz").write_text("mine")
    for name in ("run.json", "other.json.gz"):
        assert "exists; pass another --json, or --force" in call("--model", TINY, "--json", tmp_path / name, code=3)
    assert "is no folder" in call("--model", TINY, "--json", tmp_path / "run.json" / "x.json", code=3)
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")
    assert "a link to a file that is not there" in call("--model", TINY, "--json", tmp_path / "link.json", code=6)
    assert "'bogus' is not one of 'litert'" in call("--model", TINY, "--backend", "bogus", code=2)
    assert (tmp_path / "run.json").read_text() == "mine"


def test_a_plot_is_written_for_a_readme(two, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[bench]'")
    out = tmp_path / "plots" / "latencies.svg"
    call("plot", two[0], "latencies", "--out", out)
    first = out.read_bytes()
    assert b"mine litert-int8 x1" in first
    assert "latencies.svg exists; pass another --out" in call("plot", two[0], "stages", "--out", out, code=3)
    call("plot", two[0], "latencies", "--out", out, "--force")
    assert out.read_bytes() == first
    assert list(out.parent.iterdir()) == [out]
    assert "no measurement 'theirs'; pass some of: mine" in call(
        "plot", two[0], "stages", "--cell", "theirs", "--out", tmp_path / "x.svg", code=3
    )
    assert "no values for the plot accuracy" in call("plot", two[0], "accuracy", "--out", tmp_path / "x.svg", code=3)
    assert "let its name end in .svg or .png" in call("plot", two[0], "stages", "--out", tmp_path / "x.gif", code=3)
    picture = tmp_path / "stages.PNG"
    call("plot", two[0], "stages", "--out", picture)
    assert cv2.imread(str(picture)).shape[1] > 1000


def test_the_command_offers_every_plot_of_the_page():
    argument = next(parameter for parameter in bench.commands["plot"].params if parameter.name == "name")
    assert tuple(argument.type.choices) == tuple(plots.PLOTS)


def test_runs_are_compared(two):
    assert "detect explains" in call("compare", *two)
    assert json.loads(call("compare", *two, "--json"))["changes"]


def test_runs_that_have_nothing_in_common_are_no_comparison(two, make, tmp_path):
    other = tmp_path / "other.json"
    results.save_run(make.run(make.measurement("onnx-int8")), other)
    message = call("compare", two[0], other, code=3)
    assert "have no measurement in common" in message
    assert "mine litert-int8 x1" in message
    assert len(message.splitlines()) == 1
    # To a check it is a run that lacks everything.
    assert "worse than" in call("check", other, "--baseline", two[0], code=10)


def test_without_a_model_the_shipped_ones_are_compared(measuring, make):
    asked = measuring(make.run())
    call()
    assert {candidate.bundle for candidate in asked} == set(shipped())
    for candidate in asked:
        assert candidate.stated is not None
        assert candidate.size_bytes > 0
    call("--target", "litert-float32")
    assert {candidate.target for candidate in asked} == {"litert-float32"}
    call("--suite", "sustained")
    assert [candidate.bundle for candidate in asked] == [DEFAULT_MODEL]


def test_a_target_that_no_shipped_model_has_is_told_at_once():
    message = call("--target", "openvino-int4", code=4)
    assert "no target 'openvino-int4'; pass one of: litert-float32, litert-int8" in message


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
        (("--suite", "endless"), "'--suite': 'endless' is not one of 'quick', 'full', 'sustained'", 2),
        (("--minutes", "3"), "--minutes is for the sustained suite, and this is quick", 2),
        (("--suite", "sustained", "--minutes", "0.1"), "less than two blocks", 2),
        (("--scene", "harder"), "'--scene': 'harder' is not one of 'easy', 'hard'", 2),
        (("--scene", "hard", "--faces", "2"), "--faces 2 is for the scene easy", 2),
        (("--model", "nothing"), "no bundle at nothing", 4),
        (("--target", "coral-int8"), "no target 'coral-int8'", 4),
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
    stderr = call("run", "--votes", tmp_path / "ferplus.csv", code=2)
    assert "ferplus.csv are about faces; pass those with --data" in stderr


def test_the_help_of_the_group_has_the_options_of_a_measurement():
    text = call("--help")
    for option in bench.commands["run"].params:
        assert f"  {option.opts[0]}" in text, option.name
    assert text.index("Options of a measurement:") < text.index("--suite") < text.index("Commands:")


def test_the_names_of_suites_are_all_of_them():
    assert set(SUITE_NAMES) == SUITES.keys()
