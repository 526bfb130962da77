from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[convert]'")

from edge_fer.cli import main  # noqa: E402
from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.labelled import load_faces  # noqa: E402
from edge_fer_convert import calibration, recipe, soft_labels, train  # noqa: E402
from edge_fer_convert.augment import Augment  # noqa: E402


@pytest.fixture
def data(tmp_path, drawn_zip):
    """A folder like FER2013's, of drawn faces."""
    folder = tmp_path / "data"
    folder.mkdir()
    content = drawn_zip.read_bytes()
    (folder / "fer2013-train.zip").write_bytes(content)
    (folder / "fer2013-public-test.zip").write_bytes(content)
    return folder


@pytest.fixture
def short(tmp_path):
    """The shipped recipe with small sizes and one epoch a stage."""
    text = (recipe.RECIPES / "cnn-1.toml").read_text()
    smaller = {"size_px = 64": "size_px = 48", "size_px = 96": "size_px = 64", "batch_size = 64": "batch_size = 8"}
    for old, new in smaller.items():
        text = text.replace(old, new)
    path = tmp_path / "short.toml"
    path.write_text(text)
    return path


def run(*arguments) -> str:
    done = CliRunner().invoke(main, ["train", *map(str, arguments)])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stderr


def test_train_runs_and_says_how_long_it_takes(data, short, tmp_path):
    progress = run("--recipe", short, "--data", data, "--out", tmp_path / "run", "--epochs", 1)
    assert "epoch 4/4" in progress
    assert "min left" in progress
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert [entry["size_px"] for entry in history] == [48, 48, 64, 64]
    assert all(np.isfinite(entry["loss"]) for entry in history)


def test_a_run_that_was_stopped_is_gone_on_with(data, short, tmp_path):
    out = tmp_path / "run"
    arguments = ["train", "--recipe", str(short), "--data", str(data), "--out", str(out), "--epochs", "2"]
    script = (
        "import os\n"
        "import edge_fer_convert.train as t\n"
        "from edge_fer.cli import main\n"
        "write, ends = t._save, []\n"
        "def save(model, path):\n"
        "    write(model, path)\n"
        "    ends.extend([1] * (path.name == 'last.keras'))\n"
        "    if len(ends) == 3: os._exit(9)\n"
        "t._save = save\n"
        f"main({arguments!r})\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert killed.returncode == 9, killed.stderr[-2000:]
    before = json.loads((out / "history.json").read_text())
    assert len(before) == 2
    progress = run("--recipe", short, "--data", data, "--out", out, "--epochs", 2)
    after = json.loads((out / "history.json").read_text())
    assert "epoch 2/8" not in progress
    assert len(after) == 8
    assert after[:2] == before


def test_the_preprocessing_of_training_is_the_devices(data):
    faces = load_faces(data / "fer2013-train.zip")
    chosen = recipe.load("cnn-1")
    for image, crop in zip(faces.images, faces.crops(chosen.preprocess), strict=True):
        assert np.array_equal(crop, chosen.preprocess.crop(image))
        assert np.array_equal(crop, chosen.preprocess.crop(image, (0, 0, 48, 48)))


def test_transfer_keeps_answers_on_even_features():
    shipped = recipe.load("cnn-1")
    small, large = train.build(shipped, 32), train.build(shipped, 96)
    train.transfer(small, large)
    old, new = small.get_layer("dense_1").get_weights(), large.get_layer("dense_1").get_weights()
    feature = np.random.default_rng(0).random(64).astype(np.float32)
    assert np.allclose(feature @ old[0], np.tile(feature, 9) @ new[0], atol=1e-4)


def test_augmentation_is_seeded_and_keeps_the_type(drawn_zip):
    images = load_faces(drawn_zip).images
    once, again = (Augment()(images, 64, np.random.default_rng(5)) for _ in range(2))
    assert once.shape == (28, 64, 64)
    assert once.dtype == np.uint8
    assert np.array_equal(once, again)
    assert not np.array_equal(once, Augment()(images, 64, np.random.default_rng(6)))


def test_augmentation_of_nothing_is_a_resize(drawn_zip):
    images = load_faces(drawn_zip).images
    nothing = Augment(flip=0).weakened(0)
    assert np.abs(nothing(images, 48, np.random.default_rng(0)).astype(int) - images).max() <= 1


def test_votes_sharpen_labels_without_replacing_them(drawn_zip):
    faces = load_faces(drawn_zip)
    position = {"angry": 4, "disgust": 5, "fear": 6, "happy": 1, "sad": 3, "surprise": 2, "neutral": 0}
    votes = {path: np.eye(10, dtype=np.float32)[position[path.split("/")[1]]] * 10 for path in faces.paths}
    targets = soft_labels.from_votes(faces, votes, 0.5)
    assert targets.dtype == np.float32
    assert np.allclose(targets.sum(axis=1), 1, atol=1e-5)
    assert (targets.argmax(axis=1) == faces.labels).all()
    assert targets.max(axis=1).min() > 0.8


def test_without_votes_labels_are_smoothed(drawn_zip):
    faces = load_faces(drawn_zip)
    assert np.array_equal(soft_labels.from_votes(faces, {}, 0.5), soft_labels.hard(faces))
    assert soft_labels.hard(faces).max() == pytest.approx(0.9 + 0.1 / 7)


def test_a_csv_that_is_none_is_refused(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("path,happy\na,1\n")
    with pytest.raises(BadInput, match="no table of FER"):
        soft_labels.load_votes(path)


def test_calibration_is_balanced_and_seeded(drawn_zip):
    faces = load_faces(drawn_zip)
    chosen = calibration.choose(faces, 14, seed=1)
    assert np.bincount(chosen.labels).tolist() == [2] * 7
    assert chosen.paths == calibration.choose(faces, 14, seed=1).paths
    assert len(set(chosen.paths)) == 14
    assert len(calibration.choose(faces, 1000)) == 28


@pytest.mark.parametrize("text", ["", "name = 1", "nonsense", 'name = "x"\nextra = 1'])
def test_a_recipe_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match="cannot be used"):
        recipe.load(str(path))


def test_an_unknown_recipe_names_those_there_are():
    with pytest.raises(BadInput, match=r"no recipe 'vgg'; .*cnn-1"):
        recipe.load("vgg")


def test_a_run_without_its_weights_is_not_gone_on_with(data, short, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "history.json").write_text('[{"epoch": 1, "size_px": 48, "validation_accuracy": 0.5, "seconds": 1.0}]')
    arguments = ["train", "--recipe", str(short), "--data", str(data), "--out", str(out), "--epochs", "2"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 3
    assert "no last.keras" in done.stderr


def test_recalibration_takes_the_plain_mean_over_its_batches():
    model = train.build(recipe.load("cnn-1"), 32)
    batches = [np.random.default_rng(n).random((4, 32, 32, 1)).astype(np.float32) for n in range(3)]
    before = model.get_layer("norm_1").momentum
    train.recalibrate(model, batches)
    pooled = keras.Model(model.inputs, model.get_layer("pool_1").output)
    means = [np.asarray(keras.ops.convert_to_numpy(pooled(batch))).mean(axis=(0, 1, 2)) for batch in batches]
    moving = np.asarray(keras.ops.convert_to_numpy(model.get_layer("norm_1").moving_mean))
    assert np.allclose(moving, np.mean(means, axis=0), atol=1e-5)
    assert model.get_layer("norm_1").momentum == before


def test_judging_leaves_the_weights_as_they_were(drawn_zip, tmp_path):
    faces = load_faces(drawn_zip)
    chosen = recipe.load("cnn-1").with_epochs(1)
    stage = chosen.training.stages[0]
    run = train.Run(chosen, tmp_path, faces, soft_labels.hard(faces), faces, lambda _: None)
    model = train.build(chosen, stage.size_px, train.fastest_data_format())
    model.compile(run._optimizer(stage), "categorical_crossentropy")
    batches = train.AugmentedFaces(faces, run.targets, chosen, stage, 0)
    model.fit(batches, verbose=0)
    before = [np.array(weight) for weight in model.get_weights()]
    run._judge(model, batches, faces.crops(chosen.preprocess.model_copy(update={"size_px": stage.size_px})))
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    kept = keras.saving.load_model(tmp_path / "best.keras", compile=False)
    assert any(not np.array_equal(old, new) for old, new in zip(before, kept.get_weights(), strict=True))
