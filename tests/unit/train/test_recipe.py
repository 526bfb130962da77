from __future__ import annotations

import pytest

from edge_fer import bundle
from edge_fer.errors import BadInput
from edge_fer_train import recipe


@pytest.mark.parametrize("path", sorted(recipe.RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_is_read_and_named_after_its_file(path):
    pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
    from edge_fer_train import zoo

    found = recipe.load(path.stem)
    assert found.name == path.stem
    assert found.architecture in zoo.ARCHITECTURES
    assert found.training is not None or found.conversion is not None


@pytest.mark.parametrize("name", bundle.shipped())
def test_the_card_of_a_shipped_model_says_what_its_recipe_says(name):
    assert recipe.load(name).in_words() in bundle.load(name).model_card().splitlines()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cnn-1", "24 epochs at 48 px, 12 epochs at 64 px, 82 epochs at 96 px, loss categorical-crossentropy"),
        ("hybrid", "Taught by compact-fer2013.keras, weight 0.5."),
        ("fused-product", "compact-wide-1.npz, compact-wide-2.npz and compact-wide-3.npz, weight 0.8."),
        ("fused-product", "What each network says alone has a loss of its own, weight 0.5."),
        ("mobilenet-v2", "Taught by compact-fer2013.keras, weight 0.7, then 0.8."),
        ("cnn-1", "Taught by compact-fer2013.keras, weight 0, then 0.6, then 0.8."),
        ("fused-sum", "Joins cnn-1.keras and cnn-2.npz, each trained by itself."),
        ("fused-product", "Begins with cnn-1.keras and cnn-2.npz."),
        ("compact-fer2013", "labels weigh 0.5, the votes of FER+ (Barsoum et al., 2016) the rest."),
        ("compact-fer2013", "The epoch was chosen on PublicTest."),
        ("compact", "soft labels are the votes of FER+ (Barsoum et al., 2016) alone."),
        ("compact", "Begins with compact-fer2013.keras."),
        ("compact", "The epoch was chosen on PublicTest, by these votes."),
    ],
)
def test_a_recipe_in_words(name, words):
    assert words in recipe.load(name).in_words()


def test_a_recipe_says_which_of_its_networks_stay_as_they_were():
    fused = recipe.load("fused-product")
    kept = fused.model_copy(update={"training": fused.trained.model_copy(update={"frozen": (1,)})})
    assert "The others learn beside network 1, which stays as it is." in kept.in_words()
    assert "stays" not in fused.in_words()


def test_a_recipe_that_joins_models_is_not_trained():
    with pytest.raises(BadInput, match="trained separately"):
        _ = recipe.load("cnn-1").model_copy(update={"training": None}).trained


def test_what_a_stage_has_instead_holds_in_it():
    trained = recipe.load("cnn-1").trained
    assert [own.teaching and own.teaching.weight for own in map(trained.during, trained.stages[3:7])] == [
        None, 0.6, 0.6, 0.8,
    ]  # fmt: skip
    assert trained.during(trained.stages[4]).dropout == trained.stages[4].dropout == 0.15
    assert trained.during(trained.stages[0]).dropout == trained.dropout
    whole, *last_layers = map(recipe.load("compact").trained.during, recipe.load("compact").trained.stages)
    assert whole.trainable is None
    assert [own.trainable for own in last_layers] == [35, 35]


def test_a_stage_that_weighs_no_teacher_is_refused(tmp_path):
    head, rest = (recipe.RECIPES / "cnn-1.toml").read_text().split("[training.teaching]")
    path = tmp_path / "untaught.toml"
    path.write_text(head + rest[rest.index("[[training.stages]]") :])
    with pytest.raises(BadInput, match="a stage has a teaching_weight, and there is no"):
        recipe.load(str(path))


@pytest.mark.parametrize("text", ["", "name = 1", "nonsense", 'name = "x"\nextra = 1'])
def test_a_recipe_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"^recipe .* cannot be used: .+$"):
        recipe.load(str(path))


def test_a_recipe_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "locked.toml"
    path.touch()

    def locked(*_, **__):
        raise PermissionError("Permission denied")

    monkeypatch.setattr(type(path), "read_text", locked)
    with pytest.raises(BadInput, match=r"locked\.toml cannot be used: Permission denied"):
        recipe.load(str(path))


def test_an_unknown_recipe_names_those_there_are():
    with pytest.raises(BadInput, match=r"no recipe 'vgg'; .*cnn-1"):
        recipe.load("vgg")


@pytest.mark.parametrize(
    ("total", "counts"),
    [(118, [24, 12, 12, 10, 26, 12, 13, 9]), (8, [1, 1, 1, 1, 2, 1, 1, 0]), (1, [0, 0, 0, 0, 1, 0, 0, 0])],
)
def test_epochs_are_counted_over_all_stages(total, counts):
    shared = [stage.epochs for stage in recipe.load("cnn-1").with_epochs(total).trained.stages]
    assert sum(shared) == total
    assert shared == counts
