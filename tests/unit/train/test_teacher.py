from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer import bundle  # noqa: E402
from edge_fer.classifier import Classifier  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import BadBundle, BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_train import recipe, zoo  # noqa: E402
from edge_fer_train.teacher import Teacher  # noqa: E402

CROPS = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)


@pytest.fixture
def paths(tmp_path):
    saved = []
    for side in (32, 64):
        path = tmp_path / f"{side}.keras"
        zoo.build("cnn-1", side).save(path)
        saved.append(path)
    return saved


def test_each_model_sees_the_faces_at_its_own_size_and_scores_are_averaged(paths):
    """By their geometric mean: the product of two would be twice too sure."""
    spec = Preprocess(size_px=96)
    scores = Teacher(paths, spec, FER2013).scores(CROPS)
    expected = np.ones((3, 7))
    for path in paths:
        model = keras.saving.load_model(path, compile=False)
        own = spec.model_copy(update={"size_px": model.input_shape[1]})
        expected *= model.predict(own.to_values(np.stack([own.crop(crop) for crop in CROPS])), verbose=0) ** 0.5
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(scores, expected, atol=1e-5)


def test_a_bundle_teaches_as_its_float_model_does():
    """It answers in int8: scores change a little."""
    crops = bundle.load("compact").golden().inputs
    scores = Teacher([Path("compact")], Preprocess(size_px=48), FER2013).scores(crops)
    expected = Teacher([recipe.WEIGHTS / "compact.keras"], Preprocess(size_px=48), FER2013).scores(crops)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert np.abs(scores - expected).mean() < 0.02


def test_a_teacher_of_other_classes_or_none_is_refused(paths, tmp_path):
    with pytest.raises(BadInput, match="knows 7 classes; the faces have 3"):
        Teacher(paths, Preprocess(), FER2013[:3])
    with pytest.raises(BadInput, match="does not exist"):
        Teacher([tmp_path / "absent.keras"], Preprocess(), FER2013)
    with pytest.raises(BadBundle, match="no bundle at absent"):
        Teacher([Path("absent")], Preprocess(), FER2013)
    others = (*FER2013[:-1], "contempt")
    with pytest.raises(BadInput, match=r"neutral; the faces have .* contempt"):
        Teacher([Path("compact")], Preprocess(), others)


@pytest.fixture
def closed(monkeypatch):
    """The labels of each bundle that is closed."""
    closed = []
    close = Classifier.close

    def watched(classifier):
        closed.append(classifier.labels)
        close(classifier)

    monkeypatch.setattr(Classifier, "close", watched)
    return closed


def test_a_teacher_closes_its_bundles(closed):
    with Teacher([Path("compact")], Preprocess(), FER2013) as teacher:
        assert teacher.scores(CROPS).shape == (3, 7)
        assert closed == []
    assert closed == [FER2013]


def test_bundles_are_closed_when_a_later_teacher_is_refused(closed, tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        Teacher([Path("compact"), tmp_path / "absent.keras"], Preprocess(), FER2013)
    assert closed == [FER2013]


def test_a_bundle_s_scores_come_in_the_order_of_the_faces():
    first, turned = (
        Teacher([Path("compact")], Preprocess(), names).scores(CROPS) for names in (FER2013, FER2013[::-1])
    )
    assert np.array_equal(first, turned[:, ::-1])


def test_a_bundle_that_wants_other_crops_is_refused():
    with pytest.raises(BadInput, match=r"needs equalize = False; the recipe's .* has True"):
        Teacher([Path("compact")], Preprocess(equalize=True), FER2013)
