from __future__ import annotations

import pytest

from edge_fer_bench.recommendation import judge, recommend_target
from edge_fer_bench.results import Golden, Reading

WRONG = Golden(inputs=10, same_label=3, worst=0.9, tolerance=0.01, passed=False)


def test_the_fastest_is_recommended_and_int8_is_worth_it(make):
    run = make.run(make.measurement(classify=0.5), make.measurement("litert-float32", seed=1, classify=3.0))
    best = recommend_target(run)
    assert best.measurement.target == "litert-int8"
    first, second = best.sentences()
    assert first.startswith("on this device use mine litert-int8 with 1 thread: p90 ")
    assert second.startswith("int8 is worth it here: 2.")


def test_int8_may_not_be_worth_it(make):
    run = make.run(make.measurement(classify=2.0), make.measurement("litert-float32", seed=1))
    assert recommend_target(run).measurement.target == "litert-float32"
    assert "int8 is not worth it here: 0." in recommend_target(run).sentences()[1]


def test_int8_is_compared_with_float32_of_its_own_bundle(make):
    best = make.measurement(bundle="better", accuracy=0.67)
    others = [
        make.measurement(accuracy=0.65, seed=1),
        make.measurement("litert-float32", seed=2, classify=3.0, accuracy=0.65),
    ]
    recommended = recommend_target(make.run(best, *others))
    compared = (recommended.int8.bundle, recommended.float32.bundle)
    assert recommended.measurement.bundle == "better"
    assert compared == ("mine", "mine")
    assert recommended.sentences()[1].endswith("the frames a second of float32 (mine)")


def test_int8_may_be_as_fast_as_float32(make):
    run = make.run(make.measurement(wander=0.1), make.measurement("litert-float32", seed=1, wander=0.1))
    assert "no faster and no slower" in recommend_target(run, anyway=True).sentences()[1]


def test_fewer_threads_win_if_more_gain_nothing(make):
    run = make.run(make.measurement(seed=1), make.measurement(threads=4, seed=2, classify=0.98))
    assert recommend_target(run).measurement.threads == 1


def test_wrong_or_less_accurate_targets_are_not_recommended(make):
    fast = make.measurement("onnx-int8", seed=1, classify=0.1, golden=WRONG)
    worse = make.measurement("openvino-int8", seed=2, classify=0.1, accuracy=0.60)
    good = make.measurement(accuracy=0.65)
    best = recommend_target(make.run(fast, worse, good))
    assert best.measurement.target == "litert-int8"
    assert "on x.zip" in best.sentences()[0]


def test_peers_and_failures_are_not_recommended(make):
    peer, failed = (
        make.measurement(kind="peer", classify=0.1),
        make.measurement("onnx-int8", failed="it crashed", free=()),
    )
    assert recommend_target(make.run(peer, failed)) is None


def test_an_interrupted_run_recommends_nothing_whatever_is_asked(make):
    run = make.run(partial=True)
    assert recommend_target(run) is recommend_target(run, anyway=True) is None
    assert judge(run).sentences(anyway=True) == ["nothing is recommended: the run was interrupted"]


@pytest.mark.parametrize(
    ("values", "doubt"),
    [
        ({"readings": (Reading(at_s=1.0, others_cores=0.9),)}, "other programs used 0.90 cores"),
        ({"readings": (Reading(at_s=1.0, throttled=0x1),)}, "voltage"),
    ],
)
def test_an_unstable_run_recommends_only_anyway(make, values, doubt):
    run = make.run(**values)
    assert recommend_target(run) is None
    (sentence,) = judge(run).sentences()
    assert sentence.startswith("nothing is recommended, since the run is unstable: ")
    assert doubt in sentence
    assert "or pass --anyway" in sentence
    assert recommend_target(run, anyway=True).measurement.target == "litert-int8"
    assert judge(run).sentences(anyway=True)[0].startswith("on this device use ")


def test_doubts_about_the_best_count_and_those_about_slower_ones_do_not(make):
    few = make.measurement(count=3)
    assert recommend_target(make.run(few)) is None
    assert "only 120 frames in 3 blocks" in judge(make.run(few)).sentences()[0]
    slower = make.measurement("litert-float32", seed=1, classify=5.0, wander=0.5)
    assert recommend_target(make.run(make.measurement(), slower)).measurement.target == "litert-int8"
