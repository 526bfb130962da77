from __future__ import annotations

from edge_fer.evaluation.glossary import ALIASES, MEANINGS, Glossary, meaning


def test_every_meaning_is_a_sentence_and_every_alias_has_one():
    for word, text in MEANINGS.items():
        assert text.endswith("."), word
    assert set(ALIASES.values()) <= set(MEANINGS)


def test_a_page_lists_each_word_that_it_used_once_and_under_one_name():
    glossary = Glossary()
    assert glossary.explain("p90 ms") == ("p90", MEANINGS["p90"])
    glossary.explain("golden")
    glossary.explain("p90")
    assert glossary.explain("machine") is None
    assert glossary.used == {"p90": MEANINGS["p90"], "golden": MEANINGS["golden"]}
    assert meaning("memory MB") == MEANINGS["MB"]
