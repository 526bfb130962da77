"""The folder of a run: what is found in it may be cut off, foreign or of another run."""

from __future__ import annotations

import errno
import json
import shutil
import zipfile

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput, SinkError  # noqa: E402
from edge_fer.evaluation.labelled import load_faces  # noqa: E402
from edge_fer.progress import ProgressListener  # noqa: E402
from edge_fer_train import epoch, folds, identity, networks, recipe, run_folder, soft_labels  # noqa: E402
from edge_fer_train.datasets import Dataset  # noqa: E402
from edge_fer_train.datasets.splits import Split  # noqa: E402
from edge_fer_train.run import TrainingRun  # noqa: E402
from edge_fer_train.run_folder import RunFolder  # noqa: E402


class Interrupting(ProgressListener):
    """Interrupts a run after that many epochs; keeps the warnings."""

    def __init__(self, epochs=10**9):
        self.left = epochs
        self.warnings = []

    def tell(self, message):
        if message.startswith("epoch "):
            self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture
def made(drawn_zip, tiny_recipe, tmp_path):
    """Makes runs of the tiny network in one folder."""
    faces = load_faces(drawn_zip)
    path = tiny_recipe((32, 2), (40, 2))

    def make(progress=None, path=path, folder=tmp_path / "run", faces=faces, **values):
        chosen = recipe.load(str(path))
        given = (chosen, folder, faces, soft_labels.hard(faces), faces, progress or ProgressListener())
        return TrainingRun(*given, **values)

    return make


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Other tests are about the curves, and drawing them takes longer than these runs."""
    monkeypatch.setattr("edge_fer_train.report.save_figure", lambda figure, path: path.write_bytes(b""))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder for the run that many tests begin with, so that it is trained once."""
    return tmp_path_factory.mktemp("kept") / "run"


@pytest.fixture
def interrupted(made, kept):
    """A run that was interrupted after its third epoch; its folder."""
    if not kept.exists():
        with pytest.raises(KeyboardInterrupt):
            made(Interrupting(3), folder=kept).execute()
    shutil.copytree(kept, made().folder)
    return made().folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_interrupted_run_goes_on_after_its_last_epoch(made, interrupted):
    before = json.loads((interrupted / "history.json").read_text())
    assert [entry["epoch"] for entry in before] == [1, 2, 3]
    run = made()
    report = run.execute()
    assert run.history[:3] == before
    assert [entry["size_px"] for entry in run.history] == [32, 32, 40, 40]
    assert report.images == 28
    assert keras.saving.load_model(interrupted / "best-32.keras").input_shape[1] == 32
    assert not (interrupted / ".lock").exists()


def test_a_finished_run_is_reported_again_and_not_trained_again(made, monkeypatch):
    first = made().execute()
    monkeypatch.setattr(keras.Model, "fit", None)
    assert made().execute().as_dict() == first.as_dict()


CUT_OFF = "is cut off, or no .keras file"


def other_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")


def other_network(path):
    keras.Sequential([keras.Input((32, 32, 1)), keras.layers.Flatten(), keras.layers.Dense(7)]).save(path)


def without_numbers(path):
    model = keras.saving.load_model(path)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    model.save(path)


def folder_instead(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("name", ["last.keras", "best.keras"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), CUT_OFF),
        (lambda path: path.write_bytes(b""), r"\(0 bytes\) is cut off"),
        (lambda path: path.write_text("weights"), CUT_OFF),
        (other_zip, "cannot be loaded: "),
        (other_network, r"is of another network \(sequential"),
        (without_numbers, "has weights that are no numbers"),
        (folder_instead, "is a folder where a file of the run belongs"),
    ],
)
def test_a_damaged_model_is_refused_and_nothing_is_lost(made, interrupted, name, damage, words):
    damage(interrupted / name)
    others = {path.name for path in interrupted.iterdir()} - {name}
    before = {other: (interrupted / other).read_bytes() for other in others}
    with pytest.raises(BadInput, match=rf"{name.replace('.', '[.]')} .*{words}.*pass another --out") as caught:
        made().execute()
    assert "\n" not in str(caught.value)
    assert {other: (interrupted / other).read_bytes() for other in others} == before
    assert {path.name for path in interrupted.iterdir()} == others | {name}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Invalid JSON"),
        (b'{"loss": 1}', "valid array"),
        (b'[{"epoch": 1, "size_px": 48, "validation_accuracy": 1, "seconds": 1}]', "epoch 1 is at 48 px"),
    ],
)
def test_a_damaged_history_is_refused(made, interrupted, content, words):
    (interrupted / "history.json").write_bytes(content)
    before = contents(interrupted)
    with pytest.raises(BadInput, match=rf"history\.json cannot be used: .*{words}.*or --force to start over"):
        made().execute()
    assert contents(interrupted) == before


def test_a_huge_history_is_not_read(made, interrupted, monkeypatch):
    monkeypatch.setattr(run_folder, "MAX_JSON_BYTES", 100)
    with pytest.raises(BadInput, match="which no run writes"):
        made().execute()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("history.json", "has no history.json any more"),
        ("run.json", "has a best.keras, and no run.json"),
        ("last.keras", "has a history but no last.keras"),
    ],
)
def test_a_file_that_is_missing_is_named(made, interrupted, name, words):
    (interrupted / name).unlink()
    with pytest.raises(BadInput, match=words):
        made().execute()


def test_without_its_best_a_run_goes_on_and_keeps_the_best_of_the_rest(made, interrupted):
    (interrupted / "best.keras").unlink()
    progress = Interrupting()
    made(progress).execute()
    assert [warning.partition(" is missing")[0] for warning in progress.warnings] == [str(interrupted / "best.keras")]
    assert keras.saving.load_model(interrupted / "best.keras").input_shape[1] == 40


def test_a_finished_run_without_its_best_is_refused(made):
    run = made()
    run.execute()
    run.files.best.unlink()
    with pytest.raises(BadInput, match=r"has no best\.keras any more"):
        made().execute()


def test_a_last_model_without_optimizer_is_refused(made, interrupted):
    model = keras.saving.load_model(interrupted / "last.keras", compile=False)
    model.save(interrupted / "last.keras")
    with pytest.raises(BadInput, match=r"has no optimizer.*best\.keras stays as it is"):
        made().execute()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch_size": "4"}, "training.batch_size 8, not 4"),
        ({"name": '"other"'}, "recipe tiny, not other"),
        ({"seed": "8"}, "seed 7, not 8"),
    ],
)
def test_a_run_of_another_recipe_is_refused(made, interrupted, tiny_recipe, change, words):
    other = tiny_recipe((32, 2), (40, 2), **change)
    before = contents(interrupted)
    with pytest.raises(BadInput, match=rf"run was trained with {words}; pass another --out, or --force to start over"):
        made(path=other).execute()
    assert contents(interrupted) == before


def test_what_a_recipe_says_about_itself_may_change(made, interrupted, tiny_recipe):
    made(path=tiny_recipe((32, 2), (40, 2), description='"Reworded."')).execute()


def test_a_run_of_more_epochs_precision_faces_or_options_is_another(made, interrupted, tiny_recipe):
    faces = made().train
    cases = (
        (
            {"path": tiny_recipe((32, 2), (40, 2), (48, 1), file="longer.toml")},
            "training.stages.3.size_px none, not 48",
        ),
        ({"computing": "bfloat16"}, "precision float32, not bfloat16"),
        ({"faces": faces.take(np.arange(27))}, r"the training faces 28 faces \(\w+\), not 27 faces"),
        ({"faces": faces.take(np.arange(28)[::-1])}, r"the training faces 28 faces \(\w+\), not 28 faces"),
        ({"options": {"split": "50-50"}}, "split none, not 50-50"),
    )
    for values, words in cases:
        with pytest.raises(BadInput, match=words):
            made(**values).execute()


def test_force_starts_over_and_leaves_what_is_not_of_a_run(made, interrupted, tiny_recipe):
    (interrupted / "notes.txt").write_text("mine")
    run = made(path=tiny_recipe((32, 1)), start_over=True)
    run.execute()
    assert [entry["epoch"] for entry in run.history] == [1]
    assert (interrupted / "notes.txt").read_text() == "mine"
    assert not (interrupted / "best-32.keras").exists()  # that was of the run before
    assert made(path=tiny_recipe((32, 1))).execute()


def test_force_costs_nothing_before_the_new_network_is_built(made, interrupted, tiny_recipe):
    before = contents(interrupted)
    impossible = tiny_recipe((32, 1), architecture='"nonsense"')
    with pytest.raises(BadInput, match="no architecture 'nonsense'"):
        made(path=impossible, start_over=True).execute()
    assert contents(interrupted) == before


def test_a_folder_with_somebody_elses_report_is_refused(made, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.json").write_text("{}")
    with pytest.raises(BadInput, match=r"has a report\.json, and no run\.json that says how it was trained"):
        made().execute()
    (tmp_path / "run" / "report.json").rename(tmp_path / "run" / "mine.json")
    made().execute()


def test_two_runs_do_not_share_a_folder(made):
    with made().files.locked(), pytest.raises(BadInput, match="is in use by process"):
        made().execute()


def test_a_full_disk_is_one_line_and_the_run_goes_on_after_it(made, interrupted, monkeypatch):
    def full(model, path, **options):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    before = contents(interrupted)
    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "save", full)
        with pytest.raises(SinkError, match=r"cannot be written: No space left on device; make room, and repeat the"):
            made().execute()
    assert contents(interrupted) == before
    assert made().execute()


def test_a_loss_that_is_no_number_is_not_kept(made, interrupted, monkeypatch):
    fit = epoch.fit
    before = contents(interrupted)

    def diverged(*given):
        fitted = fit(*given)
        return type(fitted)(float("nan"), fitted.accuracy, fitted.last_step)

    monkeypatch.setattr("edge_fer_train.epoch.fit", diverged)
    with pytest.raises(BadInput, match="epoch 4 has the loss nan, so it is not kept; lower the learning rate"):
        made().execute()
    assert contents(interrupted) == before


def test_a_run_without_epochs_is_refused(made, tiny_recipe, tmp_path):
    with pytest.raises(BadInput, match="recipe tiny has no epochs, so nothing would be trained"):
        made(path=tiny_recipe((32, 0))).execute()
    assert not (tmp_path / "run").exists()


def test_each_size_has_a_best_of_its_own(tmp_path, tiny_recipe):
    chosen = recipe.load(str(tiny_recipe((32, 1))))
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.change_size(32, 40)  # there is none yet

    def save(size_px):
        run_folder.save_model(networks.build(chosen, size_px, 7), folder.best)

    def there():
        return sorted(path.name for path in folder.path.iterdir())

    save(32)
    folder.change_size(32, 40)
    assert there() == ["best-32.keras"]
    save(40)
    folder.change_size(32, 40)  # again, after a run was killed between its best model and its history
    assert there() == ["best-32.keras", "best.keras"]
    folder.change_size(40, 32)  # the best of the earlier epochs of this size counts again
    assert there() == ["best-40.keras", "best.keras"]
    assert folder.load_best().input_shape[1] == 32


@pytest.fixture
def crossed(made, drawn_zip, tmp_path, tiny_recipe):
    """Executes a cross-validation of two folds in one folder."""
    faces = load_faces(drawn_zip)
    halves = [np.arange(0, 28, 2), np.arange(1, 28, 2)]
    none = np.empty(0, np.intp)
    cut = [Split(*halves, none), Split(*halves[::-1], none)]

    def cross(progress=None, **changes):
        progress = progress or ProgressListener()
        chosen = recipe.load(str(tiny_recipe((32, 2), **changes.pop("recipe", {}))))
        runs = []
        for number, split in enumerate(cut, start=1):
            train = faces.take(split.train)
            given = (chosen, tmp_path / "folds" / f"fold-{number}", train, soft_labels.hard(train))
            options = {"split": "2 folds", folds.FOLD: number}
            runs.append(TrainingRun(*given, faces.take(split.validation), progress, options=options, **changes))
        return folds.cross_validate(runs, cut, Dataset("drawn", faces), tmp_path / "folds", progress)

    return cross


def test_folds_are_resumed_and_another_recipe_is_refused(crossed, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        crossed(Interrupting(3))
    first = (tmp_path / "folds" / "fold-1" / "history.json").read_bytes()
    with pytest.raises(BadInput, match=r"fold-1 was trained with training\.batch_size 8, not 4"):
        crossed(recipe={"batch_size": "4"})
    assert crossed().images == 28
    assert (tmp_path / "folds" / "fold-1" / "history.json").read_bytes() == first
    report = (tmp_path / "folds" / "report.json").read_bytes()
    with pytest.raises(BadInput, match="was trained with"):
        crossed(recipe={"batch_size": "4"})
    assert (tmp_path / "folds" / "report.json").read_bytes() == report


def test_a_damaged_fold_is_refused_before_any_is_trained(crossed, tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        crossed(Interrupting(3))
    (tmp_path / "folds" / "fold-2" / "last.keras").write_bytes(b"")
    monkeypatch.setattr(keras.Model, "fit", None)
    with pytest.raises(BadInput, match=r"fold-2/last\.keras \(0 bytes\) is cut off"):
        crossed()


def test_force_starts_all_folds_over(crossed, tmp_path):
    crossed()
    with pytest.raises(KeyboardInterrupt):
        crossed(Interrupting(1), recipe={"batch_size": "4"}, start_over=True)
    assert not (tmp_path / "folds" / "fold-2" / "history.json").exists()  # of the run before
    assert crossed(recipe={"batch_size": "4"}).images == 28


def test_a_file_is_known_by_its_content_and_a_bundle_by_its_name(tmp_path):
    (tmp_path / "a.keras").write_bytes(b"1")
    before = identity.of_files([tmp_path / "a.keras", tmp_path / "compact"])
    (tmp_path / "a.keras").write_bytes(b"2")
    after = identity.of_files([tmp_path / "a.keras", tmp_path / "compact"])
    assert before != after
    assert before.endswith(", compact")
    assert identity.of_files([]) is None
