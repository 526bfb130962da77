from __future__ import annotations

import numpy as np
import pytest

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.answers import AnswerTable

PATHS = ("happy/1.png", "sad/2.png")
EXPECTED = np.array([[0.1, 0, 0, 0.9, 0, 0, 0], [0, 0, 0, 0.2, 0.8, 0, 0]])
OTHER_NAMES = ("anger", "Disgust", "scared", "joy", "sadness", "Surprised", "neutral")


@pytest.fixture
def table(tmp_path):
    """Reads a csv of the given lines; lists are rows of cells."""

    def read(*lines, separator=","):
        path = tmp_path / "service.csv"
        rows = [line if isinstance(line, str) else separator.join(map(str, line)) for line in lines]
        path.write_text("\n".join(rows) + "\n")
        return AnswerTable(path)

    return read


def scores(table):
    return table.scores(PATHS, FER2013, "original")


@pytest.mark.parametrize("names", [FER2013, OTHER_NAMES])
@pytest.mark.parametrize("factor", [1, 100])
def test_scores_come_in_shares_or_percent_and_under_any_names(table, names, factor):
    rows = [[path, *(factor * row)] for path, row in zip(PATHS, EXPECTED, strict=True)]
    assert np.allclose(scores(table(["Path", *names], *rows)), EXPECTED)


def test_a_spreadsheet_with_decimal_commas_is_read(table):
    rows = [[path, *(str(share).replace(".", ",") for share in row)] for path, row in zip(PATHS, EXPECTED, strict=True)]
    assert np.allclose(scores(table(["path", *FER2013], *rows, separator=";")), EXPECTED)


def test_percent_signs_are_read(table):
    rows = [[path, *(f"{100 * share:g}%" for share in row)] for path, row in zip(PATHS, EXPECTED, strict=True)]
    assert np.allclose(scores(table(["path", *FER2013], *rows)), EXPECTED)


def test_labels_are_read_under_any_names(table):
    assert scores(table("path,label", "happy/1.png, Joy", "sad/2.png,SADNESS")).argmax(axis=1).tolist() == [3, 4]


def test_contempt_is_part_of_the_sum_and_otherwise_passed_over(table):
    rows = [[path, 0.5, *(0.5 * row), 17] for path, row in zip(PATHS, EXPECTED, strict=True)]
    assert np.allclose(scores(table(["path", "contempt", *FER2013, "age"], *rows)), EXPECTED / 2)


GOOD = ",0,0,0,0,1,0,0"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["happy/1.png,0,0,0,nan,0,0,0", "sad/2.png" + GOOD], "line 2: the scores 0, 0, 0, nan, .* hold NaN"),
        (["happy/1.png" + GOOD, "sad/2.png,0,0,0,inf,0,0,0"], "line 3: the scores .* hold NaN or infinity"),
        (["happy/1.png,0,0,0,2,-1,0,0", "sad/2.png" + GOOD], "line 2: the scores .* hold a negative number"),
        (["happy/1.png,3,4,1,9,5,2,2", "sad/2.png" + GOOD], "line 2: the scores sum to 26; they should sum to 1"),
        (["happy/1.png,0,0,0,100,0,0,0", "sad/2.png" + GOOD], "line 2: the scores sum to 100; "),
        (["happy/1.png,0,0,0,0,0,0,0", "sad/2.png" + GOOD], "line 2: the scores .* are all 0"),
        (["happy/1.png,0,0,0,,1,0,0", "sad/2.png" + GOOD], "line 2: .* are not numbers: happy is ''"),
        (["happy/1.png,0,91,0,0", "sad/2.png" + GOOD], "line 2: .* are not numbers: sad is ''"),
        (["happy/1.png,0,0,0,91,0,0,0,09", "sad/2.png" + GOOD], "line 2: 9 cells for 8 columns"),
        (["happy/1.png" + GOOD], r"has no row for sad/2.png \(original\), only 1 others, 'happy/1.png' for example"),
    ],
)
def test_scores_that_mean_nothing_are_refused_by_their_line(table, lines, message):
    with pytest.raises(BadInput, match=message):
        scores(table("path," + ",".join(FER2013), *lines))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,angry,happy,sad", "has scores of angry, happy, sad, but none of disgust, fear, surprise, neutral; add"),
        ("path,angry,anger,label", "has the columns angry and anger for one class; remove one"),
        ("path,score", "line 2, has no label for happy/1.png"),
    ],
)
def test_columns_that_mean_nothing_are_refused(table, header, message):
    with pytest.raises(BadInput, match=message):
        scores(table(header, *(path + ",1,0,0"[: 2 * header.count(",")] for path in PATHS)))


@pytest.mark.parametrize(
    "paths",
    [
        ("/home/me/faces/happy/1.png", "/home/me/faces/sad/2.png"),
        ("C:\\faces\\happy\\1.png", "C:\\faces\\sad\\2.png"),
        ("./happy/1.png", "./sad/2.png"),
        ("Happy/1.PNG", "SAD/2.png"),
    ],
)
def test_paths_are_recognised_however_they_are_written(table, paths):
    answers = table("path,label", f"{paths[0]},happy", f"{paths[1]},sad", "else/3.png,nonsense")
    assert scores(answers).argmax(axis=1).tolist() == [3, 4]


def test_paths_that_differ_in_capitals_only_are_told_apart(table):
    answers = table("path,label", "a/1.png,happy", "A/1.png,sad")
    assert answers.scores(("A/1.png", "a/1.png"), FER2013, "original").argmax(axis=1).tolist() == [4, 3]


def test_a_second_answer_must_be_the_same(table):
    rows = ["happy/1.png,happy", "sad/2.png,sad"]
    assert len(scores(table("path,label", *rows, "./happy/1.png,happy"))) == 2
    with pytest.raises(BadInput, match=r"line 4: another answer for happy/1\.png than in line 2; remove one of them"):
        scores(table("path,label", *rows, "x/happy/1.png,sad"))


def test_an_unknown_condition_is_refused_by_its_line(table):
    assert table("path,label,condition", "a,happy,Original", "a,sad,blur-1").conditions == {"original", "blur-1"}
    with pytest.raises(BadInput, match="line 2: no condition 'orignal'; there are: original, resolution-48"):
        table("path,label,condition", "a,happy,orignal")


@pytest.mark.parametrize(
    ("column", "cells"),
    [("prediction", ("sad", "sad")), ("dominant_emotion", ("", "angry")), ("prob_angry", ("0.5", "0.25"))],
)
def test_a_label_beside_other_answers_is_refused(table, column, cells):
    rows = [[path, label, cell] for path, label, cell in zip(PATHS, ("happy", "sad"), cells, strict=True)]
    with pytest.raises(BadInput, match=f"has label and '{column}', and both may be the answers"):
        scores(table(["path", "label", column], *rows))


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("emotion", ("Joy", "sadness")),
        ("truth", ("sad", "sad")),
        ("confidence", ("0.5", "0.5")),
        ("person", ("A", "B")),
    ],
)
def test_a_label_beside_what_is_no_answer_is_read(table, column, cells):
    rows = [[path, label, cell] for path, label, cell in zip(PATHS, ("happy", "sad"), cells, strict=True)]
    assert scores(table(["path", "label", column], *rows)).argmax(axis=1).tolist() == [3, 4]
