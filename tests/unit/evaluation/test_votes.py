from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation import votes
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.votes import CONTEMPT, LEFT_OUT, VOTES, FerPlusVotes

CLASSES = len(FER2013)
VOTES_OF = votes.VOTE_OF_CLASS
EMOTIONS = VOTES[:8]
COUNTS = arrays(np.float32, st.tuples(st.integers(1, 12), st.just(10)), elements=st.integers(0, 10).map(float))


def cast(**counts: int) -> np.ndarray:
    """``(10,)`` votes."""
    return np.array([counts.get(name, 0) for name in VOTES], np.float32)


@pytest.mark.parametrize(
    ("counts", "label"),
    [
        (cast(anger=10), "angry"),
        (cast(happiness=6, neutral=4), "happy"),
        (cast(happiness=5, neutral=5), None),  # not more than half
        (cast(happiness=5, neutral=4, fear=1), "happy"),  # a single vote does not count
        (cast(sadness=4, neutral=3, fear=3), None),
        (cast(unknown=7, sadness=3), None),
        (cast(NF=10), None),
        (cast(sadness=6, unknown=4), "sad"),
        (cast(disgust=1, fear=1, anger=1), None),  # no vote is left
        (cast(), None),
        (cast(contempt=7, neutral=3), "contempt"),
    ],
)
def test_the_majority_label_follows_the_protocol(counts, label):
    labels = {name: position for position, name in enumerate(FER2013)} | {"contempt": CONTEMPT, None: LEFT_OUT}
    assert votes.majority_labels(counts[np.newaxis]).tolist() == [labels[label]]


@pytest.mark.parametrize(
    ("counts", "shares"),
    [
        (cast(anger=6, sadness=4), {"angry": 0.6, "sad": 0.4}),
        (cast(anger=6, sadness=3, fear=1), {"angry": 2 / 3, "sad": 1 / 3}),
        (cast(happiness=4, contempt=4, unknown=2), {"happy": 1.0}),
        (cast(surprise=3, fear=3, unknown=4), {}),
        (cast(surprise=1, fear=1, contempt=8), {}),
        (cast(neutral=2, contempt=8), {"neutral": 1.0}),
        (cast(NF=6, neutral=4), {}),
        (cast(), {}),
    ],
)
def test_a_distribution_has_the_shares_of_the_seven_classes(counts, shares):
    (distribution,) = votes.vote_distributions(counts[np.newaxis])
    assert distribution.dtype == np.float32
    assert distribution.tolist() == pytest.approx([shares.get(name, 0.0) for name in FER2013])


@given(COUNTS)
def test_a_distribution_sums_to_one_or_is_zero(counts):
    before = counts.copy()
    distributions = votes.vote_distributions(counts)
    sums = distributions.sum(axis=1)
    assert (distributions >= 0).all()
    assert np.logical_or(np.isclose(sums, 1), sums == 0).all()
    assert np.array_equal(counts, before)


@given(COUNTS)
def test_a_majority_is_more_than_half_and_leads_the_distribution(counts):
    labels = votes.majority_labels(counts)
    assert ((labels >= LEFT_OUT) & (labels <= CONTEMPT)).all()
    kept = votes.drop_single_votes(counts)
    has_label = labels != LEFT_OUT
    assert (kept.max(axis=1)[has_label] * 2 > kept.sum(axis=1)[has_label]).all()
    of_seven = has_label & (labels != CONTEMPT)
    assert (votes.vote_distributions(counts)[of_seven].argmax(axis=1) == labels[of_seven]).all()


@given(COUNTS, st.integers(0, 9))
def test_one_more_vote_of_somebody_alone_changes_nothing(counts, column):
    counts[:, column] = 0
    one_more = counts.copy()
    one_more[:, column] = 1
    assert np.array_equal(votes.majority_labels(one_more), votes.majority_labels(counts))
    assert np.array_equal(votes.vote_distributions(one_more), votes.vote_distributions(counts))


@given(COUNTS)
def test_agreement_is_that_of_each_annotator_with_the_others(counts):
    """The same, one annotator at a time."""
    compared = agreeing = 0
    for row in counts:
        for column, vote in enumerate(VOTES):
            for _ in range(int(row[column])):
                others = row.copy()
                others[column] -= 1
                (label,) = votes.majority_labels(others[np.newaxis])
                if label == LEFT_OUT:
                    continue
                name = "contempt" if label == CONTEMPT else votes.VOTE_OF_CLASS[FER2013[label]]
                compared += 1
                agreeing += name == vote
    expected = agreeing / compared if compared else float("nan")
    assert votes.annotator_agreement(counts) == pytest.approx(expected, nan_ok=True)


def test_agreement_of_annotators_who_all_say_the_same_is_full():
    unanimous = np.stack([cast(**{vote: 10}) for vote in EMOTIONS])
    assert votes.annotator_agreement(unanimous) == 1.0
    # The nine others contradict the one who saw anger, whose single vote does not count for any of them.
    assert votes.annotator_agreement(cast(fear=9, anger=1)[np.newaxis]) == pytest.approx(0.9)
    assert np.isnan(votes.annotator_agreement(cast(NF=10)[np.newaxis]))


def test_contempt_is_always_wrong_where_eight_classes_count():
    labels = np.array([0, 3, CONTEMPT, LEFT_OUT, 6])
    predicted = np.array([0, 3, 6, 1, 2])
    assert votes.majority_accuracy(predicted, labels) == 0.5
    assert votes.majority_accuracy(predicted, labels, contempt=False) == pytest.approx(2 / 3)
    assert np.isnan(votes.majority_accuracy(predicted[3:4], labels[3:4]))


def test_a_class_without_images_has_no_recall():
    labels = np.array([0, 0, 3, CONTEMPT, LEFT_OUT])
    recalls = votes.class_recalls(np.array([0, 1, 3, 3, 3]), labels)
    assert recalls[[0, 3]].tolist() == [0.5, 1.0]
    assert np.isnan(recalls[[1, 2, 4, 5, 6]]).all()


@given(COUNTS, st.integers(0, 2**32 - 1))
def test_no_scores_are_nearer_to_the_votes_than_the_votes_themselves(counts, seed):
    distributions = votes.vote_distributions(counts)
    scores = np.random.default_rng(seed).dirichlet(np.ones(CLASSES), len(counts)).astype(np.float32)
    if not distributions.any():
        assert np.isnan(votes.cross_entropy(scores, distributions))
        assert np.isnan(votes.brier_score(scores, distributions))
        return
    assert votes.brier_score(distributions, distributions) == 0
    assert 0 <= votes.brier_score(scores, distributions) <= 2
    least = votes.cross_entropy(distributions, distributions)
    assert least <= votes.cross_entropy(scores, distributions) + 1e-6


def test_scores_are_compared_with_distributions():
    distributions = np.array([[0.6, 0.4, 0, 0, 0, 0, 0], [0] * 7], np.float32)
    scores = np.array([[0.5, 0.2, 0.3, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]], np.float32)
    assert votes.cross_entropy(scores, distributions) == pytest.approx(-(0.6 * np.log(0.5) + 0.4 * np.log(0.2)))
    assert votes.brier_score(scores, distributions) == pytest.approx(0.1**2 + 0.2**2 + 0.3**2)
    certain = np.eye(7, dtype=np.float32)[[6, 6]]
    assert np.isfinite(votes.cross_entropy(certain, distributions))


def test_confidence_is_compared_with_the_share_of_votes_for_the_prediction():
    distributions = np.array([[0.8, 0.2, 0, 0, 0, 0, 0], [0.3, 0.7, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]], np.float32)
    scores = np.array([[0.9, 0.1, 0, 0, 0, 0, 0], [0.55, 0.45, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]], np.float32)
    # Two bins of one face each: 0.9 against 0.8, and 0.55 against 0.3. The third face has no votes.
    assert votes.votes_calibration_error(scores, distributions) == pytest.approx((0.1 + 0.25) / 2)
    assert votes.votes_calibration_error(distributions, distributions) == pytest.approx(0, abs=1e-6)
    assert np.isnan(votes.votes_calibration_error(scores[2:], distributions[2:]))


def test_counts_are_in_the_order_of_the_paths():
    by_name = {"train/sad/a.png": cast(fear=7), "b.png": cast(anger=3)}
    counts = votes.vote_counts(("c.png", "train/sad/a.png", "train/angry/b.png"), by_name)
    assert counts.dtype == np.float32
    assert counts.tolist() == [cast().tolist(), cast(fear=7).tolist(), cast(anger=3).tolist()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,happy\na,1\n", r"no table of FER\+ votes: no column neutral, surprise"),
        ("path," + ",".join(VOTES) + "\na" + ",1" * 9 + ",-1\n", "line 2: NF is '-1'; votes are counts"),
        ("path," + ",".join(VOTES) + "\na" + ",1" * 9 + ",nan\n", "line 2: NF is 'nan'; votes are counts"),
        ("path," + ",".join(VOTES) + "\na" + ",1" * 9 + ",1e39\n", "line 2: NF is '1e39'; votes are counts"),
        (
            "path," + ",".join(VOTES) + "\na" + ",1" * 10 + "\nb" + ",1" * 10 + "\na" + ",2" * 10 + "\n",
            "line 4: other votes on a than in line 2; remove one of them",
        ),
        ('"a\nb\x1b[31m",c\n1,2\n', r"its columns are: a b, c"),
        ("path," + ",".join(VOTES) + "\na,1,2\n", "line 2: surprise is ''; votes are counts from 0 to 1000"),
    ],
)
def test_a_csv_that_is_none_is_refused(tmp_path, text, message):
    path = tmp_path / "votes.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        votes.load_votes(path)


def test_microsofts_own_csv_names_images_by_file_and_by_line(tmp_path):
    path = tmp_path / "fer2013new.csv"
    path.write_text(
        "Usage,Image name," + ",".join(VOTES) + "\n"
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0\n"
        "Training,fer0000001.png,6,0,1,1,0,0,0,0,2,0\n"
    )
    read = votes.load_votes(path)
    assert read["fer0000001.png"].tolist() == read["line 3"].tolist() == [6, 0, 1, 1, 0, 0, 0, 0, 2, 0]


@given(counts=COUNTS)
def test_votes_that_are_written_are_read_again(tmp_path_factory, counts):
    path = tmp_path_factory.mktemp("votes") / "ferplus.csv"
    names = [f"train/{number}.png" for number in range(len(counts))]
    rows = [",".join([name, *map(str, row.astype(int))]) for name, row in zip(names, counts, strict=True)]
    path.write_text("\n".join(["path," + ",".join(VOTES), *rows]))
    assert np.array_equal(votes.vote_counts(names, votes.load_votes(path)), counts)


def test_an_image_may_have_the_same_votes_twice_and_columns_other_names(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("Path," + ",".join(VOTES).replace("anger", "Angry") + ("\ntrain\\\\a" + ",1" * 10) * 2)
    assert list(votes.load_votes(path)) == ["train//a"]


@given(st.permutations(range(CLASSES)))
def test_the_order_of_the_classes_changes_no_figure(order):
    rng = np.random.default_rng(0)
    counts = np.stack([cast(**{EMOTIONS[number % 7]: 9, EMOTIONS[number % 3]: 2}) for number in range(40)])
    scores = rng.dirichlet(np.ones(CLASSES), 40).astype(np.float32)
    names = tuple(VOTES_OF[FER2013[position]] for position in order)
    of_faces, in_order = FerPlusVotes(counts, names), FerPlusVotes(counts)
    figures, expected = of_faces.figures(scores[:, order]), in_order.figures(scores)
    assert figures.pop("recall") == expected.pop("recall")
    assert figures == pytest.approx(expected)
    assert of_faces.accuracy(scores[:, order]) == in_order.accuracy(scores)
    predicted = scores[:, order].argmax(axis=1)
    assert of_faces.accuracies(predicted) == in_order.accuracies(scores.argmax(axis=1))


def test_scores_of_faces_are_evaluated_by_their_votes(faces):
    by_path = {
        faces.paths[0]: cast(sadness=6, fear=4),
        faces.paths[1]: cast(contempt=10),
        faces.paths[2]: cast(anger=5, unknown=5),
    }
    of_faces = FerPlusVotes.of(faces, by_path)
    scores = np.full((len(faces), CLASSES), 0.1, np.float32)
    scores[:, FER2013.index("sad")] = 0.4
    assert of_faces.accuracy(scores) == 0.5
    expected = [-(0.6 * np.log(0.4) + 0.4 * np.log(0.1)), -np.log(0.1)]  # the third's distribution is anger alone
    assert of_faces.cross_entropy(scores) == pytest.approx(np.mean(expected), rel=1e-5)
    figures = of_faces.figures(scores)
    assert figures["images"] == 2
    assert (figures["accuracy_8_classes"], figures["accuracy_7_classes"]) == (0.5, 1.0)
    assert figures["recall"] == {"sad": 1.0}
    assert figures["macro_recall"] == 1.0
    assert figures["cross_entropy"] == of_faces.cross_entropy(scores)
    assert figures["brier_score"] == votes.brier_score(scores, of_faces.distributions)
    assert figures["annotator_agreement"] == votes.annotator_agreement(of_faces.counts[:2])  # of those two images


def test_a_fifo_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "votes.csv")
    with pytest.raises(BadInput, match="it is a pipe, not a file"):
        votes.load_votes(tmp_path / "votes.csv")


def test_agreement_that_cannot_be_known_is_none():
    """Two votes are a majority; without one of them there is none."""
    scores = np.full((1, CLASSES), 1 / CLASSES, np.float32)
    assert FerPlusVotes(cast(happiness=2)[np.newaxis]).figures(scores)["annotator_agreement"] is None


@pytest.mark.parametrize("by_path", [{}, {"train/angry/angry0.png": cast(contempt=10)}])
def test_faces_without_a_majority_are_refused(faces, by_path):
    with pytest.raises(BadInput, match=r"none of the 28 faces to evaluate has a majority of FER\+ votes"):
        FerPlusVotes.of(faces, by_path)


def test_faces_of_other_classes_are_refused(faces):
    others = replace(faces, names=tuple("abcdefg"))
    with pytest.raises(BadInput, match="these faces are a, b, c, d, e, f, g"):
        FerPlusVotes.of(others, {faces.paths[0]: cast(anger=10)})


def test_the_protocol_leaves_3199_faces_of_the_public_test(fer2013):
    test = load_faces(fer2013 / "fer2013-public-test.zip")
    of_test = FerPlusVotes.of(test, votes.load_votes(fer2013 / "ferplus.csv"))
    assert (of_test.labels != LEFT_OUT).sum() == 3199
    assert (of_test.labels == CONTEMPT).sum() == 13
    assert of_test.distributions.any(axis=1).sum() == 3550
    figures = of_test.figures(of_test.distributions)
    assert figures["accuracy_7_classes"] == 1
    assert figures["accuracy_8_classes"] == pytest.approx(3186 / 3199)
    assert figures["annotator_agreement"] == pytest.approx(0.804, abs=5e-4)
