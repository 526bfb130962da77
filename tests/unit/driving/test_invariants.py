"""What holds for every drive, whatever happens in it."""

from __future__ import annotations

import pickle
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.driving import policy
from edge_fer.driving.alerts import Kind, Level
from edge_fer.driving.observation import Hindrance, Measured, Observation, Pose, Sight
from edge_fer.driving.parameters import Parameters

P = Parameters(pose_learn_s=3, eyes_learn_s=3, drive_over_s=20)
MOST_STEP_S = 0.25
STEPS = st.lists(st.floats(0.02, MOST_STEP_S), min_size=20, max_size=120)

POSES = st.none() | st.builds(
    Pose,
    yaw_deg=st.sampled_from([0.0, 10.0, 50.0, -50.0]),
    pitch_deg=st.sampled_from([0.0, 30.0, -40.0]),
    roll_deg=st.just(0.0),
    uncertainty_deg=st.sampled_from([2.0, 50.0]),
)
OPENINGS = st.none() | st.builds(Measured, value=st.sampled_from([0.1, 0.2, 0.33]), uncertainty=st.just(0.01))
SPELLS = st.lists(
    st.tuples(
        st.integers(1, 60),
        st.floats(0.02, 0.25),
        st.fixed_dictionaries(
            {
                "sight": st.sampled_from(Sight),
                "hindrance": st.none() | st.sampled_from(Hindrance),
                "facing": st.none() | st.booleans(),
                "pose": POSES,
                "eyes": OPENINGS,
                "state": st.sampled_from([None, "angry", "happy"]),
                "speed_kmh": st.sampled_from([None, 0.0, 30.0, 90.0]),
            }
        ),
    ),
    min_size=1,
    max_size=8,
)
"""Any drive: so many frames, so far apart, of that."""


def observed(spells):
    observations = []
    time_s = 0.0
    for count, step_s, fields in spells:
        for _ in range(count):
            time_s += step_s
            observations.append(Observation(time_s=time_s, **fields))
    return observations


def played(observations):
    state = policy.begin()
    alerts = []
    for observation in observations:
        before_s = state.time_s
        state, new = policy.step(state, observation, P)
        assert all(before_s - 1e-9 <= alert.time_s <= observation.time_s + 1e-9 for alert in new)
        alerts += new
    return state, alerts


@settings(max_examples=25)
@given(SPELLS)
def test_alerts_are_in_order_of_time_and_each_is_a_change(spells):
    state, alerts = played(observed(spells))
    times = [alert.time_s for alert in alerts]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(times))
    levels = {}
    for alert in alerts:
        assert levels.get(alert.kind) is not alert.level
        levels[alert.kind] = alert.level
    assert {kind: level for kind, level in levels.items() if level is not None} == dict(policy.raised(state))


@settings(max_examples=12)
@given(SPELLS)
def test_the_same_observations_give_the_same_alerts(spells):
    observations = observed(spells)
    read_again = [Observation.model_validate_json(one.model_dump_json()) for one in observations]
    assert played(observations) == played(read_again)


@settings(max_examples=12)
@given(SPELLS)
def test_advice_stays_advice_and_not_seeing_no_alarm(spells):
    for alert in played(observed(spells))[1]:
        if alert.kind in {Kind.EMOTION, Kind.EYES_UNSEEN}:
            assert alert.level in {None, Level.ADVICE}
        if alert.kind is Kind.CANNOT_MONITOR:
            assert alert.level in {None, Level.NOTICE, Level.WARNING}


@settings(max_examples=15)
@given(st.floats(0.5, 14), st.floats(0, MOST_STEP_S), STEPS)
def test_no_look_is_alerted_before_its_time_nor_later_than_a_frame_after_it(length_s, phase_s, steps):
    begin_s = 3 + phase_s
    times = frame_times(steps, begin_s + length_s + 1)
    alerts = played([facing(time_s, not begin_s <= time_s < begin_s + length_s) for time_s in times])[1]
    raised = {alert.level: alert.time_s for alert in reversed(alerts) if alert.kind is Kind.LOOKS_AWAY}
    for level, threshold_s in ((Level.NOTICE, 3.0), (Level.WARNING, 5.0), (Level.ALARM, 11.0)):
        if level in raised:
            assert raised[level] >= begin_s + threshold_s - MOST_STEP_S / 2
            assert raised[level] <= begin_s + threshold_s + MOST_STEP_S / 2
        if length_s > threshold_s + 1.5 * MOST_STEP_S:
            assert level in raised
        if length_s <= threshold_s - MOST_STEP_S / 2:
            assert level not in raised or level is Level.NOTICE


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(["road", "away", "either"]), st.integers(1, 40)), max_size=14), STEPS)
def test_more_time_away_never_gives_a_later_or_lower_alert(spells, steps):
    looks = [look for look, count in spells for _ in range(count)]
    times = frame_times(steps, 60)[: len(looks)]
    less = loudest([facing(time_s, look != "away") for time_s, look in zip(times, looks, strict=False)])
    more = loudest([facing(time_s, look == "road") for time_s, look in zip(times, looks, strict=False)])
    for kind in (Kind.LOOKS_AWAY, Kind.GLANCES, Kind.UNRESPONSIVE):
        for before, after in zip(less[kind], more[kind], strict=True):
            assert after >= before


def test_the_state_does_not_grow():
    state = policy.begin()
    sizes = []
    for number in range(3000):
        state, _ = policy.step(state, restless(number), P)
        if number % 1000 == 999:
            sizes.append(len(pickle.dumps(state)))
    assert max(sizes) < 1.2 * sizes[0]


def restless(number):
    """Looks away and blinks as often as the filters let through."""
    is_away = number // 5 % 2 == 0
    pose = Pose(yaw_deg=50.0 if is_away else 0.0, pitch_deg=0.0, roll_deg=0.0, uncertainty_deg=1.0)
    eyes = Measured(value=0.1 if number // 2 % 2 else 0.33, uncertainty=0.01)
    return Observation(time_s=number / 15, sight=Sight.FACE, pose=pose, eyes=eyes, state="angry")


def facing(time_s, is_facing):
    return Observation(time_s=time_s, sight=Sight.FACE, facing=is_facing)


def frame_times(steps, length_s):
    times = [0.0]
    while times[-1] < length_s:
        times.append(times[-1] + steps[len(times) % len(steps)])
    return times


def loudest(observations):
    """Level of each kind after each observation; -1 for none."""
    state = policy.begin()
    levels = {kind: [] for kind in Kind}
    for observation in observations:
        state, _ = policy.step(state, observation, P)
        for kind in Kind:
            levels[kind].append(policy.raised(state).get(kind, -1))
    return levels


def test_drives_without_observations():
    assert policy.raised(policy.begin()) == {}


def test_the_public_door():
    assert policy.__all__ == sorted(policy.__all__, key=lambda name: (name.islower(), name))
    with pytest.raises(AttributeError):
        policy.begin().raised = {}
