"""As a new user would: a Keras or ONNX model becomes a bundle, verifies, and runs on each backend."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402

from edge_fer import files  # noqa: E402
from edge_fer.bundle import load  # noqa: E402
from edge_fer.classifier import Classifier  # noqa: E402
from edge_fer.cli import main  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.evaluation.labelled import load_faces  # noqa: E402
from edge_fer.evaluation.votes import VOTE_OF_CLASS, VOTES  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert.pytorch import process  # noqa: E402
from edge_fer_train import recipe  # noqa: E402

TORCH = Path(__file__).parents[2] / "golden" / "torch.onnx"
NORMALIZE = ("--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225")
LOOSE = ("--max-drop", 3, "--images", 100)


def call(*arguments, code=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def data(faces):
    return ("--calibrate", f"{faces}#train", "--evaluate", f"{faces}#test")


def runs_everywhere(bundle):
    manifest = load(bundle).manifest
    verified = call("verify", bundle).output
    assert verified.count("matches: 10 of 10") == len(manifest.targets)
    for target in manifest.targets:
        result = call(
            "run", "--source", "synthetic", "--frames", 12, "--model", bundle, "--target", target.name, "--json"
        )
        records = [json.loads(line) for line in result.stdout.splitlines()]
        assert len(records) == 12
        assert any(record["faces"] for record in records)
    return {target.name for target in manifest.targets}


def test_a_keras_model_becomes_a_bundle_that_runs_everywhere(keras_file, faces, tmp_path):
    out = tmp_path / "mine"
    result = call("convert", keras_file, *data(faces), "--out", out, *LOOSE)
    assert f"bundle: {out}" in result.stdout
    for runtime in ("litert", "openvino", "onnx"):
        assert f"{runtime}-int8" in result.stdout
    assert runs_everywhere(out) == {
        "litert-int8", "litert-float32", "litert-dynamic", "openvino-int8", "openvino-float32", "onnx-int8",
        "onnx-float32",
    }  # fmt: skip
    assert "<svg" in (tmp_path / "mine-report.html").read_text()


def test_an_onnx_model_of_pytorch(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "NEEDED", ("litert_torch_that_is_not_there",))
    out = tmp_path / "theirs"
    result = call("convert", TORCH, *data(faces), "--out", out, *NORMALIZE, *LOOSE, "--json")
    report = json.loads(result.stdout)
    assert "without litert-int8, litert-float32, litert-dynamic" in result.stderr
    assert "edge-fer[torch]" in result.stderr
    assert report["warnings"] == ["the model gives logits: a softmax was added after its output"]
    assert all(target["accuracy"] > 0.9 for target in report["targets"])
    assert runs_everywhere(out) == {"openvino-int8", "openvino-float32", "onnx-int8", "onnx-float32"}
    spec = load(out).manifest.preprocess
    assert spec.channels == "gray3"
    assert spec.low[0] == pytest.approx(-0.485 / 0.229)


def test_litert_from_onnx_is_refused_before_any_work(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "NEEDED", ("litert_torch_that_is_not_there",))
    arguments = ("--targets", "litert-int8", "--out", tmp_path / "x", *NORMALIZE)
    result = call("convert", TORCH, *data(faces), *arguments, code=3)
    assert "litert-int8 cannot be produced" in result.stderr
    assert "--torch-python" in result.stderr
    assert not (tmp_path / "x").exists()


def _of_one_runtime(model, faces, out, *options, code=0):
    targets = ("--targets", "litert-float32,litert-int8")
    return call("convert", model, *data(faces), "--out", out, *targets, *options, *LOOSE, code=code)


def test_the_range_follows_from_the_model(network, faces, tmp_path):
    face = keras.Input((32, 32, 1))
    keras.Model(face, network(keras.layers.Rescaling(1 / 255)(face))).save(tmp_path / "pixels.keras")
    result = _of_one_runtime(tmp_path / "pixels.keras", faces, tmp_path / "b")
    assert "--range 0,255, because the model begins by scaling pixels down" in result.stderr
    spec = load(tmp_path / "b").manifest.preprocess
    assert (spec.low, spec.high) == (0.0, 255.0)
    mine = ("--range", "0,1", "--force-contract")
    result = _of_one_runtime(tmp_path / "pixels.keras", faces, tmp_path / "c", *mine)
    assert "--range 0,1 is taken as you say, although the model begins by scaling pixels down" in result.stderr
    assert load(tmp_path / "c").manifest.preprocess.high == 1.0


def test_faces_can_be_standardised(network, pool, evaluation_faces, faces, tmp_path):
    spec = Preprocess(size_px=32, standardize=True)
    trained = keras.models.clone_model(network)
    trained.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    trained.fit(spec.to_values(pool.images), pool.labels, epochs=8, batch_size=32, verbose=0)
    trained.save(tmp_path / "s.keras")
    result = _of_one_runtime(tmp_path / "s.keras", faces, tmp_path / "b", "--standardize", "--range", "0,1", code=3)
    assert "leave --range, --mean and --std out" in result.stderr
    _of_one_runtime(tmp_path / "s.keras", faces, tmp_path / "b", "--standardize")
    bundle = load(tmp_path / "b")
    assert bundle.manifest.preprocess == spec
    call("verify", tmp_path / "b")
    with Classifier(bundle, "litert-float32") as classifier:
        answers = classifier.scores(evaluation_faces.images)
    assert np.allclose(answers, trained.predict(spec.to_values(evaluation_faces.images), verbose=0), atol=1e-4)


def test_scores_beside_other_outputs(network, faces, tmp_path):
    face = keras.Input((32, 32, 1))
    scores = network(face)
    mood = keras.layers.Dense(2, name="mood")(keras.layers.Flatten()(face))
    whole = keras.layers.Concatenate(name="whole")([scores, mood])
    keras.Model(face, [whole, mood]).save(tmp_path / "many.keras")
    result = _of_one_runtime(tmp_path / "many.keras", faces, tmp_path / "b", code=3)
    assert "--output whole" in result.stderr
    result = _of_one_runtime(tmp_path / "many.keras", faces, tmp_path / "b", "--output", "whole", code=3)
    assert "9 classes, but there are 7 labels" in result.stderr
    _of_one_runtime(tmp_path / "many.keras", faces, tmp_path / "b", "--output", "whole", "--outputs", "0:7")
    assert len(load(tmp_path / "b").golden().answers["litert-float32"][0]) == 7


def test_faces_from_a_csv_like_fer2013s(keras_file, pool, evaluation_faces, tmp_path):
    with (tmp_path / "fer.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["emotion", "pixels", "Usage"])
        for usage, part in (("Training", pool), ("PublicTest", evaluation_faces)):
            for image, label in zip(part.images, part.labels, strict=True):
                rows.writerow([label, " ".join(map(str, image.ravel())), usage])
    path = tmp_path / "fer.csv"
    arguments = ("--targets", "onnx-int8", "--out", tmp_path / "b", "--json", *LOOSE)
    result = call("convert", keras_file, "--calibrate", path, "--evaluate", f"{path}#PublicTest", *arguments, code=3)
    assert "210 of 210 evaluation images are in the calibration data" in result.stderr
    split = ("--calibrate", f"{path}#Training", "--evaluate", f"{path}#PublicTest")
    report = json.loads(call("convert", keras_file, *split, *arguments).stdout)
    assert report["evaluated_on"] == {"data": "fer.csv", "split": "PublicTest", "images": 210}


ALPHABETICAL = ",".join(sorted(FER2013))


def test_wrong_labels_are_not_shipped(keras_file, faces, evaluation_faces, tmp_path):
    np.savez(tmp_path / "e.npz", images=evaluation_faces.images, labels=evaluation_faces.labels, names=FER2013)
    arguments = ("--calibrate", f"{faces}#train", "--targets", "litert-float32", "--out", tmp_path / "b")
    for data in ("--evaluate", tmp_path / "e.npz"), ("--evaluate", f"{faces}#test"), ():
        said = call("convert", keras_file, *arguments, *data, "--labels", ALPHABETICAL, code=9).stderr
        assert f"the answers fit much better with --labels {','.join(FER2013)} (" in said
        assert not (tmp_path / "b").exists()
    forced = call("convert", keras_file, *arguments, *data, "--labels", ALPHABETICAL, "--force-contract")
    assert "converted as --force-contract says" in forced.stderr
    assert load(tmp_path / "b").manifest.labels == tuple(sorted(FER2013))


def test_range_and_labels_are_found_out(network, faces, tmp_path):
    import keras

    face = keras.Input(network.input_shape[1:])
    keras.Model(face, network(keras.layers.Rescaling(1 / 255)(face))).save(tmp_path / "theirs.keras")
    alphabetical = tmp_path / "alphabetical"
    for name in FER2013:
        # Folders named so that their own order is not the model's.
        (alphabetical / f"{name}s").parent.mkdir(exist_ok=True)
        (alphabetical / f"{name}s").symlink_to(faces / "test" / name)
    arguments = ("--calibrate", f"{faces}#train", "--targets", "litert-float32", "--out", tmp_path / "b", "--json")
    auto = ("--evaluate", alphabetical, "--range", "auto", "--labels", "auto")
    result = call("convert", tmp_path / "theirs.keras", *arguments, *auto)
    report = json.loads(result.stdout)
    assert report["preprocess"]["high"] == 255.0
    assert report["labels"] == [f"{name}s" for name in FER2013]
    assert report["targets"][0]["accuracy"] > 0.9
    assert "--range auto: took --range 0,255" in result.stderr
    assert {other["options"] for other in report["contract"]["others"]} >= {"--range 0,1", "--equalize"}
    assert "The model&#39;s input" in (tmp_path / "b-report.html").read_text().replace("'", "&#39;")


def test_labels_that_the_file_carries_are_used(faces, tmp_path):
    import onnx

    model = onnx.load(TORCH)
    onnx.helper.set_model_props(model, {"names": repr(dict(enumerate(FER2013[::-1])))})
    onnx.save(model, tmp_path / "theirs.onnx")
    arguments = ("--targets", "onnx-float32", "--out", tmp_path / "b", *NORMALIZE, *LOOSE)
    result = call("convert", tmp_path / "theirs.onnx", *data(faces), *arguments, code=9)
    assert f"labels, as theirs.onnx names them: {', '.join(FER2013[::-1])}" in result.stderr
    assert f"fit much better with --labels {','.join(FER2013)}" in result.stderr


def test_strict_has_its_own_exit_code(keras_file, faces, tmp_path):
    arguments = ("--targets", "litert-int8", "--out", tmp_path / "b", "--max-drop", -50, "--strict")
    result = call("convert", keras_file, *data(faces), *arguments, code=9)
    assert "litert-int8 does not pass the gate" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_was_asked_for_and_is_missing_is_an_error(keras_file, faces, tmp_path, monkeypatch):
    def broken(self):
        raise ValueError("no such operator")

    monkeypatch.setattr("edge_fer_convert.targets.onnx.Onnx.float32", broken)
    arguments = ("--targets", "onnx-float32,litert-float32", "--out", tmp_path / "b")
    said = call("convert", keras_file, *data(faces), *arguments, *LOOSE, code=9).stderr
    assert "warning: without onnx-float32: ValueError: no such operator" in said
    assert "b is written without onnx-float32" in said
    assert [target.name for target in load(tmp_path / "b").manifest.targets] == ["litert-float32"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 3, "pass --calibrate"),
        (("--calibrate", "nowhere"), 3, "nowhere is not there"),
        (("--calibrate", "{faces}", "--labels", "a,b"), 3, "7 classes, but there are 2 labels"),
        (("--calibrate", "{faces}", "--labels", ""), 3, "--labels: name 1 of 1 is empty"),
        (("--calibrate", "{faces}", "--labels", "a,b,c,a,d,e,f"), 3, "--labels has a twice; name each class once"),
        (("--calibrate", "{faces}", "--labels", "joy,b,happy,d,e,f,g"), 3, "--labels has joy and happy, which mean"),
        (("--calibrate", "{faces}", "--range", "0,1,2"), 3, "--range 0,1,2 is not two numbers"),
        (("--calibrate", "{faces}", "--range", "x"), 2, "no list of numbers"),
        (("--calibrate", "{faces}", "--outputs", "7"), 2, "no FIRST:END, such as 0:7"),
        (("--calibrate", "{faces}", "--output", "x"), 3, "no output 'x'; it has scores"),
        (("--calibrate", "{faces}", "--mean", "0.5"), 3, "pass both"),
        (("--calibrate", "{faces}", "--mean", "0.5", "--std", "0"), 3, "has a zero"),
        (("--calibrate", "{faces}", "--mean", "1,2,3", "--std", "1,2,3"), 3, "with one number each"),
        (("--calibrate", "{faces}", "--size", "48"), 3, "--size says 48"),
        (("--calibrate", "{faces}", "--margin", "7"), 3, "preprocessing cannot be margin 7"),
        (("--calibrate", "{faces}", "--targets", "tpu-int8"), 3, "no target 'tpu-int8'"),
        (("--recipe", "cnn-1"), 3, "needs --data"),
        (("--recipe", "nothing"), 3, "no recipe 'nothing'"),
    ],
)
def test_each_wrong_option_is_one_line(keras_file, faces, tmp_path, options, code, message):
    filled = [option.format(faces=faces) for option in options]
    result = call("convert", keras_file, *filled, "--out", tmp_path / "b", code=code)
    assert message in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_is_there_is_not_touched(keras_file, faces, tmp_path):
    (tmp_path / "b").mkdir()
    result = call("convert", keras_file, *data(faces), "--out", tmp_path / "b", code=3)
    assert "exists; pass another name, or --force" in result.stderr
    result = call("convert", keras_file, *data(faces), "--out", tmp_path / "b", "--force", code=3)
    assert "exists and is no bundle, so --force does not replace it" in result.stderr
    assert list((tmp_path / "b").iterdir()) == []


def test_a_report_that_is_there_is_refused_before_the_work(keras_file, tmp_path, monkeypatch):
    monkeypatch.setattr("edge_fer_convert.job_options.make_job", None)
    (tmp_path / "b-report.html").write_text("mine")
    for report in (tmp_path / "b-report.html", tmp_path, tmp_path / "b-report.html" / "x.html"):
        options = ("--report", report)
        result = call("convert", keras_file, "--calibrate", "x", "--out", tmp_path / "b", *options, code=3)
        assert re.search("(exists|is a folder|is no folder|no permission in .*); pass another --report", result.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["b-report.html"]
    assert (tmp_path / "b-report.html").read_text() == "mine"


def test_the_report_of_a_bundle_that_is_gone_is_kept(keras_file, faces, tmp_path):
    (tmp_path / "b-report.html").write_text("old")
    call("convert", keras_file, *data(faces), "--targets", "litert-float32", "--out", tmp_path / "b", *LOOSE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "b-report-2.html", "b-report.html"]
    assert (tmp_path / "b-report.html").read_text() == "old"


def test_a_bundle_and_its_report_are_replaced_by_force(keras_file, faces, tmp_path):
    arguments = ("convert", keras_file, *data(faces), "--targets", "litert-float32", "--out", tmp_path / "b", *LOOSE)
    call(*arguments)
    before = load(tmp_path / "b").manifest
    (tmp_path / "b-report.html").write_text("old")
    call(*arguments, "--name", "second", "--force")
    assert (before.name, load(tmp_path / "b").manifest.name) == ("b", "second")
    assert (tmp_path / "b-report.html").read_text() != "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "b-report.html"]


def test_a_report_that_cannot_be_written_leaves_the_bundle(keras_file, faces, tmp_path, monkeypatch):
    write = files.write

    def full(path, content):
        if path.suffix == ".html":
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "write", full)
    arguments = ("--targets", "litert-float32", "--out", tmp_path / "b")
    result = call("convert", keras_file, *data(faces), *arguments, *LOOSE, code=6)
    assert "the bundle is written, but not its report" in " ".join(result.stderr.split())
    assert [target.name for target in load(tmp_path / "b").manifest.targets] == ["litert-float32"]


def test_neither_model_nor_recipe_is_a_usage_error():
    assert "pass a MODEL, or --recipe" in call("convert", code=2).stderr


def write_votes(path, faces):
    """Write votes on each of *faces*: nine for its label and one for contempt; on the first one ten for contempt."""
    rows = [["path", *VOTES]]
    for face, label in zip(faces.paths, faces.labels, strict=True):
        of_label = {VOTE_OF_CLASS[FER2013[label]]: 9, "contempt": 1}
        counts = dict.fromkeys(VOTES, 0) | (of_label if len(rows) > 1 else {"contempt": 10})
        rows.append([face, *map(str, counts.values())])
    path.write_text("".join(f"{','.join(row)}\n" for row in rows))


@pytest.fixture
def own_recipe(tmp_path, pool, evaluation_faces, network):
    """A recipe, its data and its weights, for the small model."""
    for name, part in (("fer2013-train.npz", pool), ("fer2013-public-test.npz", evaluation_faces)):
        np.savez(tmp_path / name, images=part.images, labels=part.labels)
    network.save(tmp_path / "weights.keras")
    write_votes(tmp_path / "ferplus.csv", load_faces(tmp_path / "fer2013-public-test.npz"))
    text = (recipe.RECIPES / "cnn-1.toml").read_text().replace(".zip", ".npz")
    text = text.replace("size_px = 96", "size_px = 32", 1).replace("images = 500", "images = 100")
    text = text.replace("drop = 0.5", "drop = 3").replace("drop = 0.7", "drop = 3")
    (tmp_path / "own.toml").write_text(text)
    return tmp_path


def test_a_recipe_rebuilds_the_same(own_recipe):
    """The same bytes, and the same golden answers."""
    bundles = []
    for name in ("first", "again"):
        where = ("--recipe", own_recipe / "own.toml", "--data", own_recipe, "--out", own_recipe / name)
        call("convert", own_recipe / "weights.keras", *where)
        bundles.append(load(own_recipe / name))
    first, again = bundles
    assert first.manifest.calibration == again.manifest.calibration
    assert [t.name for t in first.manifest.targets] == ["litert-int8", "litert-float32", "openvino-int8", "onnx-int8"]
    for one, other in zip(first.manifest.targets, again.manifest.targets, strict=True):
        assert np.array_equal(first.golden().answers[one.name], again.golden().answers[one.name]), one.name
        assert (one.sha256, one.weights) == (other.sha256, other.weights), one.name
        assert one.evaluation.fresh_images is not None
        # Everybody voted for the label, but on one face, which is always wrong.
        by_votes = one.evaluation.votes
        assert by_votes.images == one.evaluation.images
        most_without_it = one.evaluation.accuracy * by_votes.images
        assert by_votes.accuracy_8_classes * by_votes.images == pytest.approx(most_without_it, abs=1.01)
        assert by_votes.accuracy_7_classes == pytest.approx(by_votes.accuracy_8_classes * 210 / 209)


def test_votes_of_your_own_are_measured_by(network, own_recipe):
    data = own_recipe / "fer2013-public-test.npz"
    arguments = ["convert", own_recipe / "weights.keras", "--calibrate", own_recipe / "fer2013-train.npz"]
    arguments += ["--targets", "litert-float32", "--out", own_recipe / "mine", "--votes", own_recipe / "ferplus.csv"]
    assert "about the faces of --evaluate" in call(*arguments, code=3).stderr
    assert "opening" not in call(*arguments, code=3).stderr
    figures = json.loads(call(*arguments, "--evaluate", data, "--json").stdout)
    (target,) = figures["targets"]
    votes = target["votes"]
    assert votes["accuracy_7_classes"] == pytest.approx(
        votes["accuracy_8_classes"] * votes["images"] / (votes["images"] - 1)
    )
    assert target["votes"]["drop_points"] == 0
    page = (own_recipe / "mine-report.html").read_text()
    assert ">FER+</a></th>" in page
    assert f"{target['votes']['accuracy_8_classes']:.2%}" in page


def test_a_recipe_asks_for_its_votes_or_takes_others(own_recipe):
    (own_recipe / "ferplus.csv").rename(own_recipe / "other.csv")
    where = ("--recipe", own_recipe / "own.toml", "--data", own_recipe, "--out", own_recipe / "b")
    refused = call("convert", own_recipe / "weights.keras", *where, code=3).stderr
    assert "ferplus.csv does not exist; put the csv of FER+ there, or pass it with --votes" in refused
    targets = ("--targets", "litert-float32", "--votes", own_recipe / "other.csv")
    call("convert", own_recipe / "weights.keras", *where, *targets)
    assert load(own_recipe / "b").manifest.targets[0].evaluation.votes is not None


def test_a_recipe_without_its_weights_says_where_they_are(own_recipe, monkeypatch):
    monkeypatch.setattr("edge_fer_convert.job_options.WEIGHTS", own_recipe)
    where = ("--recipe", own_recipe / "own.toml", "--data", own_recipe, "--out", own_recipe / "b")
    assert "a clone has the weights" in call("convert", *where, code=3).stderr
