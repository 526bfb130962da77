from __future__ import annotations

import json

import pytest

from edge_fer_bench import models, table
from edge_fer_bench.results import Golden, StatedAccuracy

WRONG = Golden(inputs=10, same_label=3, worst=0.9, tolerance=0.01, passed=False)


@pytest.fixture
def three(make):
    """A run of three bundles, the second in two measurements, the third wrong."""

    def measurement(bundle, **values):
        return make.measurement(bundle=bundle, name=f"{bundle} litert-int8 x1", size_bytes=500_000, **values)

    def stated(share):
        return StatedAccuracy(data="FER2013 PublicTest", images=3589, accuracy=share)

    slow = measurement("accurate", seed=1, classify=3.0, stated=stated(0.70))
    return make.run(
        measurement("fast", stated=stated(0.60)),
        slow,
        slow.model_copy(update={"name": "accurate litert-int8 x2", "free": make.blocks(2, classify=9.0)}),
        measurement("wrong", seed=3, classify=0.1, golden=WRONG),
    )


def test_each_model_costs_time_and_wins_accuracy(three):
    fast, accurate = models.compare_models(three)
    assert (fast.name, fast.time, fast.points) == ("fast litert-int8 x1", None, None)
    assert accurate.name == "accurate litert-int8 x1"
    assert accurate.time.low > 1.5
    assert accurate.points == pytest.approx(10)
    assert accurate.cells()[-2:] == ("70.00% [68.5, 71.5]", "+10.00")


def test_the_text_and_its_json_show_the_models(three):
    text = table.render(three)
    assert "what each model costs and wins" in text
    assert "accuracy on FER2013 PublicTest, as its manifest says, 3589 faces" in text
    compared = json.loads(json.dumps(table.figures(three)))["models"]
    assert [figures["name"] for figures in compared] == ["fast litert-int8 x1", "accurate litert-int8 x1"]
    assert compared[1]["merit"]["share"] == 0.7


def test_one_model_is_compared_with_none(make):
    assert models.compare_models(make.run()) == models.table([]) == []
    assert "costs and wins" not in table.render(make.run())


def test_the_text_says_what_its_words_mean(make):
    lines = table.render(make.run()).splitlines()
    for word in ("x1", "golden", "MB", "p90"):
        assert sum(line.startswith(f"{word}: ") for line in lines) == 1


def test_a_more_accurate_model_is_recommended_although_it_is_slower(three):
    assert table.figures(three)["recommended"] == "accurate litert-int8 x1"
    assert "70.00% [68.5, 71.5] on FER2013 PublicTest, as its manifest says" in table.render(three)
