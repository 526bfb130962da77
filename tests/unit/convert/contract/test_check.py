"""Whether labelled faces are asked about labels and the input's values, and what follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import GateFailed  # noqa: E402
from edge_fer_convert import Data, quantization  # noqa: E402
from edge_fer_convert.contract.check import check_order  # noqa: E402
from edge_fer_convert.preparation import prepare  # noqa: E402

SWAPPED = (FER2013[1], FER2013[0], *FER2013[2:])


def relabelled(job, labels, evaluated):
    return replace(job, metadata=replace(job.metadata, labels=labels), evaluated=evaluated)


def test_wrong_labels_end_the_conversion_before_the_work(job, evaluation_faces, recorder):
    data = Data(replace(evaluation_faces, labels=np.array([1, 0, 2, 3, 4, 5, 6])[evaluation_faces.labels]), "drawn")
    with pytest.raises(
        GateFailed, match=f"fit much better with --labels {','.join(SWAPPED)} .*--force-contract to ins"
    ):
        prepare(replace(job, evaluated=data), recorder)
    assert recorder.warnings == []
    prepare(replace(job, evaluated=data, force_contract=True), recorder)
    (warning,) = recorder.warnings
    assert warning.endswith("converted as --force-contract says")


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
    with pytest.raises(GateFailed, match=r"take other values: the answers fit much better with --range 0,1 .mean rec"):
        prepare(wrong, recorder)


def test_a_wrong_range_and_wrong_labels_are_named_together(job, evaluation_faces, recorder):
    spec = job.metadata.preprocess.model_copy(update={"low": 0.0, "high": -255.0})
    metadata = replace(job.metadata, preprocess=spec, labels=SWAPPED)
    wrong = replace(job, metadata=metadata, evaluated=Data(evaluation_faces, "drawn").under(SWAPPED))
    expected = f"fit much better with --range 0,1 --labels {','.join(FER2013)} "
    with pytest.raises(GateFailed, match=expected):
        prepare(wrong, recorder)


def test_faces_that_are_cut_too_wide_are_told_of(job, evaluation_faces, recorder):
    """No option of the command can mend that, so the conversion goes on."""
    side = evaluation_faces.images.shape[1]
    wider = [np.pad(image, side // 3, mode="edge") for image in evaluation_faces.images]
    prepared = prepare(
        replace(job, evaluated=Data(replace(evaluation_faces, images=np.stack(wider)), "wide")), recorder
    )
    (warning,) = recorder.warnings
    assert "when they are cut 20% tighter on each side" in warning
    assert prepared.contract.search.better is None


def test_what_was_tried_is_kept_for_the_report(job, recorder):
    search = prepare(job, recorder).contract.search
    assert search.better is None
    assert search.given.recall > 0.9
    assert {each.contract.options for each in search.others} >= {"--range 0,255", "--range -1,1", "--equalize"}


def test_all_faces_are_asked_once_more(job, monkeypatch, recorder):
    """Swapped labels that a sample of faces does not show are found in the answers to all of them."""
    asked = []
    monkeypatch.setattr(quantization, "check_order", lambda job, counts, progress: asked.append(counts.sum()))
    quantization.quantize(prepare(replace(job, targets=("litert-float32",)), recorder), recorder)
    assert asked == [210]
    with pytest.raises(GateFailed):
        check_order(job, np.diag([90] * 7)[:, [1, 0, 2, 3, 4, 5, 6]], recorder)
