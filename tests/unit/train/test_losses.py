from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer_train.losses import LOSSES, Distillation, accuracy  # noqa: E402


def number(value) -> float:
    return float(keras.ops.convert_to_numpy(value))


LABELS = np.eye(7, dtype=np.float32)[[0, 3]]
SCORES = np.full((2, 7), 0.05, np.float32) + np.eye(7, dtype=np.float32)[[0, 4]] * 0.65


@pytest.mark.parametrize("name", LOSSES)
def test_a_right_answer_costs_less_than_a_wrong_one(name):
    loss = LOSSES[name]()
    assert number(loss(LABELS[:1], SCORES[:1])) < number(loss(LABELS[1:], SCORES[1:]))


def test_the_paper_has_four_losses():
    """Umer et al., CMES 2022, Fig. 8, and cross-entropy, with which Smelyakov et al., COLINS 2022, train."""
    assert set(LOSSES) == {"categorical-crossentropy", "binary-crossentropy", "mean-squared-error", "hinge"}


def test_a_teacher_of_weight_zero_changes_nothing():
    rows = np.concatenate([LABELS, SCORES], axis=1)
    own = number(LOSSES["categorical-crossentropy"]()(LABELS, SCORES))
    assert number(Distillation(weight=0.0)(rows, SCORES)) == pytest.approx(own, rel=1e-5)


def test_distillation_is_least_where_the_teacher_is():
    loss = Distillation(weight=1.0, temperature=3.0)
    teacher = np.concatenate([LABELS, SCORES], axis=1)
    at_teacher = number(loss(teacher, SCORES))
    for other in (LABELS * 0.9 + 0.1 / 7, np.full((2, 7), 1 / 7, np.float32)):
        assert number(loss(teacher, other.astype(np.float32))) > at_teacher


def test_at_temperature_one_it_is_the_cross_entropy_with_the_teacher():
    loss = Distillation(weight=1.0, temperature=1.0)
    other = np.full((2, 7), 1 / 7, np.float32)
    expected = -(SCORES * np.log(other)).sum(axis=1).mean()
    assert number(loss(np.concatenate([LABELS, SCORES], axis=1), other)) == pytest.approx(expected, rel=1e-4)


def test_it_is_saved_and_loaded_with_a_model(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(7, activation="softmax")])
    model.compile("sgd", Distillation("hinge", 0.3, 4.0), metrics=[accuracy])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras").loss
    assert (loaded.own, loaded.weight, loaded.temperature) == ("hinge", 0.3, 4.0)


def test_accuracy_ignores_the_teacher():
    rows = np.concatenate([LABELS, np.eye(7, dtype=np.float32)[[6, 6]]], axis=1)
    assert keras.ops.convert_to_numpy(accuracy(rows, SCORES)).tolist() == [1.0, 0.0]
