from __future__ import annotations

import json
import re
import shlex
import sys
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[convert]'")

from edge_fer.cli import main  # noqa: E402
from edge_fer.evaluation.labelled import load_faces  # noqa: E402
from edge_fer.evaluation.votes import VOTES  # noqa: E402
from edge_fer_train import command, recipe, run_folder, zoo  # noqa: E402
from edge_fer_train.zoo import fused  # noqa: E402

pytestmark = pytest.mark.usefixtures("narrow")


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
    """A recipe from random weights with two of its stages, of small sizes."""
    text = (recipe.RECIPES / "cnn-1.toml").read_text().replace("teaching_weight = 0.0\n", "")
    head, *stages = text.split("[[training.stages]]")
    head, _ = head.split("[training.teaching]")
    small = [stages[0].replace("size_px = 48", "size_px = 32"), stages[1].replace("size_px = 64", "size_px = 48")]
    path = tmp_path / "short.toml"
    path.write_text("[[training.stages]]".join([head.replace("batch_size = 64", "batch_size = 8"), *small]))
    return path


@pytest.fixture
def once(short, tmp_path):
    """One epoch at one size."""
    head, stage, _ = short.read_text().split("[[training.stages]]")
    path = tmp_path / "once.toml"
    path.write_text("[[training.stages]]".join([head, stage.replace("epochs = 24", "epochs = 1")]))
    return path


@pytest.fixture
def taught(once, tmp_path):
    """The same, taught by a shipped bundle."""
    path = tmp_path / "taught.toml"
    teaching = '[training.teaching]\nteachers = ["compact"]\n\n[[training'
    path.write_text(once.read_text().replace("[[training", teaching, 1))
    return path


def run(*arguments) -> str:
    done = CliRunner().invoke(main, ["train", *map(str, arguments)])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stderr


def test_train_runs_and_says_how_much_time_is_left(data, short, tmp_path):
    progress = run("--recipe", short, "--data", data, "--out", tmp_path / "run", "--epochs", 2)
    assert "epoch 2/2" in progress
    assert "min left" in progress
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert [entry["size_px"] for entry in history] == [32, 48]
    assert all(np.isfinite(entry["loss"]) for entry in history)
    kept = [keras.saving.load_model(tmp_path / "run" / name, compile=False) for name in ("best-32.keras", "best.keras")]
    assert [model.input_shape[1] for model in kept] == [32, 48]


def test_a_run_that_was_stopped_between_its_model_and_its_history_trains_the_epoch_again(
    data, short, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    arguments = ["train", "--recipe", str(short), "--data", str(data), "--out", str(out), "--epochs", "4"]
    save, ends = run_folder.save_model, []

    def save_three(model, path):
        save(model, path)
        ends.extend([1] * (path.name == "last.keras"))
        if len(ends) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "save_model", save_three)
        patch.setattr(sys, "argv", ["edge-fer", *arguments, "--force"])
        stopped = CliRunner().invoke(main, arguments)
        assert stopped.exit_code == 130
        repeat = shlex.join(["edge-fer", *arguments])
        assert f"{out} keeps every complete epoch; to go on after it, repeat: {repeat}\n" in stopped.stderr
    before = json.loads((out / "history.json").read_text())
    assert len(before) == 2
    progress = run("--recipe", short, "--data", data, "--out", out, "--epochs", 4)
    after = json.loads((out / "history.json").read_text())
    assert "epoch 2/4" not in progress
    assert len(after) == 4
    assert after[:2] == before


def test_the_preprocessing_of_training_is_the_devices(data):
    faces = load_faces(data / "fer2013-train.zip")
    chosen = recipe.load("cnn-1")
    for image, crop in zip(faces.images, faces.crops(chosen.preprocess), strict=True):
        assert np.array_equal(crop, chosen.preprocess.crop(image))
        assert np.array_equal(crop, chosen.preprocess.crop(image, (0, 0, 48, 48)))


def refused(*arguments) -> str:
    done = CliRunner().invoke(main, ["train", *map(str, arguments)])
    assert done.exit_code == 3, done.output + repr(done.exception)
    return done.stderr


def test_a_run_leaves_a_report_with_curves_and_confusion(data, once, tmp_path):
    out = tmp_path / "run"
    run("--recipe", once, "--data", data, "--out", out, "--epochs", 3)
    report = json.loads((out / "report.json").read_text())
    assert report["epochs"] == 3
    assert report["validation"]["images"] == 28
    assert len(report["validation"]["classes"]) == 7
    assert report["validation_fresh"] is None  # drawn faces: validation is training here
    losses = [entry["loss"] for entry in report["history"]]
    assert report["mcr"]["loss"] == pytest.approx((losses[-1] - losses[0]) / 2)
    for name in ("accuracy.png", "loss.png", "confusion.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    with np.load(out / "scores.npz") as kept:
        assert kept["scores"].shape == (28, 7)
        right = (kept["scores"].argmax(axis=1) == kept["labels"]).mean()
    assert right == pytest.approx(report["validation"]["accuracy"])
    assert right == pytest.approx(max(entry["validation_accuracy"] for entry in report["history"]))


def test_folds_give_every_face_a_prediction_by_a_model_that_has_not_seen_it(data, once, tmp_path):
    out = tmp_path / "folds"
    said = run("--recipe", once, "--data", data, "--format", "folders", "--data", data / "fer2013-train.zip",
               "--folds", 2, "--out", out)  # fmt: skip
    assert "2 folds of" in said
    with np.load(out / "out-of-fold.npz") as kept:
        assert kept["scores"].shape == (28, 7)
        assert np.allclose(kept["scores"].sum(axis=1), 1, atol=1e-4)
        assert len(set(kept["paths"].tolist())) == 28
    report = json.loads((out / "report.json").read_text())
    assert report["folds"] == 2
    assert np.mean(report["accuracy_by_fold"]) == pytest.approx(report["out_of_fold"]["accuracy"])


def test_a_student_learns_from_its_teacher(data, once, tmp_path):
    run("--recipe", once, "--data", data, "--out", tmp_path / "teacher")
    taught = tmp_path / "taught.toml"
    taught.write_text(once.read_text().replace("[[training", "[training.teaching]\nweight = 0.7\n\n[[training", 1))
    assert "needs a teacher and names none; pass --teacher" in refused(
        "--recipe", taught, "--data", data, "--out", tmp_path / "none"
    )
    best = tmp_path / "teacher" / "best.keras"
    run("--recipe", taught, "--data", data, "--out", tmp_path / "student", "--teacher", best)
    of_teacher = json.loads((tmp_path / "teacher" / "history.json").read_text())[0]["loss"]
    of_student = json.loads((tmp_path / "student" / "history.json").read_text())[0]["loss"]
    assert of_teacher != of_student
    assert "no [training.teaching]" in refused(
        "--recipe", once, "--data", data, "--out", tmp_path / "x", "--teacher", best
    )


def test_a_stage_may_weigh_the_teacher_less_or_not_at_all(data, taught, tmp_path):
    def loss(recipe_path, *options) -> float:
        out = tmp_path / "-".join(["run", recipe_path.stem, *options])
        run("--recipe", recipe_path, "--data", data, "--out", out, "--limit", 8, *options)
        return json.loads((out / "history.json").read_text())[0]["loss"]

    def weighed(weight: float):
        path = tmp_path / f"weight-{weight}.toml"
        stage = "[[training.stages]]\n"
        path.write_text(taught.read_text().replace(stage, f"{stage}teaching_weight = {weight}\n"))
        return path

    alone = loss(taught, "--no-teacher")
    assert loss(weighed(0.0)) == pytest.approx(alone, rel=1e-5)
    assert loss(weighed(0.5)) == pytest.approx(loss(taught), rel=1e-5)  # 0.5 is what a recipe has that does not say
    assert loss(weighed(0.9)) != pytest.approx(loss(taught), rel=1e-5)
    assert loss(taught) != pytest.approx(alone, rel=1e-5)


def test_a_backbone_may_begin_with_the_weights_of_a_file(data, once, tmp_path):
    run("--recipe", once, "--data", data, "--out", tmp_path / "first")
    said = run("--recipe", once, "--data", data, "--out", tmp_path / "second", "--pretrained",
               tmp_path / "first" / "best.keras")  # fmt: skip
    assert "13 layers start with the weights of best.keras" in said  # of the head, too: it is for as many classes


def test_a_recipe_may_name_the_weights_it_begins_with(data, once, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "WEIGHTS", tmp_path)
    zoo.build("cnn-1", 48).save(tmp_path / "cnn-1.keras")
    begun = tmp_path / "begun.toml"
    begun.write_text(once.read_text().replace("[training]", '[training]\npretrained = ["cnn-1.keras"]'))
    said = run("--recipe", begun, "--data", data, "--out", tmp_path / "run", "--limit", 8)
    assert "layers start with the weights of cnn-1.keras" in said


@pytest.mark.parametrize(("frozen", "learnt"), [((), (1, 2)), ((1,), (2,))])
def test_networks_whose_scores_are_joined_train_as_one(data, once, tmp_path, frozen, learnt):
    for name in ("cnn-1", "cnn-2"):
        zoo.build(name, 32).save(tmp_path / f"{name}.keras")
    joined = tmp_path / "joined.toml"
    text = once.read_text().replace('architecture = "cnn-1"', 'architecture = "fused-product"')
    joined.write_text(text.replace("[training]", f"[training]\nfrozen = {list(frozen)}"))
    files = [argument for name in ("cnn-1", "cnn-2") for argument in ("--pretrained", tmp_path / f"{name}.keras")]
    said = run("--recipe", joined, "--data", data, "--out", tmp_path / "run", *files)
    assert "13 layers start with the weights of cnn-1.keras" in said
    assert "19 layers start with the weights of cnn-2.keras" in said
    best = keras.saving.load_model(tmp_path / "run" / "best.keras", compile=False)
    begun = zoo.join("fused-product", [tmp_path / "cnn-1.keras", tmp_path / "cnn-2.keras"])
    fused.soften_logits(begun)
    for number in (1, 2):
        for name in (f"part_{number}", f"logits_{number}"):
            old, new = (model.get_layer(name).get_weights() for model in (begun, best))
            alike = [np.array_equal(*pair) for pair in zip(old, new, strict=True)]
            assert all(alike) == (number not in learnt)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--classes", "happy,bored,calm"], "has no faces of bored, calm; its classes are angry, disgust"),
        (["--classes", "happy,Happy"], "has happy and Happy, which mean the same class"),
        (["--votes", "absent.csv"], "absent.csv does not exist"),
        (["--pretrained", "absent.h5"], "absent.h5 do not exist"),
    ],
)
def test_what_cannot_be_trained_is_refused(data, once, tmp_path, arguments, words):
    assert words in refused("--recipe", once, "--data", data, "--out", tmp_path / "run", *arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--classes", ""], "--classes: name 1 of 1 is empty"),
        (["--classes", "happy,,sad"], "--classes: name 2 of 3 is empty; give every class a name"),
        (["--classes", "happy,sad, happy"], "has happy twice"),
        (["--classes", "happy"], "is one class, so there is nothing to learn"),
        (["--votes", ""], "does not exist; pass the csv file of FER+"),
        (["--pretrained", "absent.h5"], "absent.h5 do not exist"),
        (["--out", "taken.txt"], "taken.txt cannot be written: File exists; pass another --out"),
    ],
)
def test_a_refusal_comes_before_the_data_is_read(data, once, tmp_path, monkeypatch, arguments, words):
    monkeypatch.setattr("edge_fer_train.datasets.load", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.txt").touch()
    code = 6 if "cannot be written" in words else 3
    given = ["train", "--recipe", once, "--data", data, "--out", tmp_path / "run", *arguments]
    done = CliRunner().invoke(main, list(map(str, given)))
    assert (done.exit_code, words in done.stderr) == (code, True), done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epochs", "0"),
        ("--split", "60-40"),
        ("--format", "imagenet"),
        ("--seed", "-1"),
        ("--seed", str(2**32)),
        ("--workers", "100000"),
        ("--folds", "5", "--split", "50-50"),
        ("--folds", "1"),
    ],
)
def test_options_that_cannot_be_are_wrong_usage(data, once, tmp_path, arguments):
    given = ["train", "--recipe", once, "--data", data, "--out", tmp_path / "run", *arguments]
    done = CliRunner().invoke(main, list(map(str, given)))
    assert done.exit_code == 2, done.output
    assert not (tmp_path / "run").exists()


def test_another_run_is_refused_before_the_data_is_read(data, once, tmp_path, monkeypatch):
    out = tmp_path / "run"
    run("--recipe", once, "--data", data, "--out", out, "--limit", 8)
    report = (out / "report.json").read_bytes()
    other = tmp_path / "other.toml"
    other.write_text(once.read_text().replace("batch_size = 8", "batch_size = 4"))
    monkeypatch.setattr("edge_fer_train.datasets.load", None)
    for words, arguments in {
        "training.batch_size 8, not 4": ("--recipe", other),
        "training.stages.1.epochs 1, not 2": ("--epochs", 2),
        "split official, not 50-50": ("--split", "50-50"),
        "split official, not 2 folds": ("--folds", 2),
        "limit 8, not 9": ("--limit", 9),
        "precision float32, not bfloat16": ("--precision", "bfloat16"),
        "classes none, not happy,sad": ("--classes", "happy,sad"),
    }.items():
        said = refused("--recipe", once, "--data", data, "--out", out, "--limit", 8, *arguments)
        assert f"was trained with {words}; pass another --out, or --force to start over" in said
    assert (out / "report.json").read_bytes() == report


def test_other_faces_are_another_run(data, once, tmp_path):
    arguments = ("--recipe", once, "--data", data, "--out", tmp_path / "run", "--limit", 8)
    run(*arguments)
    with zipfile.ZipFile(data / "fer2013-train.zip") as archive:
        kept = {name: archive.read(name) for name in archive.namelist()[1:]}
    with zipfile.ZipFile(data / "fer2013-train.zip", "w") as archive:
        for name, content in kept.items():
            archive.writestr(name, content)
    assert "was trained with the training faces 8 faces (" in refused(*arguments)
    run(*arguments, "--force")
    assert len(json.loads((tmp_path / "run" / "history.json").read_text())) == 1


def test_a_shipped_bundle_may_teach_by_its_name(data, taught, tmp_path):
    run("--recipe", taught, "--data", data, "--out", tmp_path / "run", "--limit", 8)
    assert len(json.loads((tmp_path / "run" / "history.json").read_text())) == 1


def test_faces_of_other_classes_are_learnt_from_their_labels_alone(data, taught, tmp_path):
    """A recipe's own teacher knows FER2013's; a data set that has others is trained on all the same."""
    where = ("--recipe", taught, "--data", data, "--limit", 8, "--classes", "happy,sad", "--out")
    words = "the teacher compact knows angry, disgust"
    said = run(*where, tmp_path / "run")
    assert f"learning from the labels alone: {words}" in said
    assert words in refused(*where, tmp_path / "named", "--teacher", "compact")
    assert words not in run(*where, tmp_path / "alone", "--no-teacher")


def test_a_teacher_and_none_is_wrong_usage(data, taught, tmp_path):
    arguments = ["--recipe", taught, "--data", data, "--out", tmp_path / "run", "--teacher", "compact", "--no-teacher"]
    done = CliRunner().invoke(main, ["train", *map(str, arguments)])
    assert done.exit_code == 2
    assert "--teacher or --no-teacher, not both" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.fixture
def voted(data, once, tmp_path):
    """A recipe that learns from votes. All faces but the first four have votes, most of them for neutral."""
    faces = load_faces(data / "fer2013-train.zip")
    rows = [f"{path},8,0,0,2,0,0,0,0,0,0" for path in faces.paths[4:]]
    (data / "ferplus.csv").write_text("\n".join([f"path,{','.join(VOTES)}", *rows]))
    head, rest = once.read_text().split("[training]")
    path = tmp_path / "voted.toml"
    path.write_text(f'{head}[training]\nlabels = "votes"\n{rest}')
    return path


def test_a_run_learns_from_votes_and_is_validated_by_them(data, voted, tmp_path):
    out = tmp_path / "run"
    said = run("--recipe", voted, "--data", data, "--out", out)
    assert "24 of 28 training faces have votes to learn from" in said
    report = json.loads((out / "report.json").read_text())
    with np.load(out / "scores.npz") as kept:
        scores = kept["scores"]
    assert len(scores) == report["validation"]["images"] == 28  # by FER2013's labels every face counts, as ever
    neutral = (scores[4:].argmax(axis=1) == 6).mean()
    assert f"by the majority of FER+ votes, eight classes: {neutral:.2%} of 24 faces" in said
    best = max(entry["validation_accuracy"] for entry in report["history"])
    assert report["validation_votes"]["accuracy_8_classes"] == pytest.approx(neutral) == pytest.approx(best)
    assert report["validation_votes"]["images"] == 24
    cross_entropy = -(np.log(scores[4:]) @ [0, 0, 0, 0, 0.2, 0, 0.8]).mean()
    assert report["history"][0]["validation_loss"] == pytest.approx(cross_entropy, rel=1e-4)


def test_a_recipe_that_learns_from_votes_needs_them(data, voted, tmp_path):
    (data / "ferplus.csv").unlink()
    assert "learns from FER+ votes; pass their csv" in refused(
        "--recipe", voted, "--data", data, "--out", tmp_path / "run"
    )


def test_the_shipped_recipe_learns_from_fer2013(fer2013, tmp_path, monkeypatch):
    """1,000 faces at a quarter of their pixels, two epochs in two stages: not a model, but it learns in each."""
    monkeypatch.undo()  # the network is the shipped one
    tensorflow = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    tensorflow.config.run_functions_eagerly(False)
    small = tmp_path / "small.toml"
    head, *stages = (recipe.RECIPES / "cnn-1.toml").read_text().split("[[training.stages]]")
    # Alone, then with a teacher: two losses.
    chosen = [re.sub(r"size_px = \d+", "size_px = 48", stages[number]) for number in (0, 4)]
    small.write_text("[[training.stages]]".join([head, *chosen]))
    said = run("--recipe", small, "--data", fer2013, "--out", tmp_path / "run", "--epochs", 4, "--limit", 1000)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["validation"]["images"] == 3589
    assert report["validation_fresh"]["images"] > 3400
    losses = [epoch["loss"] for epoch in report["history"]]
    assert len(losses) == 4
    assert losses[1] < losses[0]
    assert losses[3] < losses[2]
    assert "that have no near-copy" in said


def test_a_keras_backend_that_is_not_installed_is_named_in_one_line(data, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setattr(command.util, "find_spec", lambda name: None if name == "torch" else object())
    done = CliRunner().invoke(main, ["train", "--data", str(data), "--out", str(tmp_path / "run")])
    assert done.exit_code == 8
    assert done.stderr == "edge-fer: KERAS_BACKEND is torch, which is not installed: pip install torch\n"


def test_the_choices_of_the_command_are_those_of_the_data_sets():
    from edge_fer_train import datasets
    from edge_fer_train.datasets import splits

    assert tuple(datasets.FORMATS) == command.FORMATS
    assert splits.SPLITS == command.SPLITS


def test_a_run_that_is_stopped_before_its_first_epoch_says_that_nothing_is_kept(tmp_path):
    assert (
        command._resuming(tmp_path, ["train"])
        == "no epoch is complete, so nothing is kept; the same command starts again"
    )
    (tmp_path / "fold-2").mkdir()
    (tmp_path / "fold-2" / "history.json").touch()
    assert command._resuming(tmp_path, ["train", "--force", "--out", "a b"]).endswith(
        "repeat: edge-fer train --out 'a b'"
    )
