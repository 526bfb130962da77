from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.appliance.events.changes import Changes
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.latest import Moment

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
COME_S, DWELL_S, GRACE_S = 0.2, 0.5, 2.0


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def told(events):
    return [(event.subject, event.before, event.after) for event in events]


def moment_of(time_s, faces):
    scores = {"happy": 0.75, "sad": 0.25}
    listed = [{"track": track, "state": state, "scores": scores, "smoothed": scores} for track, state in faces.items()]
    return Moment({"faces": listed}, (640, 480), time_s)


def watch(states, fps=10, until_s=None, **values):
    """Return the events of a camera that is watched at *fps*. *states* are, by the second they begin, all faces."""
    changes = Changes(EventSettings(**values))
    events = []
    begins = sorted(states)
    end_s = begins[-1] + 1 if until_s is None else until_s
    for index in range(round(end_s * fps)):
        time_s = index / fps
        faces = states[max(begin for begin in begins if begin <= time_s)]
        events += changes.of(moment_of(time_s, faces), at(time_s))
    return events


def test_somebody_comes_changes_and_goes():
    events = watch({0: {}, 1: {3: "unknown"}, 3: {3: "happy"}, 6: {}}, until_s=10)
    assert told(events) == [("track 3", None, "unknown"), ("track 3", "unknown", "happy"), ("track 3", "happy", None)]
    # The times are those of the changes, not of when they were certain.
    assert [event.time for event in events] == [at(1), at(3), at(5.9)]


def test_who_goes_leaves_how_long_each_state_lasted_and_the_mean_scores():
    *_, went = watch({0: {3: "unknown"}, 2: {3: "happy"}, 5: {}}, until_s=8)
    assert went.detail == {
        "stayed_s": 4.9,
        "states_s": {"unknown": 2.0, "happy": 2.9},
        "mean_scores": {"happy": 0.75, "sad": 0.25},
    }


def test_a_change_says_how_long_the_state_before_lasted():
    _, changed = watch({0: {3: "unknown"}, 2: {3: "happy"}}, until_s=4)
    assert changed.detail == {"lasted_s": 2.0, "scores": {"happy": 0.75, "sad": 0.25}}


def test_a_state_that_does_not_last_is_no_change():
    assert told(watch({0: {1: "happy"}, 2: {1: "sad"}, 2.3: {1: "happy"}}, until_s=5)) == [("track 1", None, "happy")]


def test_two_short_states_do_not_add_up():
    states = {0: {1: "happy"}, 2: {1: "sad"}, 2.4: {1: "angry"}, 2.8: {1: "sad"}, 3.2: {1: "happy"}}
    assert told(watch(states, until_s=5)) == [("track 1", None, "happy")]


def test_a_short_loss_is_no_leaving():
    assert told(watch({0: {1: "happy"}, 2: {}, 3.5: {1: "happy"}}, until_s=8)) == [("track 1", None, "happy")]


def test_time_out_of_sight_counts_for_no_state():
    states = {0: {1: "happy"}, 2: {}, 3.5: {1: "happy"}, 4: {}}
    *_, went = watch(states, until_s=8)
    assert went.after is None
    assert went.detail["stayed_s"] == 3.9
    assert went.detail["states_s"] == {"happy": 2.3}


def test_a_state_before_and_after_a_loss_has_not_lasted_in_between():
    states = {0: {1: "happy"}, 2: {1: "sad"}, 2.2: {}, 3.5: {1: "sad"}, 3.7: {1: "happy"}}
    assert told(watch(states, until_s=5)) == [("track 1", None, "happy")]


def test_who_comes_again_after_a_long_loss_came_twice():
    events = watch({0: {1: "happy"}, 2: {}, 5: {1: "happy"}}, until_s=6)
    assert told(events) == [("track 1", None, "happy"), ("track 1", "happy", None), ("track 1", None, "happy")]


def test_what_is_seen_for_a_moment_only_is_nobody():
    assert watch({0: {}, 1: {1: "unknown"}, 1.1: {}}, until_s=6) == []


def test_without_times_to_wait_each_frame_counts():
    events = watch({0: {1: "happy"}, 0.1: {1: "sad"}, 0.2: {}}, until_s=0.4, come_s=0, dwell_s=0, grace_s=0)
    assert told(events) == [("track 1", None, "happy"), ("track 1", "happy", "sad"), ("track 1", "sad", None)]


def test_all_are_gone_when_nobody_looks_any_more():
    changes = Changes(EventSettings(come_s=0))
    changes.of(moment_of(1, {1: "happy", 2: "sad"}), at(1))
    events = changes.gone(at(9), "the camera was lost")
    assert told(events) == [("track 1", "happy", None), ("track 2", "sad", None)]
    assert {event.time for event in events} == {at(1)}
    assert events[0].detail["reason"] == "the camera was lost"
    assert changes.gone(at(10)) == []
    # The ids begin again.
    assert told(changes.of(moment_of(11, {1: "sad"}), at(11))) == [("track 1", None, "sad")]


def test_who_was_not_told_of_is_not_told_gone():
    changes = Changes(EventSettings())
    changes.of(moment_of(1, {1: "happy"}), at(1))
    assert changes.gone(at(2)) == []


def test_no_more_faces_are_followed_than_allowed():
    changes = Changes(EventSettings(come_s=0, max_faces=2))
    events = changes.of(moment_of(1, {1: "happy", 2: "sad", 3: "sad"}), at(1))
    assert told(events) == [("track 1", None, "happy"), ("track 2", None, "sad")]
    assert changes.left_out == 1
    events = changes.of(moment_of(4, {3: "sad"}), at(4))
    assert told(events) == [("track 1", "happy", None), ("track 2", "sad", None), ("track 3", None, "sad")]
    assert changes.left_out == 1


def test_ids_that_grow_for_months_and_flicker_take_no_memory():
    changes = Changes(EventSettings(max_faces=8))
    for index in range(1000):
        changes.of(moment_of(index / 30, {index: "happy"}), at(index / 30))
        assert len(changes._visits) <= 8, "memory"
    assert changes.left_out == 0, "who was seen for a moment makes room"


def test_a_flood_of_labels_takes_no_memory():
    changes = Changes(EventSettings(come_s=0, dwell_s=0))
    for index in range(500):
        face = {"track": 1, "state": f"s{index}", "scores": {f"s{index}": 1.0}, "smoothed": {}}
        changes.of(Moment({"faces": [face]}, (1, 1), index / 30), at(index / 30))
    (went,) = changes.gone(at(20))
    assert len(went.detail["states_s"]) == 64
    assert len(went.detail["mean_scores"]) == 64


def test_a_clock_that_goes_back_counts_no_negative_time():
    changes = Changes(EventSettings(come_s=0))
    for time_s in (5, 6, 1, 2):
        changes.of(moment_of(time_s, {1: "happy"}), at(-time_s))
    (went,) = changes.gone(at(-100))
    assert went.detail["stayed_s"] == 1.0
    assert went.detail["states_s"] == {"happy": 1.0}
    assert went.time == at(-100)


#: Seconds since the frame before, faces, and whether the watcher restarts afterwards.
FRAMES = st.tuples(
    st.sampled_from([0.0, 0.03, 0.2, 0.5, 1.0, 2.5, 30.0]),
    st.dictionaries(st.integers(1, 3), st.sampled_from(["unknown", "happy", "sad"]), max_size=3),
    st.sampled_from([False] * 10 + [True]),
)


@given(
    st.lists(FRAMES, min_size=1, max_size=25),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from([0.0, 0.5]),
    st.integers(1, 3),
)
@settings(max_examples=50, deadline=None)
def test_events_of_a_track_alternate_and_fit_each_other(scene, come_s, dwell_s, max_faces):
    changes = Changes(EventSettings(come_s=come_s, dwell_s=dwell_s, max_faces=max_faces))
    events = []
    time_s = 0.0
    for pause_s, faces, restarts in scene:
        time_s += pause_s
        events += changes.of(moment_of(time_s, faces), at(time_s))
        if restarts:
            events += changes.gone(at(time_s))
        assert len(changes._visits) <= max_faces
    events += changes.gone(at(time_s))
    present = {}
    newest = {}
    for event in events:
        assert event.before == present.get(event.subject)
        assert event.before != event.after
        assert event.time >= newest.get(event.subject, at(0))
        present[event.subject] = event.after
        newest[event.subject] = event.time
        if event.after is None:
            assert sum(event.detail["states_s"].values()) <= event.detail["stayed_s"] + 0.2
    assert set(present.values()) <= {None}


@st.composite
def steps(draw):
    """Faces that come, change and go in steps that are clearly shorter or longer than every time that matters."""
    frame_s = 0.2
    states = {}
    time_s = 0.0
    for _ in range(draw(st.integers(1, 5))):
        faces = draw(st.dictionaries(st.integers(1, 2), st.sampled_from(["unknown", "happy", "sad"]), max_size=3))
        states[round(time_s, 1)] = faces
        time_s += draw(st.sampled_from([1.0, 1.4, GRACE_S + 3 * frame_s, 5.0]))
    return states, round(time_s, 1)


@given(steps())
@settings(max_examples=20, deadline=None)
def test_five_and_thirty_frames_a_second_tell_the_same(scene):
    states, end_s = scene
    few = watch(states, 5, end_s)
    many = watch(states, 30, end_s)
    assert len(few) == len(many)
    for subject in {event.subject for event in few}:
        of_few = [event for event in few if event.subject == subject]
        of_many = [event for event in many if event.subject == subject]
        assert told(of_few) == told(of_many)
        for one, other in zip(of_few, of_many, strict=True):
            assert abs((one.time - other.time).total_seconds()) <= 0.2


@pytest.mark.parametrize("fps", [1, 5, 10, 30, 60])
def test_the_rate_of_frames_does_not_change_what_is_told(fps):
    states = {0: {}, 2: {1: "unknown"}, 6: {1: "happy"}, 12: {1: "sad", 2: "happy"}, 16: {2: "happy"}, 22: {}}
    events = told(watch(states, fps, 30))
    assert [change for subject, *change in events if subject == "track 1"] == [
        [None, "unknown"], ["unknown", "happy"], ["happy", "sad"], ["sad", None]
    ]  # fmt: skip
    assert [change for subject, *change in events if subject == "track 2"] == [[None, "happy"], ["happy", None]]


def test_who_is_in_two_frames_far_apart_has_not_gone():
    states = {0: {1: "happy"}}
    assert told(watch(states, 0.2, 30)) == [("track 1", None, "happy")]
