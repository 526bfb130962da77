from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.evaluation.labelled import load_faces  # noqa: E402
from edge_fer.progress import ProgressListener  # noqa: E402
from edge_fer_train import recipe, soft_labels  # noqa: E402
from edge_fer_train.run import TrainingRun  # noqa: E402
from edge_fer_train.validation import weights_of  # noqa: E402
from edge_fer_train.zoo import fused  # noqa: E402

pytestmark = pytest.mark.usefixtures("narrow")


class RecordingListener(ProgressListener):
    """Keeps the lines that a user would read, and the shares of each step."""

    def __init__(self):
        self.lines = []
        self.steps = {}

    def step(self, message, share=0.0):
        self.steps.setdefault(message, []).append(share)

    def tell(self, message):
        self.lines.append(message)


class Interrupting(RecordingListener):
    """Interrupts a run after its first epoch."""

    def tell(self, message):
        super().tell(message)
        if message.startswith("epoch 1"):
            raise KeyboardInterrupt


def trained(drawn_zip, folder, epochs: int, monkeypatch, overwrite: bool = False) -> tuple[TrainingRun, list, list]:
    """A run of *epochs* of a few steps; the weights before each epoch, and after its last step."""
    faces, shipped = load_faces(drawn_zip), recipe.load("cnn-1")
    stages = (shipped.trained.stages[0].model_copy(update={"epochs": epochs}),)
    changes = {"batch_size": 8, "stages": stages, "ema_overwrite": overwrite}
    training = shipped.trained.model_copy(update=changes)
    run = TrainingRun(
        shipped.model_copy(update={"training": training}),
        folder,
        faces,
        soft_labels.hard(faces),
        faces,
        ProgressListener(),
    )
    began, ended = [], []

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            began.append(weights_of(self.model))

        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                ended.append(weights_of(self.model))

    fit = keras.Model.fit

    def watched(*given, callbacks, **named):
        return fit(*given, callbacks=[*callbacks, Watch()], **named)

    monkeypatch.setattr(keras.Model, "fit", watched)
    run.execute()
    return run, began, ended


def test_an_epoch_begins_where_the_last_step_of_the_one_before_ended(drawn_zip, tmp_path, monkeypatch):
    """And not with the averaged weights, which are validated between the two, nor with their statistics."""
    run, began, ended = trained(drawn_zip, tmp_path, 3, monkeypatch)
    assert len(began) == len(ended) == len(run.history) == 3
    for before, after in zip(ended, began[1:], strict=False):
        assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    last = keras.saving.load_model(tmp_path / "last.keras")
    assert all(np.array_equal(old, new) for old, new in zip(ended[-1], last.get_weights(), strict=True))


def test_an_epoch_may_begin_with_the_averages_of_the_one_before(drawn_zip, tmp_path, monkeypatch):
    """They are close to what the epoch before began with, since they follow its few steps slowly."""
    _, (first, second), (ended, _) = trained(drawn_zip, tmp_path, 2, monkeypatch, overwrite=True)
    last = keras.saving.load_model(tmp_path / "last.keras")
    assert not np.array_equal(last.get_weights()[0], second[0])  # it was trained on
    far, near = (np.abs(now[0] - first[0]).mean() for now in (ended, second))
    assert 0 < near < far / 10


def test_the_averaged_weights_are_what_is_kept(drawn_zip, tmp_path, monkeypatch):
    """They have gone less far than the trained ones, from where both began."""
    _, (began, *_), (ended, *_) = trained(drawn_zip, tmp_path, 1, monkeypatch)
    kept = keras.saving.load_model(tmp_path / "best.keras", compile=False)
    far = [np.abs(now - then).mean() for now, then in zip(ended, began, strict=True)]
    near = [np.abs(now - then).mean() for now, then in zip(kept.get_weights(), began, strict=True)]
    assert 0 < near[0] < far[0] / 10


@pytest.fixture
def joined(drawn_zip, tmp_path) -> TrainingRun:
    """A run of a product in which each network has a loss of its own."""
    faces, shipped = load_faces(drawn_zip), recipe.load("fused-product")
    stages = (shipped.trained.stages[0].model_copy(update={"epochs": 2, "size_px": 32}),)
    changes = {"batch_size": 14, "stages": stages, "auxiliary_loss": 0.3, "teaching": None, "dropout": 0.0}
    training = shipped.trained.model_copy(update=changes)
    chosen = shipped.model_copy(update={"training": training})
    return TrainingRun(chosen, tmp_path / "run", faces, soft_labels.hard(faces), faces, ProgressListener())


def test_the_loss_of_each_network_counts_beside_that_of_the_joined_scores(joined):
    model = joined.network(joined.recipe.trained.stages[0])
    values = np.random.default_rng(0).random((4, 32, 32, 1)).astype(np.float32)
    labels = joined.soft_labels[:4]
    together, *alone = (-np.log((scores * labels).sum(axis=1)).mean() for scores in model.predict(values, verbose=0))
    figures = model.evaluate(values, [labels] * 3, verbose=0, return_dict=True)
    assert figures["loss"] == pytest.approx(together + 0.3 * sum(alone), rel=1e-4)


def test_a_run_in_which_each_network_has_a_loss_reports_each_and_keeps_the_product(joined):
    joined.progress = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        joined.execute()
    first, second = joined.history[0]["validation_accuracy_alone"]
    assert f" (alone {first:.2%}, {second:.2%}) · " in joined.progress.lines[0]
    joined.progress = ProgressListener()
    joined.execute()  # resumes
    assert [entry["epoch"] for entry in joined.history] == [1, 2]
    for entry in joined.history:
        assert 0 <= entry["accuracy"] <= 1
        assert [0 <= accuracy <= 1 for accuracy in entry["validation_accuracy_alone"]] == [True, True]
    kept = keras.saving.load_model(joined.folder / "best.keras", compile=False)
    assert kept.output_shape == (None, 7)
    best = max(joined.history, key=lambda entry: entry["validation_accuracy"])
    spec = joined.recipe.preprocess.at(32)
    answers = fused.with_own_outputs(kept).predict(spec.to_values(joined.validation.crops(spec)), verbose=0)
    right = [(scores.argmax(axis=1) == joined.validation.labels).mean() for scores in answers]
    assert right == pytest.approx([best["validation_accuracy"], *best["validation_accuracy_alone"]])
    assert len(keras.saving.load_model(joined.folder / "last.keras").outputs) == 3


def test_progress_has_one_step_per_stage_whose_share_grows(drawn_zip, tmp_path):
    """A display without a terminal prints each new text of a step: one line per stage, not one per batch."""
    faces, shipped = load_faces(drawn_zip), recipe.load("cnn-1")
    stages = tuple(shipped.trained.stages[0].model_copy(update={"epochs": 2, "size_px": size}) for size in (32, 40))
    training = shipped.trained.model_copy(update={"batch_size": 8, "stages": stages})
    progress = RecordingListener()
    chosen = shipped.model_copy(update={"training": training})
    TrainingRun(chosen, tmp_path, faces, soft_labels.hard(faces), faces, progress).execute()
    assert list(progress.steps) == ["training epochs 1 to 2 of 4 at 32 px", "training epochs 3 to 4 of 4 at 40 px"]
    for shares in progress.steps.values():
        assert shares == sorted(shares)
        assert 0 < shares[0] <= shares[-1] <= 1
        assert shares[-1] > 0.5  # of the second epoch
    assert [line.split(" · ")[0] for line in progress.lines[:4]] == [f"epoch {n}/4" for n in (1, 2, 3, 4)]


def test_a_network_that_joins_none_has_no_loss_of_each(drawn_zip, tmp_path):
    faces, shipped = load_faces(drawn_zip), recipe.load("cnn-1")
    chosen = shipped.model_copy(update={"training": shipped.trained.model_copy(update={"auxiliary_loss": 0.3})})
    with pytest.raises(BadInput, match="cnn_1 joins no scores, so no network has a loss of its own"):
        TrainingRun(chosen, tmp_path, faces, soft_labels.hard(faces), faces, ProgressListener()).execute()


def test_a_stage_may_train_the_last_layers_alone(drawn_zip, tmp_path):
    faces, shipped = load_faces(drawn_zip), recipe.load("compact")
    run = TrainingRun(shipped, tmp_path, faces, soft_labels.hard(faces), faces, ProgressListener())
    stage = shipped.trained.stages[0].model_copy(update={"size_px": 32})
    whole, head = (run.network(stage.model_copy(update={"trainable": count})) for count in (None, 0))
    assert len(head.trainable_variables) == 2 < len(whole.trainable_variables)


def test_a_compiling_backend_trains_from_a_teacher_and_is_resumed(on_jax, drawn_zip, tmp_path):
    """JAX gives the buffers of a step away: what is kept of an epoch must not be among them."""
    printed = on_jax(f"""
from pathlib import Path
import keras
from edge_fer.evaluation.labelled import load_faces
from edge_fer.progress import ProgressListener
from edge_fer_train import recipe, soft_labels, zoo
from edge_fer_train.zoo import cnn_1
from edge_fer_train.run import TrainingRun
from edge_fer_train.teacher import Teacher

folder = Path({str(tmp_path)!r})
cnn_1.FILTERS = (4, 4, 4, 4, 4)
zoo.build("cnn-1", 64).save(folder / "teacher.keras")
faces, shipped = load_faces({str(drawn_zip)!r}), recipe.load("cnn-1")
class Interrupting(ProgressListener):
    def tell(self, message):
        if message.startswith("epoch 2"):
            raise KeyboardInterrupt

for progress in (Interrupting(), ProgressListener()):
    stages = (shipped.trained.stages[0].model_copy(update={{"epochs": 3, "teaching_weight": None}}),)
    training = shipped.trained.model_copy(update={{"batch_size": 16, "stages": stages, "ema_overwrite": False}})
    chosen = shipped.model_copy(update={{"training": training}})
    teacher = Teacher([folder / "teacher.keras"], chosen.preprocess, faces.names)
    made = TrainingRun(
        chosen, folder / "run", faces, soft_labels.hard(faces), faces, progress, teacher, workers=1
    )
    try:
        made.execute()
    except KeyboardInterrupt:
        assert len(made.history) == 2
print(keras.backend.backend(), len(made.history))
""")
    assert printed.split() == ["jax", "3"]
    assert keras.saving.load_model(tmp_path / "run" / "best.keras", compile=False).input_shape == (None, 48, 48, 1)
