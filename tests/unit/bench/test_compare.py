from __future__ import annotations

import pytest

from edge_fer.errors import BadInput
from edge_fer.profile import Thresholds
from edge_fer_bench import table
from edge_fer_bench.check import find_regressions
from edge_fer_bench.compare import compare_runs
from edge_fer_bench.results import Accuracy, Block, Golden


def test_nothing_is_found_where_nothing_changed(make):
    changes = [
        compare_runs(make.run(make.measurement(seed=2 * n)), make.run(make.measurement(seed=2 * n + 1))).significant()
        for n in range(20)
    ]
    assert not any(changes)


@pytest.mark.parametrize("stage", ["detect", "classify"])
def test_a_slower_stage_is_found(make, stage):
    comparison = compare_runs(make.run(make.measurement(seed=1)), make.run(make.measurement(seed=2, **{stage: 1.3})))
    stage_change = comparison.most_changed_stage("mine litert-int8 x1")
    assert stage_change.what == stage
    assert stage_change.ratio.low <= 1.3 <= stage_change.ratio.high
    assert {change.what for change in comparison.significant()} == {"frame", stage}
    assert f"{stage} explains" in table.comparison(comparison)


def test_a_small_change_of_a_short_stage_is_not_reported(make):
    changed = make.measurement(seed=2, smooth=1.3)  # 0.03 of 5.4 ms
    comparison = compare_runs(make.run(make.measurement(seed=1)), make.run(changed))
    assert next(change for change in comparison.changes if change.what == "smooth").p < 0.01
    assert not comparison.significant()


def test_a_stage_is_found_that_the_p90_of_the_frame_does_not_show(make):
    comparison = compare_runs(make.run(make.measurement(seed=1)), make.run(make.measurement(seed=2, smooth=3.0)))
    assert {change.what for change in comparison.significant()} == {"smooth"}
    assert comparison.most_changed_stage("mine litert-int8 x1").what == "smooth"
    assert "which the p90 of a frame does not show" in table.comparison(comparison)


def test_a_faster_run_is_found_too(make):
    comparison = compare_runs(make.run(make.measurement(seed=1)), make.run(make.measurement(seed=2, detect=0.7)))
    assert all(change.ratio.value < 1 for change in comparison.significant())
    assert "faster" in table.comparison(comparison)


def test_a_slower_machine_is_reported_as_such(make):
    comparison = compare_runs(
        make.run(make.measurement(yardstick_ms=5.0)), make.run(make.measurement(yardstick_ms=6.0))
    )
    assert comparison.machine == pytest.approx(1.2)
    assert "the machine itself: 1.20x" in table.comparison(comparison)
    assert "nothing differs beyond chance" in table.comparison(comparison)


def test_other_differences_between_the_runs_are_reported(make):
    before = make.run(make.measurement(), make.measurement("onnx-int8"))
    after = make.run(make.measurement(), host={**before.host, "packages": {"numpy": "0.1"}, "governor": "powersave"})
    comparison = compare_runs(before, after)
    assert comparison.lost == ("mine onnx-int8 x1",)
    assert any(warning.startswith("governor: ") for warning in comparison.warnings)
    assert any(warning.startswith("numpy: ") for warning in comparison.warnings)


def test_a_run_like_its_baseline_passes(make):
    assert find_regressions(make.run(make.measurement(seed=1)), make.run(make.measurement(seed=2))) == []


def test_every_way_of_being_worse_is_named(make):
    wrong = Golden(inputs=10, same_label=3, worst=0.9, tolerance=0.01, passed=False)
    before = make.run(make.measurement(accuracy=0.65), make.measurement("onnx-int8"))
    after = make.run(
        make.measurement(seed=1, detect=1.5, accuracy=0.60, peak_memory_mb=(140.0,), golden=wrong), partial=True
    )
    text = "\n".join(find_regressions(before, after))
    for regression in (
        "the run was interrupted", "mine onnx-int8 x1: not measured in this run", "most of it in detect",
        "40 MB more memory", "accuracy is 5.00 points lower", "golden answers differ by 0.9000",
    ):  # fmt: skip
        assert regression in text


def test_a_loss_within_the_thresholds_passes(make):
    before, after = (
        make.run(make.measurement()),
        make.run(make.measurement(seed=1, detect=1.15, peak_memory_mb=(115.0,))),
    )
    assert find_regressions(before, after, Thresholds(max_slowdown=0.05, max_memory_mb=10))
    assert not find_regressions(before, after, Thresholds(max_slowdown=0.2, max_memory_mb=20))


def test_accuracies_on_other_data_are_not_compared(make):
    other = Accuracy(data="y.zip", images=2, accuracy=0.1, macro_f1=0.1, recall=(0.1,), predicted=(0, 0))
    before, after = make.measurement(accuracy=0.65), make.measurement(seed=1).model_copy(update={"accuracy": other})
    assert not find_regressions(make.run(before), make.run(after))


def test_a_stage_below_a_microsecond_and_a_block_of_dropped_frames_have_no_ratio(make):
    """Here the numbers that a fast stage and a slow board leave: zeros, and a block without frames."""
    before = make.measurement(smooth=0.0, paced=make.blocks(count=2))
    after = make.measurement(smooth=0.0, paced=(Block(at_s=0.0, frame_ms=()),))
    changed = {change.what for change in compare_runs(make.run(before), make.run(after)).changes}
    assert changed == {"frame", "detect", "preprocess", "classify", "sinks"}


def test_runs_of_different_scenes_are_not_compared(make):
    easy = make.run(make.measurement())
    scene = {**easy.scene, "kind": "hard"}
    hard = easy.model_copy(update={"scene": scene})
    with pytest.raises(BadInput, match="different scenes, easy and hard; compare runs of one --scene"):
        compare_runs(easy, hard)
    with pytest.raises(BadInput, match="different scenes, hard and easy"):
        find_regressions(hard, easy)
    assert not compare_runs(hard, hard).significant()
    assert "640x480 px, scene hard; a frame" in table.scene_line(hard)
    assert "640x480 px, 1 face in each frame; a frame" in table.scene_line(easy)
