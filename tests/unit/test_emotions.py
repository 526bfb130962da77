from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.emotions import FER2013, WORDS, find, meaning, ordered, spelled


def test_no_word_means_two_classes():
    words = [word for name, others in WORDS.items() for word in (name, *others)]
    assert len(words) == len(set(words))
    assert set(FER2013) <= set(WORDS)
    assert all(meaning(word) == name for name, others in WORDS.items() for word in others)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Anger", "angry"),
        (" SCARED ", "fear"),
        ("Happiness", "happy"),
        ("0_angry", "angry"),
        ("3 - Joy", "happy"),
        ("Überraschung", "surprise"),
        (unicodedata.normalize("NFD", "dégoût"), "disgust"),  # as macOS writes names
        ("Tristeza", "sad"),
        ("neutrality", "neutral"),
        ("Contempt", "contempt"),
    ],
)
def test_a_name_in_any_spelling_means_its_class(name, known):
    assert meaning(name) == spelled(name) == known


@pytest.mark.parametrize("name", ["Bored", "3", "not happy", "angry2", "happysad", "0_bored"])
def test_other_names_stay_as_they_are(name):
    assert spelled(name) == name
    assert meaning(name) not in WORDS


@given(st.text(max_size=20))
def test_any_name_is_found_among_itself(name):
    assert find(name, (name,)) == find(f" {name} ", (name,)) == 0


def test_classes_are_found_by_what_they_mean():
    assert find("joy", ("Anger", "Happiness")) == 1
    assert find("bored", ("Anger", "Bored")) == 1
    assert find("sad", ("Anger", "Bored")) is None


def test_the_order_is_fer2013s_where_it_has_all_classes():
    assert ordered({"sad", "angry"}) == FER2013
    assert ordered({"sad", "bored", "angry"}) == ("angry", "bored", "sad")
