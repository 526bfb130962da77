from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

for module in ("tensorflow", "litert_quantizer", "jinja2"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer import bundle, manifest  # noqa: E402
from edge_fer.cli import main  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.evaluation.votes import VOTE_OF_CLASS, VOTES, FerPlusVotes  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import Data, Gate, Job, ModelMetadata, convert, write_bundle  # noqa: E402


def converted(float_model, pool, tmp_path, evaluated=None, *, find_near_copies=False, votes=None) -> str:
    job = Job(
        model=float_model,
        metadata=ModelMetadata("mine", FER2013, Preprocess(size_px=32), "a model of mine"),
        training="Trained on drawn faces.",
        pool=Data(pool, "drawn", "train"),
        evaluated=evaluated,
        targets=("litert-int8", "litert-float32"),
        gate=Gate(5, 5),
        images=70,
        find_near_copies=find_near_copies,
        votes=votes,
    )
    write_bundle(convert(job), tmp_path / "mine")
    card = bundle.load(tmp_path / "mine").model_card()
    assert card is not None
    return card


def test_a_card_has_figures_class_by_class_and_the_forbidden_uses(float_model, pool, evaluation_faces, tmp_path):
    card = converted(float_model, pool, tmp_path, Data(evaluation_faces, "drawn", "test"))
    assert card.startswith("# mine\n")
    assert "Article 5(1)(f)" in card
    assert "Trained on drawn faces." in card
    assert "none of which it is judged on. Sees 32x32 pixels" in card
    assert "The epoch that was kept" in card
    assert "On 210 images of drawn test" in card
    for label in FER2013:
        assert f"| {label} | 30 |" in card
    assert card.count("| `litert-") == 2
    assert "one thread" in card
    shown = CliRunner().invoke(main, ["models", str(tmp_path / "mine")])
    assert shown.stdout.strip() == card.strip()


def test_accuracy_without_near_copies_has_a_column_of_its_own(float_model, pool, evaluation_faces, tmp_path):
    evaluated = Data(evaluation_faces, "drawn", "test")
    card = converted(float_model, pool, tmp_path, evaluated, find_near_copies=True)
    evaluation = bundle.load(tmp_path / "mine").manifest.targets[0].evaluation
    heading = f"accuracy on the {evaluation.fresh_images} images without a near-copy in train"
    table = [line.split(" | ") for line in card.splitlines() if heading in line or line.startswith("| `litert-")]
    column = table[0].index(heading)
    assert [len(row) for row in table] == [len(table[0])] * 3
    assert table[1][column] == f"{evaluation.fresh_accuracy:.2%}"


def test_without_an_evaluation_set_a_card_says_so(float_model, pool, tmp_path):
    card = converted(float_model, pool, tmp_path)
    assert "Nobody has judged it" in card
    assert "none of which it is judged on" not in card
    assert "The epoch that was kept" not in card
    assert "`litert-int8` agrees with float32 on" in card


def test_a_damaged_card_is_refused(float_model, pool, tmp_path):
    converted(float_model, pool, tmp_path)
    path = tmp_path / "mine" / manifest.MODEL_CARD
    path.write_text(path.read_text() + "changed")
    shown = CliRunner().invoke(main, ["models", str(tmp_path / "mine")])
    assert shown.exit_code == 4
    assert "the bundle is damaged" in shown.stderr


def test_the_figures_by_votes_come_before_those_by_labels(float_model, pool, evaluation_faces, tmp_path):
    counts = np.zeros((len(evaluation_faces), len(VOTES)), np.float32)
    columns = [VOTES.index(VOTE_OF_CLASS[FER2013[label]]) for label in evaluation_faces.labels]
    counts[np.arange(len(counts)), columns] = 10
    evaluated = Data(evaluation_faces, "drawn", "test")
    card = converted(float_model, pool, tmp_path, evaluated, votes=FerPlusVotes(counts))
    by_votes = bundle.load(tmp_path / "mine").manifest.targets[0].evaluation.votes
    assert by_votes is not None
    assert card.index("on the 210 images of drawn test") < card.index("On 210 images of drawn test")
    first_row = next(line for line in card.splitlines() if line.startswith("| `litert-int8`"))
    assert f"| {by_votes.accuracy_8_classes:.2%} | {by_votes.accuracy_7_classes:.2%} |" in first_row
    assert "| label | recall by FER+ | images |" in card
