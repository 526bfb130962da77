from __future__ import annotations

import json

import pytest

from edge_fer_train import recipe
from edge_fer_train.history import best_accuracy, check_stages, entries_of, minutes_left


def entry(number: int, size_px: int, accuracy: float = 0.5, seconds: float = 60.0):
    return {"epoch": number, "size_px": size_px, "validation_accuracy": accuracy, "seconds": seconds}


def stages(*sizes: int):
    """Two epochs at each of *sizes*."""
    shipped = recipe.load("cnn-1").trained.stages[0]
    return [shipped.model_copy(update={"size_px": size, "epochs": 2}) for size in sizes]


def test_a_history_is_read_as_it_was_written():
    history = [entry(1, 48), {**entry(2, 48), "validation_accuracy_alone": [0.1, 0.2], "backend": "jax"}]
    assert entries_of(json.dumps(history).encode()) == history


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Invalid JSON"),
        (b'[{"epoch": 1', "Invalid JSON"),
        (b"\xff", "Invalid JSON"),
        (b"[" * 100_000, "recursion limit"),
        (b'{"epochs": []}', "valid array"),
        (b"[3]", "should be an object"),
        (b'[{"epoch": 1}]', "0.size_px"),
        (json.dumps([{**entry(1, 48), "loss": float("nan")}]).encode(), "finite number"),
        (json.dumps([entry(1, 48, accuracy=1.5)]).encode(), "less than or equal to 1"),
        (json.dumps([{**entry(1, 48), "lr": 0.1}]).encode(), "0.lr"),
        (json.dumps([entry(1, 48), entry(3, 48)]).encode(), "entry 2 is of epoch 3"),
    ],
)
def test_what_is_no_history_is_refused(content, words):
    with pytest.raises(ValueError, match=words):
        entries_of(content)


def test_a_history_of_other_stages_is_refused():
    check_stages([], stages(48))
    check_stages([entry(1, 48), entry(2, 48), entry(3, 96)], stages(48, 96))
    with pytest.raises(ValueError, match="epoch 2 is at 96 px, where the recipe has 48"):
        check_stages([entry(1, 48), entry(2, 96)], stages(48, 96))
    with pytest.raises(ValueError, match="it has 3 epochs, where the recipe has 2"):
        check_stages([entry(1, 48), entry(2, 48), entry(3, 48)], stages(48))


def test_the_best_accuracy_is_that_of_one_size():
    history = [entry(1, 48, 0.6), entry(2, 48, 0.5), entry(3, 96, 0.4)]
    assert [best_accuracy(history, size) for size in (48, 96, 64)] == [0.6, 0.4, -1.0]


def test_the_time_left_grows_with_the_pixels_of_the_epochs_that_are_left():
    assert minutes_left([entry(1, 48)], stages(48, 96)) == pytest.approx(1 + 2 * 4)
    assert minutes_left([entry(number, 96) for number in range(1, 5)], stages(48, 96)) == 0


def test_the_time_left_covers_the_folds_that_are_left():
    done = [entry(number, 96) for number in range(1, 5)]
    assert minutes_left(done, stages(48, 96), later_runs=3) == pytest.approx(3 * (2 * 1 / 4 + 2))
