"""Whether labelled faces are asked about labels and value range, and what follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import GateFailed  # noqa: E402
from edge_fer_convert import Data, quantization  # noqa: E402
from edge_fer_convert.plausibility import check_order  # noqa: E402
from edge_fer_convert.preparation import prepare  # noqa: E402

SWAPPED = (FER2013[1], FER2013[0], *FER2013[2:])


def relabelled(job, labels, evaluated):
    return replace(job, metadata=replace(job.metadata, labels=labels), evaluated=evaluated)


def test_wrong_labels_end_the_conversion_before_the_work(job, evaluation_faces, recorder):
    data = Data(replace(evaluation_faces, labels=np.array([1, 0, 2, 3, 4, 5, 6])[evaluation_faces.labels]), "drawn")
    with pytest.raises(GateFailed, match=f"fit much better with --labels {','.join(SWAPPED)} .*--force-labels to ins"):
        prepare(replace(job, evaluated=data), recorder)
    assert recorder.warnings == []
    prepare(replace(job, evaluated=data, force_labels=True), recorder)
    (warning,) = recorder.warnings
    assert warning.endswith("converted as --force-labels says")


def test_right_labels_under_other_names_are_right(job, evaluation_faces, recorder):
    names = ("anger", "Disgust", "scared", "joy", "sadness", "surprised", "neutral")
    prepare(relabelled(job, names, Data(replace(evaluation_faces, names=names), "drawn")), recorder)
    assert recorder.warnings == []


def test_labelled_calibration_faces_are_asked_too(job, recorder):
    with pytest.raises(GateFailed, match="--labels " + ",".join(FER2013)):
        prepare(relabelled(job, SWAPPED, None), recorder)


def test_faces_of_other_classes_are_not_asked(job, pool, recorder):
    others = replace(pool, names=tuple("abcdefg"))
    prepare(replace(relabelled(job, SWAPPED, None), pool=Data(others, "drawn")), recorder)
    bare = replace(pool, labels=np.full(len(pool), -1))
    prepare(replace(relabelled(job, SWAPPED, None), pool=Data(bare, "drawn")), recorder)


@pytest.mark.parametrize("with_evaluation", [True, False])
def test_a_wrong_range_ends_the_conversion(job, recorder, with_evaluation):
    spec = job.metadata.preprocess.model_copy(update={"low": 0.0, "high": -255.0})
    wrong = replace(job, metadata=replace(job.metadata, preprocess=spec))
    if not with_evaluation:
        wrong = replace(wrong, evaluated=None)
    with pytest.raises(GateFailed, match=r"fit much better with --range (0|-1),1 .mean recall"):
        prepare(wrong, recorder)


def test_all_faces_are_asked_once_more(job, monkeypatch, recorder):
    """Swapped labels that a sample of faces does not show are found in the answers to all of them."""
    asked = []
    monkeypatch.setattr(quantization, "check_order", lambda job, counts, progress: asked.append(counts.sum()))
    quantization.quantize(prepare(replace(job, targets=("litert-float32",)), recorder), recorder)
    assert asked == [210]
    with pytest.raises(GateFailed):
        check_order(job, np.diag([90] * 7)[:, [1, 0, 2, 3, 4, 5, 6]], recorder)
