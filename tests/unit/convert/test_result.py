from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_fer.evaluation.metrics import accuracy


def test_a_result_is_found_by_the_target_that_was_asked_for(finished):
    conversion, _ = finished
    assert conversion.target("onnx-int8").asked == "onnx-int8"
    with pytest.raises(KeyError, match="coral-int8"):
        conversion.target("coral-int8")


def test_two_results_that_became_one_target_are_one(finished):
    conversion, _ = finished
    asked_first = replace(conversion.target("onnx-int8"), target="onnx-float32")
    asked_second = conversion.target("onnx-float32")
    both = replace(conversion, results=(asked_first, asked_second))
    assert both.distinct_results == (asked_first,)


def test_accuracy_without_near_copies_counts_the_other_images_only(finished, evaluation_faces):
    conversion, _ = finished
    deduplicated = np.arange(len(evaluation_faces)) % 3 == 0
    known = replace(conversion, deduplicated=deduplicated)
    result = known.target("litert-int8")
    predicted = result.chosen.scores.argmax(axis=1)
    evaluation = known.evaluation(result)
    assert evaluation.fresh_images == 70
    assert evaluation.fresh_accuracy == accuracy(predicted[deduplicated], evaluation_faces.labels[deduplicated])
    nothing_left = replace(conversion, deduplicated=np.zeros_like(deduplicated))
    assert nothing_left.evaluation(result).fresh_images == 0
    assert nothing_left.evaluation(result).fresh_accuracy is None
    assert conversion.evaluation(result).fresh_images is None
