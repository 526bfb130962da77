"""True faces against reported ones: films of which the figures are known, and what holds for all films."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.detectors.haar import HaarDetector
from edge_fer.sources import Truth
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker
from edge_fer_bench.following import (
    COLUMNS,
    POSES,
    Counts,
    FollowedFrame,
    ReportedFace,
    TrueFace,
    closeness,
    count,
    figures,
    match,
    mean_figures,
    pose_of,
    reported_faces,
    table,
    true_face,
)

HERE = Box(100, 100, 80, 80)
THERE = Box(400, 100, 80, 80)


def film(*frames, fps=10.0):
    """Frames of (true faces, reported faces)."""
    made = []
    for number, (truth, reported) in enumerate(frames):
        made.append(FollowedFrame(number / fps, truth, reported))
    return made


def figures_of(*frames, **options):
    return figures(count(film(*frames, **options)))


def moved(box, x, y=0.0):
    return box._replace(x=box.x + x, y=box.y + y)


boxes = st.from_type(Box)
true_faces = st.builds(TrueFace, boxes, st.none() | st.integers(0, 3), st.sampled_from(POSES), st.booleans())
reports = st.builds(
    ReportedFace, boxes, st.none() | st.integers(1, 4), st.sampled_from(["", "unknown", "sad", "happy"])
)
frames = st.builds(
    FollowedFrame,
    st.floats(0, 100),
    st.lists(true_faces, max_size=3),
    st.lists(reports, max_size=3),
    st.none() | st.floats(0, 50),
)
films = st.lists(frames, max_size=8).map(lambda film: sorted(film, key=lambda frame: frame.time_s))


# Which boxes are the same face


@pytest.mark.parametrize(
    ("drawn", "why"),
    [
        (Box(100, 100, 80, 80), "the same"),
        (Box(92, 84, 72, 100), "tall and tight, as YuNet's"),
        (Box(104, 80, 70, 120), "from chin to hair"),
        (Box(115, 92, 50, 96), "narrow, of a turned head"),
        (Box(85, 85, 110, 110), "generous"),
        (Box(135, 100, 80, 80), "late by less than half a face"),
    ],
)
def test_boxes_of_other_conventions_are_the_same_face(drawn, why):
    assert closeness(HERE, drawn) > 0, why


@pytest.mark.parametrize(
    ("drawn", "why"),
    [
        (Box(145, 100, 80, 80), "half a face aside"),
        (Box(100, 160, 80, 80), "the chest"),
        (Box(125, 140, 30, 30), "the mouth"),
        (Box(0, 0, 280, 280), "the whole person"),
        (Box(100, 100, 0, 80), "no box"),
    ],
)
def test_what_is_near_a_face_is_not_the_face(drawn, why):
    assert closeness(HERE, drawn) == 0, why


@given(boxes, boxes, st.floats(0.1, 10))
def test_closeness_is_mutual_and_knows_no_unit(a, b, factor):
    close = closeness(a, b)
    assert 0 <= close <= 1
    assert closeness(b, a) == close
    assert closeness(a, a) == 1
    areas = sorted([a.width * a.height, b.width * b.height])
    if close > 0.01 and areas[1] < 3.99 * areas[0]:  # at the limits rounding decides
        assert closeness(a.times(factor), b.times(factor)) == pytest.approx(close, abs=1e-6)


@given(
    st.lists(true_faces, max_size=5),
    st.lists(reports, max_size=5),
    st.dictionaries(st.integers(1, 4), st.integers(0, 3)),
)
def test_each_face_is_matched_once_and_only_with_a_close_one(truth, reported, followed):
    pairs = match(truth, reported, followed)
    assert len({number for number, _ in pairs}) == len({index for _, index in pairs}) == len(pairs)
    assert all(closeness(truth[number].box, reported[index].box) > 0 for number, index in pairs)
    # Nothing is left that could be matched.
    left = [true for number, true in enumerate(truth) if number not in {pair[0] for pair in pairs}]
    over = [report for index, report in enumerate(reported) if index not in {pair[1] for pair in pairs}]
    assert all(closeness(true.box, report.box) == 0 for true in left for report in over)


def test_the_closest_boxes_are_matched_first():
    truth = [TrueFace(HERE), TrueFace(moved(HERE, 38))]
    reported = [ReportedFace(moved(HERE, 30)), ReportedFace(moved(HERE, 5))]
    assert sorted(match(truth, reported)) == [(0, 1), (1, 0)]


@pytest.mark.parametrize(
    ("yaw", "roll", "pose"),
    [
        (0, 0, "frontal"), (-19, 11, "frontal"), (25, 0, "other"), (0, 13, "other"), (30, 0, "turned"),
        (-50, 20, "turned"), (66, 0, "other"), (0, -16, "tilted"), (29, 40, "tilted"), (80, 30, "other"),
    ],
)  # fmt: skip
def test_poses_are_classes_of_angles(yaw, roll, pose):
    assert pose_of(yaw, roll) == pose


def test_the_truth_of_a_drawn_face_is_a_true_face():
    drawn = Truth(HERE, "happy", person=2, yaw_deg=-40, visible=0.8)
    assert true_face(drawn) == TrueFace(HERE, 2, "turned")
    assert true_face(drawn, min_face_px=81).ignored
    assert true_face(drawn, min_visible=0.9).ignored
    assert true_face(Truth(HERE, "happy", visible=np.float64(0.2))).ignored is True  # as JSON needs it


# Films of which the figures are known


def test_a_film_in_which_everything_is_right():
    frame = (
        [TrueFace(HERE, 0, "frontal"), TrueFace(THERE, 1, "turned")],
        [ReportedFace(HERE, 1), ReportedFace(THERE, 2)],
    )
    result = figures_of(*[frame] * 20)
    assert result.coverage == 1
    assert result.by_pose == {"frontal": 1, "turned": 1, "tilted": None, "other": None}
    assert (result.false_in_100, result.lasting_false, result.ids_a_person, result.swaps) == (0, 0, 1, 0)
    assert (result.first_report_s, result.last_report_s, result.never) == (0, 0, 0)


def test_an_empty_film_has_no_figures():
    result = figures_of()
    assert result.coverage is result.ids_a_person is result.flips_a_minute is result.first_report_s is None
    assert figures_of(([], [])).false_in_100 == 0


def test_missed_faces_lower_the_coverage_of_their_pose():
    frontal = TrueFace(HERE, 0, "frontal")
    tilted = TrueFace(THERE, 1, "tilted")
    result = figures_of(([frontal, tilted], [ReportedFace(HERE, 1)]), ([tilted], [ReportedFace(THERE, 2)]))
    assert result.coverage == pytest.approx(2 / 3)
    assert result.by_pose["frontal"] == 1
    assert result.by_pose["tilted"] == 0.5


def test_ignored_faces_are_neither_missed_nor_false():
    small = TrueFace(HERE, 0, "frontal", ignored=True)
    inside = ReportedFace(Box(130, 130, 20, 20), 2)
    result = figures_of(([small], []), ([small], [ReportedFace(HERE, 1)]), ([small], [ReportedFace(HERE, 1), inside]))
    assert result.coverage is None
    assert result.false_in_100 == 0
    assert result.never == 0
    assert figures_of(([small], [ReportedFace(THERE, 1)])).false_in_100 == 100


def test_a_face_that_is_reported_twice_is_false_once():
    result = figures_of(([TrueFace(HERE)], [ReportedFace(HERE, 1), ReportedFace(moved(HERE, 9), 2)]))
    assert result.coverage == 1
    assert result.false_in_100 == 100


def test_a_track_that_is_false_for_more_than_a_second_lasts():
    shelf = [ReportedFace(THERE, 7)]
    assert figures_of(*[([], shelf)] * 11).lasting_false == 0
    assert figures_of(*[([], shelf)] * 12).lasting_false == 1
    flashes = [([], [ReportedFace(THERE, number)]) for number in range(30)]
    assert figures_of(*flashes).lasting_false == 0


def test_each_new_track_of_a_person_is_another_id():
    truth = [TrueFace(HERE, 0)]
    tracks = [1] * 5 + [None] * 5 + [2] * 5
    result = figures_of(*[(truth, [ReportedFace(HERE, track)] if track else []) for track in tracks])
    assert result.ids_a_person == 2
    assert result.swaps == 0


def test_a_track_of_a_few_frames_is_no_id_unless_it_is_the_only_one():
    truth = [TrueFace(HERE, 0)]
    assert figures_of(*[(truth, [ReportedFace(HERE, track)]) for track in (1, 1, 2, 3, 3, 3)]).ids_a_person == 1
    assert figures_of(*[(truth, [ReportedFace(HERE, track)]) for track in (1, 2)]).ids_a_person == 1


def test_persons_who_were_never_covered_do_not_lower_the_ids():
    truth = [TrueFace(HERE, 0), TrueFace(THERE, 1)]
    result = figures_of(*[(truth, [ReportedFace(HERE, 1)])] * 5)
    assert result.ids_a_person == 1
    assert result.never == 1


def test_who_comes_back_after_a_while_may_get_another_track():
    truth = [TrueFace(HERE, 0)]
    seen = [(truth, [ReportedFace(HERE, 1)])] * 5
    again = [(truth, [])] * 2 + [(truth, [ReportedFace(HERE, 2)])] * 5
    assert figures_of(*seen, *[([], [])] * 25, *again).ids_a_person == 1
    assert figures_of(*seen, *[([], [])] * 15, *again).ids_a_person == 2
    # Somebody who is hidden meanwhile has not left.
    hidden = [([TrueFace(HERE, 0, ignored=True)], [])] * 25
    assert figures_of(*seen, *hidden, *again).ids_a_person == 2


def test_a_track_that_takes_another_person_is_a_swap():
    both = [TrueFace(HERE, 0), TrueFace(THERE, 1)]
    right = both, [ReportedFace(HERE, 1), ReportedFace(THERE, 2)]
    wrong = both, [ReportedFace(HERE, 2), ReportedFace(THERE, 1)]
    result = figures_of(*[right] * 5, *[wrong] * 5)
    assert result.swaps == 2
    assert result.ids_a_person == 2
    assert figures_of(*[right] * 5, *[wrong] * 2, *[right] * 5).swaps == 0  # passed by


def test_people_who_cross_keep_their_tracks():
    """At the middle both tracks lie on both faces, and the nearest one is not always the right one."""
    frames = []
    for step in range(-10, 11):
        left = moved(HERE, 12 * step)
        right = moved(HERE, -12 * step)
        late = [ReportedFace(moved(left, -8), 1), ReportedFace(moved(right, 8), 2)]
        frames.append(([TrueFace(left, 0), TrueFace(right, 1)], late))
    result = figures_of(*frames)
    assert (result.coverage, result.swaps, result.ids_a_person) == (1, 0, 1)


def test_flips_are_changes_of_the_state_of_a_track():
    truth = [TrueFace(HERE, 0)]
    states = ["unknown", "unknown", "happy", "happy", "sad", "unknown", "sad"] + ["sad"] * 4
    result = figures_of(*[(truth, [ReportedFace(HERE, 1, state)]) for state in states])
    assert result.flips_a_minute == pytest.approx(60 * 3 / 1.0)
    # Not those of false faces.
    assert figures_of(*[([], [ReportedFace(HERE, 1, state)]) for state in states]).flips_a_minute is None


def test_the_first_report_is_timed_from_the_appearance():
    truth = [TrueFace(HERE, 0)]
    later = [TrueFace(HERE, 0), TrueFace(THERE, 1)]
    one = [ReportedFace(HERE, 1)]
    two = [ReportedFace(HERE, 1), ReportedFace(THERE, 2)]
    result = figures_of((truth, []), (truth, one), (later, one), (later, one), (later, one), (later, two))
    assert result.first_report_s == pytest.approx(0.2)
    assert result.last_report_s == pytest.approx(0.3)


def test_programs_that_follow_nobody_have_no_ids():
    result = figures_of(*[([TrueFace(HERE, 0)], [ReportedFace(HERE), ReportedFace(THERE)])] * 20)
    assert result.coverage == 1
    assert result.false_in_100 == 100
    assert result.ids_a_person is result.flips_a_minute is None
    assert result.lasting_false == 0
    assert result.first_report_s == 0


def test_the_mean_time_is_that_of_the_frames_that_were_timed():
    timed = [FollowedFrame(0.0, [], [], 2.0), FollowedFrame(0.1, [], [], 4.0), FollowedFrame(0.2, [], [])]
    assert figures(count(timed)).cpu_ms == 3


def test_how_faces_were_seen_is_counted():
    frames = film(*[([TrueFace(HERE)], [ReportedFace(HERE, 1, seen=seen)]) for seen in ("", "bridged", "bridged")])
    assert count(frames).seen == {"": 1, "bridged": 2}


# What holds for all films


@settings(max_examples=25)
@given(films)
def test_figures_lie_in_their_range(film):
    counts = count(film)
    result = figures(counts)
    shares = [result.coverage, *result.by_pose.values()]
    assert all(share is None or 0 <= share <= 1 for share in shares)
    assert counts.covered <= counts.visible
    reported = sum(len(frame.reported) for frame in film)
    assert counts.covered.total() + counts.false <= reported
    assert result.ids_a_person is None or result.ids_a_person >= 1
    assert counts.lasting_false <= len({report.track for frame in film for report in frame.reported})
    assert all(delay >= 0 for delay in counts.delays_s)
    assert counts.flips <= counts.covered.total()


@settings(max_examples=25)
@given(films)
def test_reporting_the_truth_itself_is_perfect(film):
    perfect = []
    for frame in film:
        alone = frame.truth[:1]  # faces at the same place are nobody's fault
        reported = [ReportedFace(true.box, true.person) for true in alone]
        perfect.append(FollowedFrame(frame.time_s, alone, reported))
    result = figures(count(perfect))
    assert result.coverage in {None, 1.0}
    assert result.false_in_100 in {None, 0.0}
    assert result.swaps == 0
    assert result.ids_a_person in {None, 1.0}


@settings(max_examples=25)
@given(films, films)
def test_counts_of_films_are_added(first, second):
    one, other = count(first), count(second)
    both = one + other
    assert both.films == 2
    assert both.frames == len(first) + len(second)
    assert both.false == one.false + other.false
    assert both.covered == one.covered + other.covered
    assert both.delays_s == one.delays_s + other.delays_s
    assert one + Counts() == one


@settings(max_examples=25)
@given(films)
def test_counts_survive_json(film):
    counts = count(film)
    again = Counts.from_dict(json.loads(json.dumps(counts.as_dict())))
    assert again.as_dict() == counts.as_dict()
    assert figures(again).coverage == figures(counts).coverage


@settings(max_examples=25)
@given(films)
def test_ignoring_all_faces_leaves_nothing_to_cover(film):
    ignored = []
    for frame in film:
        truth = [TrueFace(true.box, true.person, true.pose, ignored=True) for true in frame.truth]
        ignored.append(FollowedFrame(frame.time_s, truth, frame.reported))
    counts = count(ignored)
    assert counts.visible.total() == counts.covered.total() == counts.persons == counts.never == 0
    assert counts.false <= count(film).false


# Several films, and how they are shown


def test_the_mean_of_films_gives_each_the_same_weight():
    long = figures_of(*[([TrueFace(HERE, 0, "frontal")], [ReportedFace(HERE, 1)])] * 9)
    short = figures_of(([TrueFace(HERE, 0, "turned")], []))
    mean = mean_figures([long, short])
    assert mean.coverage == 0.5
    assert mean.by_pose == {"frontal": 1, "turned": 0, "tilted": None, "other": None}
    assert mean.never == 0.5
    assert mean.ids_a_person == 1


def test_the_table_has_a_column_for_each_figure():
    result = figures_of(([TrueFace(HERE, 0, "frontal"), TrueFace(THERE, 1, "turned")], [ReportedFace(HERE, 1)]))
    heading, row = table([("haar", result)]).splitlines()
    assert len(heading) == len(row)
    assert all(name in heading for name in COLUMNS)
    assert row.split()[:6] == ["haar", "50.0%", "100.0%", "0.0%", "–", "–"]
    assert json.loads(json.dumps(result.as_dict()))["coverage"] == 0.5


def test_the_tracker_is_measured_on_the_drawn_camera():
    camera = SyntheticCamera(frames=30, seed=1)
    tracker = FaceTracker(HaarDetector())

    def followed():
        for frame in camera.frames():
            reported = [ReportedFace(track.box, track.id) for track in tracker.update(frame.image, frame.time_s)]
            yield FollowedFrame(frame.time_s, [true_face(truth) for truth in frame.truth], reported)

    result = figures(count(followed()))
    assert result.coverage > 0.9
    assert result.by_pose["frontal"] == result.coverage
    assert result.false_in_100 == 0
    assert result.ids_a_person == 1


def test_records_are_reports(tiny):
    from edge_fer.classifier import Classifier
    from edge_fer.pipeline import Pipeline

    pipeline = Pipeline(Classifier(tiny))
    (frame,) = SyntheticCamera(frames=1, seed=1).frames()
    record = pipeline.process(frame)
    (report,) = reported_faces(record)
    assert (report.track, report.box, report.state) == (1, record.faces[0].box, record.faces[0].state)
