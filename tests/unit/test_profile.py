from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.errors import BadInput, SinkError
from edge_fer.profile import Profile, choose, default_path

WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1)
PROFILE = "model = 'a'\ntarget = 'b'\nthreads = "


@given(WORDS, WORDS, st.integers(1, 64), WORDS)
def test_a_profile_survives_its_file(tmp_path_factory, model, target, threads, measured):
    path = tmp_path_factory.mktemp("profile") / "deep" / "profile.toml"
    profile = Profile(model=model, target=target, threads=threads, measured=measured)
    profile.save(path)
    assert Profile.load(path) == profile
    assert [entry.name for entry in path.parent.iterdir()] == ["profile.toml"]


def test_what_was_written_by_hand_about_checks_is_kept(tmp_path):
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
        "",
        "model = 3",
        "[",
        'model = "a"\ntarget = "b"\nthreads = 0',
        "model = 'a'\ntarget = 'b'\nthreads = 1\n[check]\nmax_slowdown = -1",
    ],
)
def test_what_is_no_profile_is_refused(tmp_path, content):
    path = tmp_path / "profile.toml"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"^profile .* cannot be used: .* or remove it$"):
        Profile.load(path)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        Profile(model="a", target="b", threads=1).save(tmp_path / "file" / "profile.toml")


def test_without_a_profile_the_defaults_are_chosen():
    assert (choose(None, None, None, "cnn-1").model, choose(None, None, None, "cnn-1").threads) == ("cnn-1", 1)
    assert not choose(None, None, None, "cnn-1").from_profile


def test_a_profile_fills_in_what_nobody_asked_for():
    Profile(model="mine", target="openvino-int8", threads=3).save(default_path())
    assert choose(None, None, None, "cnn-1").target == "openvino-int8"
    assert choose("mine", None, 2, "cnn-1").threads == 2
    assert choose("mine", None, 2, "cnn-1").from_profile


@pytest.mark.parametrize("asked", [("other", None), (None, "litert-int8"), ("mine", "litert-int8")])
def test_who_asks_for_something_else_gets_it(asked):
    Profile(model="mine", target="openvino-int8", threads=3).save(default_path())
    chosen = choose(*asked, None, "cnn-1")
    assert not chosen.from_profile
    assert (chosen.model, chosen.target, chosen.threads) == (asked[0] or "cnn-1", asked[1], 1)
