from __future__ import annotations

import pytest

from edge_fer_bench.merit import merits, whose
from edge_fer_bench.results import StatedAccuracy, VotesAccuracy


def stated(accuracy, votes=None, data="FER2013 PublicTest"):
    return StatedAccuracy(
        data=data, images=3589, accuracy=accuracy, votes_images=3199 if votes else 0, votes_accuracy=votes
    )


def shares(*measurements):
    return [merit.share for merit in merits(measurements).values()]


def test_what_was_measured_goes_before_what_a_manifest_says(make):
    both = make.measurement(accuracy=0.5, stated=stated(0.7, 0.9))
    assert shares(both) == [0.5]
    assert merits([both])["mine litert-int8 x1"].where == "on x.zip"
    assert shares(make.measurement(stated=stated(0.7, 0.9))) == [0.9]
    assert shares(make.measurement(stated=stated(0.7))) == [0.7]
    assert shares(make.measurement()) == []


def test_the_votes_of_many_people_go_before_one_label(make):
    measured = make.measurement(accuracy=0.5)
    votes = VotesAccuracy(
        votes="ferplus.csv", images=2, accuracy_8_classes=0.8, accuracy_7_classes=0.9, macro_recall=0.7
    )
    voted = measured.model_copy(update={"accuracy": measured.accuracy.model_copy(update={"by_votes": votes})})
    assert shares(voted) == [0.8]


def test_figures_of_different_sets_are_no_comparison(make):
    first = make.measurement(stated=stated(0.7, 0.9))
    other = make.measurement("onnx-int8", stated=stated(0.6, 0.8, data="my faces"))
    assert merits([first, other]) == {}


def test_an_accuracy_is_told_with_its_interval_and_whose_word_it_is(make):
    known = merits([make.measurement(stated=stated(0.7, 0.87))])
    assert known["mine litert-int8 x1"].text() == "87.00% [85.8, 88.1]"
    assert known["mine litert-int8 x1"].interval() == pytest.approx((0.858, 0.881), abs=1e-3)
    assert whose(known) == "accuracy by FER+ on FER2013 PublicTest, as its manifest says, 3199 faces"
    assert whose({}) == ""
