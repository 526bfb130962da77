from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[convert]'")

from edge_fer.labelled import load_faces  # noqa: E402
from edge_fer_convert import recipe  # noqa: E402
from edge_fer_convert.training import run as train  # noqa: E402
from edge_fer_convert.training import soft_labels  # noqa: E402
from edge_fer_convert.training.batches import Batches  # noqa: E402
from edge_fer_convert.training.changed import Changed  # noqa: E402


def test_judging_leaves_the_weights_as_they_were(drawn_zip, tmp_path):
    faces = load_faces(drawn_zip)
    chosen = recipe.load("cnn-1").with_epochs(1)
    stage = chosen.training.stages[0]
    run = train.Run(chosen, tmp_path, faces, soft_labels.hard(faces), faces, lambda _: None)
    model = train.build(chosen, stage.size_px, 7, train.fastest_data_format())
    model.compile(run._optimizer(stage), "categorical_crossentropy")
    batches = Batches(Changed(faces, run.targets, chosen, stage, 0))
    model.fit(batches, verbose=0)
    before = [np.array(weight) for weight in model.get_weights()]
    run._judge(model, batches, faces.crops(chosen.preprocess.at(stage.size_px)))
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    kept = keras.saving.load_model(tmp_path / "best.keras", compile=False)
    assert any(not np.array_equal(old, new) for old, new in zip(before, kept.get_weights(), strict=True))


def test_a_compiling_backend_trains_from_a_teacher_and_is_gone_on_with(on_jax, drawn_zip, tmp_path):
    """JAX gives the arrays of a step away: what is kept of an epoch must not be among them."""
    printed = on_jax(f"""
from pathlib import Path
import keras
from edge_fer.labelled import load_faces
from edge_fer_convert import recipe, zoo
from edge_fer_convert.training import run, soft_labels
from edge_fer_convert.training.teacher import Teacher

folder = Path({str(tmp_path)!r})
zoo.build("sequential", 48).save(folder / "teacher.keras")
faces, shipped = load_faces({str(drawn_zip)!r}), recipe.load("cnn-1")
for epochs in (2, 3):
    stages = (shipped.trained.stages[0].model_copy(update={{"epochs": epochs}}),)
    training = shipped.trained.model_copy(update={{"batch_size": 16, "stages": stages}})
    chosen = shipped.model_copy(update={{"training": training}})
    teacher = Teacher([folder / "teacher.keras"], chosen.preprocess, faces.names)
    made = run.Run(chosen, folder, faces, soft_labels.hard(faces), faces, lambda _: None, teacher, processes=1)
    made.execute()
print(keras.backend.backend(), len(made.history))
""")
    assert printed.split() == ["jax", "3"]
    assert keras.saving.load_model(tmp_path / "best.keras", compile=False).input_shape == (None, 48, 48, 1)
