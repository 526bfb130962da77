from __future__ import annotations

import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer_train import recipe  # noqa: E402
from edge_fer_train.history import RunFolder, best_accuracy, minutes_left  # noqa: E402


def entry(number: int, size_px: int, accuracy: float = 0.5, seconds: float = 60.0):
    return {"epoch": number, "size_px": size_px, "validation_accuracy": accuracy, "seconds": seconds}


def small_model():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(7, activation="softmax")])


def test_a_new_folder_has_no_history_and_no_last_model(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.read_history() == []
    with pytest.raises(BadInput, match=r"no last\.keras; choose another folder, or empty this one"):
        folder.load_last()


def test_an_epoch_is_read_as_it_was_saved(tmp_path):
    folder, model = RunFolder(tmp_path), small_model()
    model.compile("sgd", "categorical_crossentropy")
    folder.save_epoch(model, [entry(1, 48)])
    assert folder.read_history() == [entry(1, 48)]
    assert folder.load_last().count_params() == model.count_params()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.json", "last.keras"]


@pytest.mark.parametrize("content", [b"", b'[{"epoch": 1', b"\xff"])
def test_a_damaged_history_is_refused(tmp_path, content):
    folder = RunFolder(tmp_path)
    (tmp_path / "history.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"history\.json is damaged: .*; choose another folder, or empty this one"):
        folder.read_history()


def test_the_best_of_an_earlier_size_stays_beside_the_next(tmp_path):
    folder = RunFolder(tmp_path)
    folder.set_best_aside(48)  # there is none yet
    folder.best.write_bytes(b"best")
    folder.set_best_aside(48)
    assert [path.name for path in tmp_path.iterdir()] == ["best-48.keras"]


def test_the_best_accuracy_is_that_of_one_size():
    history = [entry(1, 48, 0.6), entry(2, 48, 0.5), entry(3, 96, 0.4)]
    assert [best_accuracy(history, size) for size in (48, 96, 64)] == [0.6, 0.4, -1.0]


def test_the_time_left_grows_with_the_pixels_of_the_epochs_that_are_left():
    shipped = recipe.load("cnn-1").trained.stages[0]
    stages = [shipped.model_copy(update={"size_px": size, "epochs": 2}) for size in (48, 96)]
    assert minutes_left([entry(1, 48)], stages) == pytest.approx(1 + 2 * 4)
    assert minutes_left([entry(number, 96) for number in range(1, 5)], stages) == 0
