from __future__ import annotations

import pytest

from edge_fer_bench import table
from edge_fer_bench.accuracy import accuracy_rows, worst_class
from edge_fer_bench.results import Accuracy, VotesAccuracy

NAMES = ("calm", "cross")


def accuracy_of(accuracy, macro_f1, recall, predicted):
    return Accuracy(
        data="x.zip", images=4, accuracy=accuracy, macro_f1=macro_f1, recall=recall, names=NAMES, predicted=predicted
    )


EXACT = accuracy_of(1.0, 1.0, (1.0, 1.0), (0, 0, 1, 1))
ROUGH = accuracy_of(0.75, 0.7333, (1.0, 0.5), (0, 0, 1, 0))


def measurement(make, target, accuracy, **values):
    return make.measurement(target, **values).model_copy(update={"accuracy": accuracy})


def test_each_target_is_compared_with_its_own_float32_once(make):
    run = make.run(
        measurement(make, "litert-float32", EXACT),
        measurement(make, "litert-int8", ROUGH),
        measurement(make, "litert-int8", ROUGH, threads=2),
    )
    exact, rough = accuracy_rows(run)
    assert (exact.drop, exact.against) == (None, "")
    assert rough.against == "litert-float32"
    assert rough.drop == pytest.approx(25)
    assert rough.f1_drop == pytest.approx(26.67)
    assert rough.agreement == 0.75
    assert rough.recall_drops == pytest.approx((0, 50))
    assert worst_class(rough, NAMES) == "cross +50.0"
    text = table.render(run)
    assert "cross +50.0" in text
    assert "points against litert-float32" in text


def test_accuracy_by_votes_has_a_column_where_it_was_measured(make):
    by_votes = VotesAccuracy(
        votes="ferplus.csv", images=3, accuracy_8_classes=2 / 3, accuracy_7_classes=1.0, macro_recall=1.0
    )
    voted = measurement(make, "litert-int8", EXACT.model_copy(update={"by_votes": by_votes}))
    heading, row = table.accuracy_table(make.run(voted))
    assert heading[1] == "FER+ (3)"
    assert row[1:3] == ("66.67%", "100.00%")
    unvoted, _ = table.accuracy_table(make.run(measurement(make, "litert-int8", EXACT)))
    assert "FER+ (3)" not in unvoted


def test_the_float32_target_of_the_same_runtime_is_preferred(make):
    run = make.run(
        measurement(make, "litert-float32", EXACT),
        measurement(make, "onnx-float32", ROUGH),
        measurement(make, "onnx-int8", ROUGH),
    )
    assert {one.name: one.against for one in accuracy_rows(run)}["mine onnx-int8"] == "onnx-float32"


def test_without_float32_there_is_no_drop(make):
    run = make.run(measurement(make, "litert-int8", ROUGH))
    (one,) = accuracy_rows(run)
    assert one.drop is None
    assert worst_class(one, NAMES) == "–"
    assert "points against" not in table.render(run)
    assert accuracy_rows(make.run()) == []
