from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.errors import BadInput, SinkError
from edge_fer.profile import Choice, Profile, choose, default_path

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
        "",
        "model = 3",
        "[",
        'model = "a"\ntarget = "b"\nthreads = 0',
        "model = 'a'\ntarget = 'b'\nthreads = 1\n[check]\nmax_slowdown = -1",
    ],
)
def test_a_file_that_is_no_profile_is_refused(tmp_path, content):
    path = tmp_path / "profile.toml"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"^profile .* cannot be used: .* or remove it$"):
        Profile.load(path)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        Profile(model="a", target="b", threads=1).save(tmp_path / "file" / "profile.toml")


def test_without_a_profile_the_defaults_are_chosen():
    chosen = choose(None, None, None, "default")
    assert chosen == Choice("default", None, 1, from_profile=False)


def test_a_profile_completes_the_users_choice():
    Profile(model="mine", target="openvino-int8", threads=3).save(default_path())
    assert choose(None, None, None, "default") == Choice("mine", "openvino-int8", 3, from_profile=True)
    assert choose("mine", None, 2, "default") == Choice("mine", "openvino-int8", 2, from_profile=True)


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
