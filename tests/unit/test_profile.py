from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer import files
from edge_fer.errors import BadInput, MissingDependency, SinkError
from edge_fer.profile import (
    Budget,
    Choice,
    Profile,
    Schedule,
    Thresholds,
    assume_of_this_machine,
    choose,
    default_path,
    of_board,
    of_this_machine,
    replace_of_this_machine,
)

MEASURED = "chosen by this machine's profile"
SLOW = Schedule(search_every_s=2.0, confirm_every_s=0.8, classify_fps=5.0)
BOARD = Profile(
    model="default", target="litert-int8", threads=2, board="small-board", assumed=True, frame_px=(320, 240),
    schedule=SLOW, budget=Budget(p90_ms=200.0, memory_mb=100, temperature_c=80.0),
)  # fmt: skip
WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1)


@given(WORDS, WORDS, st.integers(1, 64), WORDS)
def test_a_profile_survives_its_file(tmp_path_factory, model, target, threads, measured):
    path = tmp_path_factory.mktemp("profile") / "deep" / "profile.toml"
    profile = Profile(model=model, target=target, threads=threads, measured=measured)
    profile.save(path)
    assert Profile.load(path) == profile
    assert [entry.name for entry in path.parent.iterdir()] == ["profile.toml"]


def test_limits_written_by_hand_are_kept(tmp_path):
    path = tmp_path / "profile.toml"
    path.write_text('model = "a"\ntarget = "b"\nthreads = 1\n\n[check]\nmax_slowdown = 0.25\n')
    profile = Profile.load(path)
    assert (profile.check.max_slowdown, profile.check.max_drop) == (0.25, 0.5)
    profile.save(path)
    assert Profile.load(path) == profile
    assert "max_drop" not in path.read_text()


@pytest.mark.parametrize(
    "content",
    [
        "model = 3",
        "[",
        'model = "a"\ntarget = "b"\nthreads = 0',
        "model = 'a'\ntarget = 'b'\nthreads = 1\n[check]\nmax_slowdown = -1",
        'model = ""\ntarget = "b"\nthreads = 1',
        'model = "a\\u0000b"\ntarget = "b"\nthreads = 1',
        f"model = {'[' * 9000}",
        f"threads = {'9' * 5000}",
        f"# {'x' * 70_000}",
        "model = '\udce9'",
    ],
)
def test_a_file_that_is_no_profile_is_refused(tmp_path, content):
    path = tmp_path / "profile.toml"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(BadInput, match=r"^profile .* cannot be used: .* or remove it$"):
        Profile.load(path)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        Profile(model="a", target="b", threads=1).save(tmp_path / "file" / "profile.toml")


def test_without_a_profile_the_defaults_are_chosen():
    chosen = choose(None, None, None, "default")
    assert chosen == Choice("default", None, 1)


def test_a_profile_completes_the_users_choice():
    Profile(model="mine", target="openvino-int8", threads=3).save(default_path())
    assert choose(None, None, None, "default") == Choice("mine", "openvino-int8", 3, origin=MEASURED)
    assert choose("mine", None, 2, "default") == Choice("mine", "openvino-int8", 2, origin=MEASURED)


@pytest.mark.parametrize(
    ("model", "target", "chosen"),
    [
        ("other", None, Choice("other", None, 1)),
        (None, "litert-int8", Choice("default", "litert-int8", 1)),
        ("mine", "litert-int8", Choice("mine", "litert-int8", 1)),
    ],
)
def test_the_users_choice_overrides_the_profile(model, target, chosen):
    Profile(model="mine", target="openvino-int8", threads=3).save(default_path())
    assert choose(model, target, None, "default") == chosen


def test_the_detector_of_the_profile_counts_with_any_model_and_that_of_the_user_first():
    assert choose(None, None, None, "default").detector == "haar"
    replace_of_this_machine("mine", "litert-int8", 1, "today", "yunet:/models/m.onnx")
    assert of_this_machine().detector == "yunet:/models/m.onnx"
    for model in (None, "mine", "other"):
        assert choose(model, None, None, "default").detector == "yunet:/models/m.onnx"
        assert choose(model, None, None, "default", "haar").detector == "haar"
    replace_of_this_machine("mine", "litert-int8", 1, "today")
    assert of_this_machine().detector is None


def test_a_profile_written_by_hand_needs_no_benchmark():
    path = default_path()
    path.parent.mkdir(parents=True)
    path.write_text('public_key = "ours.pem"\n[check]\nmax_drop = 1.0\n')
    assert of_this_machine().check.max_drop == 1.0
    assert choose(None, None, 2, "default") == Choice("default", None, 2)
    replace_of_this_machine("mine", "litert-int8", 1, "today")
    profile = of_this_machine()
    assert (profile.model, profile.public_key, profile.check.max_drop) == ("mine", "ours.pem", 1.0)


def test_half_a_choice_is_no_profile():
    path = default_path()
    path.parent.mkdir(parents=True)
    path.write_text('model = "mine"\n')
    with pytest.raises(BadInput, match="model, target and threads belong together"):
        of_this_machine()


@pytest.fixture(params=["text", "folder", "pipe", "link to itself"])
def unusable(request):
    """The path of a profile that cannot be used."""
    path = default_path()
    path.parent.mkdir(parents=True)
    make = {
        "text": lambda: path.write_text("no profile"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "link to itself": lambda: path.symlink_to(path),
    }
    make[request.param]()
    return path


def test_an_unusable_profile_is_an_error_only_where_it_would_have_been_used(unusable, caplog):
    with pytest.raises(BadInput, match="cannot be used"):
        choose(None, None, 2, "default")
    assert choose("mine", None, None, "default") == Choice("mine", None, 1)
    assert choose(None, "litert-int8", 3, "default") == Choice("default", "litert-int8", 3)
    assert [record.getMessage().startswith("ignored: profile ") for record in caplog.records] == [True, True]


def test_an_unusable_profile_is_moved_aside_when_a_new_one_is_written(unusable):
    path, moved = replace_of_this_machine("mine", "litert-int8", 1, "today")
    assert path == unusable
    assert Profile.load(path).model == "mine"
    assert moved.name == "profile.toml.unusable"
    assert os.path.lexists(moved)


def test_a_profile_that_may_name_a_key_is_not_replaced():
    path = default_path()
    path.parent.mkdir(parents=True)
    path.write_text('threads = 0\npublic_key = "ours.pem"\n')
    with pytest.raises(BadInput, match="as it may name a public key"):
        replace_of_this_machine("mine", "litert-int8", 1, "today")
    assert [entry.name for entry in path.parent.iterdir()] == ["profile.toml"]


def test_a_new_profile_keeps_the_limits_written_by_hand():
    Profile(model="a", target="b", threads=1, check=Thresholds(max_slowdown=0.25)).save(default_path())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: replace_of_this_machine(f"m{number}", "b", 1, ""), range(8)))
    profile = of_this_machine()
    assert profile.model.startswith("m")
    assert profile.check.max_slowdown == 0.25
    assert [entry.name for entry in default_path().parent.iterdir()] == ["profile.toml"]


def test_a_relative_folder_of_the_configuration_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert default_path() == tmp_path / ".config/edge-fer/profile.toml"


def test_an_account_without_a_home_folder_has_no_profile(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    assert choose(None, None, None, "default") == Choice("default", None, 1)
    with pytest.raises(SinkError, match="set XDG_CONFIG_HOME"):
        replace_of_this_machine("mine", "litert-int8", 1, "today")


def test_a_folder_of_the_configuration_that_may_not_be_read_is_told(monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "lstat", refuse)
    monkeypatch.setattr(files, "open_regular", refuse)
    with pytest.raises(BadInput, match="Permission denied"):
        choose(None, None, None, "default")
    assert choose("mine", None, None, "default") == Choice("mine", None, 1)


@pytest.mark.parametrize("value", ["", "a\0b"])
def test_a_key_that_is_no_path_is_refused(value):
    with pytest.raises(ValueError, match="public_key"):
        Profile(model="a", target="b", threads=2, public_key=value)


@pytest.fixture
def small_board(monkeypatch):
    """The name of a board of which `BOARD` is assumed."""

    class Entry:
        def load(self):
            return {"small-board": BOARD}.__getitem__

    monkeypatch.setattr(metadata, "entry_points", lambda *, group: [Entry()] if group == "edge_fer.boards" else [])
    return "small-board"


def test_what_is_assumed_of_a_board_survives_its_file_and_says_so(tmp_path):
    path = tmp_path / "profile.toml"
    BOARD.save(path)
    assert Profile.load(path) == BOARD
    assert "assumed = true" in path.read_text()
    assert "Nothing of it was measured" in path.read_text()


@pytest.mark.parametrize(
    "content",
    [
        "assumed = true",
        'model = "a"\ntarget = "b"\nthreads = 1\nassumed = true',
        'board = "b"\nassumed = true',
        "frame_px = [640]",
        "frame_px = [0, 480]",
        "frame_px = [640, 99999]",
        "[schedule]\nsearch_every_s = 0",
        "[schedule]\nclassify_fps = inf",
        "[schedule]\nclassify_fps = nan",
        "[schedule]\nsearch_often = true",
        "[budget]\np90_ms = 5.0",
        "[budget]\np90_ms = 0.0\nmemory_mb = 100\ntemperature_c = 80.0",
    ],
)
def test_an_assumption_that_cannot_be_is_refused(tmp_path, content):
    path = tmp_path / "profile.toml"
    path.write_text(content)
    with pytest.raises(BadInput, match="cannot be used"):
        Profile.load(path)


def test_where_nothing_was_measured_the_board_is_begun_from(small_board):
    assumed = Choice(
        "default", "litert-int8", 2, origin="assumed of small-board", frame_px=(320, 240), schedule=SLOW
    )  # fmt: skip
    assert choose(None, None, None, "default", board=small_board) == assumed
    assert choose(None, None, 4, "default", board=small_board).threads == 4
    assert choose(None, None, None, "default") == Choice("default", None, 1)


def test_another_model_keeps_the_frame_size_and_schedule_of_the_board(small_board):
    other = Choice("other", None, 1, frame_px=(320, 240), schedule=SLOW)
    assert choose("other", None, None, "default", board=small_board) == other


def test_what_was_measured_wins_over_the_board(small_board):
    replace_of_this_machine("mine", "onnx-int8", 3, "today")
    best = Choice("mine", "onnx-int8", 3, origin=MEASURED, frame_px=(320, 240), schedule=SLOW)
    assert choose(None, None, None, "default", board=small_board) == best
    assume_of_this_machine(BOARD)
    assert choose(None, None, None, "default") == best
    assert of_this_machine().measured == "today"


def test_what_is_assumed_is_replaced_by_what_is_measured_and_by_another_board():
    default_path().parent.mkdir(parents=True)
    default_path().write_text('public_key = "ours.pem"\n[check]\nmax_drop = 1.0\n')
    assume_of_this_machine(BOARD)
    assume_of_this_machine(BOARD.model_copy(update={"board": "other-board", "threads": 1}))
    profile = of_this_machine()
    assert (profile.board, profile.threads, profile.assumed) == ("other-board", 1, True)
    replace_of_this_machine("mine", "onnx-int8", 3, "today")
    profile = of_this_machine()
    assert (profile.model, profile.threads, profile.assumed, profile.measured) == ("mine", 3, False, "today")
    assert (profile.board, profile.frame_px, profile.schedule) == ("other-board", (320, 240), SLOW)
    assert profile.budget == BOARD.budget
    assert (profile.public_key, profile.check.max_drop) == ("ours.pem", 1.0)


def test_without_boards_a_board_is_no_choice(monkeypatch):
    monkeypatch.setattr(metadata, "entry_points", lambda *, group: [])
    with pytest.raises(MissingDependency, match="knows no boards"):
        of_board("raspberry-pi-4")


def test_boards_are_looked_for_only_when_one_is_named(monkeypatch):
    def refuse(**options):
        raise AssertionError(options)

    monkeypatch.setattr(metadata, "entry_points", refuse)
    BOARD.save(default_path())
    assert choose(None, None, None, "default").origin == "assumed of small-board"
