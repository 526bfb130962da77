from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import zoo  # noqa: E402
from edge_fer_convert.training.teacher import Teacher  # noqa: E402

CROPS = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)


@pytest.fixture
def paths(tmp_path):
    found = []
    for side in (32, 64):
        zoo.build("cnn-1", side).save(tmp_path / f"{side}.keras")
        found.append(tmp_path / f"{side}.keras")
    return found


def test_each_model_sees_the_faces_at_its_own_size_and_scores_are_multiplied(paths):
    contract = Preprocess(size_px=96)
    told = Teacher(paths, contract, 7).scores(CROPS)
    expected = np.ones((3, 7))
    for path in paths:
        model = keras.saving.load_model(path, compile=False)
        own = contract.model_copy(update={"size_px": model.input_shape[1]})
        expected *= model.predict(own.to_values(np.stack([own.crop(crop) for crop in CROPS])), verbose=0)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(told, expected, atol=1e-5)


def test_a_teacher_of_other_classes_or_none_is_refused(paths, tmp_path):
    with pytest.raises(BadInput, match="knows 7 classes; the faces have 3"):
        Teacher(paths, Preprocess(), 3)
    with pytest.raises(BadInput, match="is not there"):
        Teacher([tmp_path / "absent.keras"], Preprocess(), 7)
