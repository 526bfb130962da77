"""Each rule, on short drives. Things begin at x.95 s: between frames at every rate."""

from __future__ import annotations

import pytest

from edge_fer.driving.alerts import Kind, Level
from edge_fer.driving.observation import Hindrance, Sight
from edge_fer.driving.parameters import Parameters

BEGIN = 9.95


P = Parameters()


def within(begin_s, length_s, time_s):
    return begin_s <= time_s < begin_s + length_s


def look(*spans):
    """Level 1: away in each (begin, length)."""
    return lambda time_s: {"facing": not any(within(*span, time_s) for span in spans)}


def rows(alerts, *kinds):
    return [(alert.kind, alert.level) for alert in alerts if not kinds or alert.kind in kinds]


def assert_times(alerts, times_s, tolerance_s=0.2):
    assert [alert.time_s for alert in alerts] == pytest.approx(times_s, abs=tolerance_s)


def test_a_short_look_raises_nothing(drives, fps):
    assert drives.alerts(look((BEGIN, 2.85)), 20, fps) == []


def test_a_look_escalates_and_is_forgiven(drives, fps):
    alerts = drives.alerts(look((BEGIN, 6)), 20, fps)
    assert [alert.level for alert in alerts] == [Level.NOTICE, Level.WARNING, Level.NOTICE, None]
    assert_times(alerts, [BEGIN + 3, BEGIN + 5, BEGIN + 7, BEGIN + 8])


def test_an_alarm_stays_until_all_is_forgiven(drives, fps):
    alerts = drives.alerts(look((BEGIN, 11.5)), 50, fps)
    looks = [alert for alert in alerts if alert.kind is Kind.LOOKS_AWAY]
    assert [alert.level for alert in looks] == [Level.NOTICE, Level.WARNING, Level.ALARM, None]
    assert_times(looks, [BEGIN + 3, BEGIN + 5, BEGIN + 11, BEGIN + 33.5])


def test_the_third_alarm_locks_out_until_the_vehicle_stands(drives):
    spans = [(BEGIN + 40 * number, 11.5) for number in range(3)]

    def seen(time_s):
        return look(*spans)(time_s) | ({"speed_kmh": 0.0} if time_s > 140 else {})

    alerts = [alert for alert in drives.alerts(seen, 160, 5) if alert.kind is Kind.LOCKED_OUT]
    assert [(alert.level, alert.detail.get("alarms")) for alert in alerts] == [(Level.ALARM, 3), (None, None)]
    assert_times(alerts, [BEGIN + 91, 150])


def test_a_look_beyond_the_alarm_is_no_response(drives, fps):
    alerts = [alert for alert in drives.alerts(look((BEGIN, 16)), 50, fps) if alert.kind is Kind.UNRESPONSIVE]
    assert [alert.level for alert in alerts] == [Level.ALARM, None]
    assert_times(alerts, [BEGIN + 14, BEGIN + 21])


def test_glances_add_up(drives, fps):
    spans = [(BEGIN + 2.8 * number, 1.2) for number in range(10)]
    alerts = drives.alerts(look(*spans), 60, fps)
    assert rows(alerts) == [(Kind.GLANCES, Level.NOTICE), (Kind.GLANCES, None)]
    if fps:
        assert_times(alerts, [BEGIN + 22.8, BEGIN + 38.8])


def test_what_is_not_seen_is_neither_spent_nor_forgiven(drives):
    def seen(time_s):
        if within(BEGIN + 2, 4, time_s):
            return {"sight": Sight.CANNOT_MONITOR}
        return look((BEGIN, 7.5))(time_s)

    alerts = drives.alerts(seen, 20, 30)
    assert_times(alerts[:1], [BEGIN + 7], 0.05)


def test_a_flicker_is_no_look(drives, fps):
    def seen(time_s):
        is_lost = time_s > 5 and (time_s - 0.15) % 2 < 0.2
        return {"sight": Sight.NO_FACE} if is_lost else {"facing": True}

    assert drives.alerts(seen, 60, fps) == []


@pytest.mark.parametrize(("speed_kmh", "factor"), [(None, 1), (120, 1), (50, 1), (49, 6 / 3.5), (20, 6 / 3.5), (19, 3)])
def test_speed_gives_more_time(drives, speed_kmh, factor):
    alerts = drives.alerts(lambda time_s: look((BEGIN, 60))(time_s) | {"speed_kmh": speed_kmh}, 20, 30)
    assert alerts[0].time_s == pytest.approx(BEGIN + 3 * factor, abs=0.05)


def test_a_change_of_speed_loses_nothing(drives):
    def seen(time_s):
        return look((BEGIN, 60))(time_s) | {"speed_kmh": 60 if time_s < BEGIN + 2 else 10}

    assert drives.alerts(seen, 20, 30)[0].time_s == pytest.approx(BEGIN + 2 + 3, abs=0.06)


def test_a_driver_who_is_gone_looks_away_until_the_drive_is_over(drives):
    alerts = drives.alerts(lambda time_s: {"sight": Sight.NO_FACE} if time_s > BEGIN else {"facing": True}, 90, 10)
    assert alerts[0].kind is Kind.LOOKS_AWAY
    assert alerts[0].detail["reason"] == "no face"
    assert {alert.kind for alert in alerts if alert.level is None} == {alert.kind for alert in alerts}
    assert_times([alert for alert in alerts if alert.level is None], [BEGIN + 60] * 3)
    assert drives.state.person.yaw.total_s == 0


def test_a_drive_is_not_over_while_the_vehicle_moves(drives):
    def seen(time_s):
        return {"sight": Sight.NO_FACE, "speed_kmh": 60} if time_s > BEGIN else {"facing": True}

    assert all(alert.level is not None for alert in drives.alerts(seen, 90, 5))


@pytest.mark.parametrize("sight", [Sight.CANNOT_MONITOR, Sight.STALE])
def test_alarms_do_not_last_where_nothing_can_be_seen_any_more(drives, sight):
    def seen(time_s):
        if time_s < BEGIN:
            return {"facing": True}
        return {"facing": False} if time_s < BEGIN + 20 else {"sight": sight}

    alerts = drives.alerts(seen, 700, 5)
    over_s = BEGIN + 20 + P.drive_unseen_s
    assert_times([alert for alert in alerts if alert.level is None], [over_s] * 4)
    # From then on nobody is known to drive: it is said once more, and quietly.
    assert rows(alerts)[-1] == (Kind.CANNOT_MONITOR, Level.NOTICE)
    assert drives.state.raised == {Kind.CANNOT_MONITOR: Level.NOTICE}


def test_a_dark_start_is_a_notice_until_somebody_drives(drives):
    dark = {"sight": Sight.CANNOT_MONITOR}
    assert rows(drives.alerts(lambda _: dark, 60, 5)) == [(Kind.CANNOT_MONITOR, Level.NOTICE)]
    assert rows(drives.alerts(lambda _: dark | {"speed_kmh": 60}, 60, 5))[-1] == (Kind.CANNOT_MONITOR, Level.WARNING)


def test_an_empty_vehicle_is_no_driver_who_looks_away(drives):
    assert drives.alerts(lambda _: {"sight": Sight.NO_FACE}, 60, 5) == []


def test_nobody_in_a_vehicle_that_moves_is_a_failing_monitor(drives):
    alerts = drives.alerts(lambda _: {"sight": Sight.NO_FACE, "speed_kmh": 60}, 40, 5)
    assert rows(alerts) == [(Kind.CANNOT_MONITOR, Level.NOTICE), (Kind.CANNOT_MONITOR, Level.WARNING)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sight": Sight.CANNOT_MONITOR, "hindrance": Hindrance.DARK}, "dark"),
        ({"sight": Sight.STALE}, "picture stale"),
        ({"sight": Sight.FACE}, "head pose unknown"),
    ],
)
def test_it_says_that_it_cannot_monitor(drives, fields, reason):
    alerts = drives.alerts(lambda time_s: fields if within(BEGIN, 40, time_s) else {"facing": True}, 60, 10)
    assert [alert.level for alert in alerts] == [Level.NOTICE, Level.WARNING, None]
    assert {alert.detail.get("reason") for alert in alerts[:2]} == {reason}
    assert_times(alerts, [BEGIN + 10, BEGIN + 30, BEGIN + 42])


def test_every_tenth_frame_unseen_is_no_outage(drives):
    def seen(time_s):
        return {"sight": Sight.CANNOT_MONITOR} if round(time_s * 30) % 10 == 0 else {"facing": True}

    assert drives.alerts(seen, 150, 30) == []


def test_sunglasses_are_said_once_and_taken_back(drives):
    def seen(time_s):
        return {"facing": True, "hindrance": Hindrance.SUNGLASSES if within(BEGIN, 20, time_s) else None}

    alerts = drives.alerts(seen, 50, 10)
    assert rows(alerts) == [(Kind.EYES_UNSEEN, Level.ADVICE), (Kind.EYES_UNSEEN, None)]
    assert_times(alerts, [BEGIN + 10, BEGIN + 22])


def test_level_1_misses_no_eyes(drives):
    assert drives.alerts(lambda _: {"facing": True}, 60, 5) == []


def test_eyes_that_were_measured_are_missed(drives):
    def seen(time_s):
        return drives.face(eyes=None if within(BEGIN, 20, time_s) else 0.33)

    alerts = drives.alerts(seen, 50, 10)
    assert rows(alerts) == [(Kind.EYES_UNSEEN, Level.ADVICE), (Kind.EYES_UNSEEN, None)]


@pytest.mark.parametrize("state", ["angry", "fear"])
def test_a_strong_emotion_that_lasts_is_advised_on(drives, state, fps):
    def seen(time_s):
        return {"facing": True, "state": state if within(BEGIN, 15, time_s) else "neutral"}

    alerts = drives.alerts(seen, 40, fps)
    assert rows(alerts) == [(Kind.EMOTION, Level.ADVICE), (Kind.EMOTION, None)]
    assert_times(alerts, [BEGIN + 10, BEGIN + 20])


def test_advice_ends_where_no_emotion_is_read_any_more(drives, fps):
    def seen(time_s):
        return {"facing": True, "state": "angry" if within(BEGIN, 15, time_s) else None}

    assert rows(drives.alerts(seen, 40, fps)) == [(Kind.EMOTION, Level.ADVICE), (Kind.EMOTION, None)]


def test_strong_emotions_do_not_add_up_over_a_time_without_any(drives):
    def seen(time_s):
        return {"facing": True, "state": "angry" if within(BEGIN, 6, time_s) or within(60, 6, time_s) else None}

    assert drives.alerts(seen, 70, 10) == []


@pytest.mark.parametrize("state", ["sad", "unknown", None])
def test_other_emotions_are_not(drives, state):
    assert drives.alerts(lambda _: {"facing": True, "state": state}, 40, 5) == []


def closed(drives, *spans, **others):
    """Level 2: eyes closed in each (begin, length)."""
    return lambda time_s: drives.face(eyes=0.12 if any(within(*span, time_s) for span in spans) else 0.33, **others)


def test_a_microsleep_is_warned_of(drives, fps):
    alerts = drives.alerts(closed(drives, (BEGIN, 1.2)), 20, fps)
    assert rows(alerts) == [(Kind.MICROSLEEP, Level.WARNING), (Kind.MICROSLEEP, None)]
    assert_times(alerts, [BEGIN + 1, BEGIN + 2.2])


def test_blinks_are_no_microsleep(drives, fps):
    spans = [(BEGIN + 4 * number, 0.1 * (1 + number % 4)) for number in range(15)]
    assert drives.alerts(closed(drives, *spans), 80, fps) == []


def test_sleep_is_an_alarm_and_then_no_response(drives, fps):
    alerts = drives.alerts(closed(drives, (BEGIN, 7)), 30, fps)
    assert rows(alerts)[:3] == [
        (Kind.MICROSLEEP, Level.WARNING),
        (Kind.SLEEP, Level.ALARM),
        (Kind.UNRESPONSIVE, Level.ALARM),
    ]
    assert_times(alerts, [BEGIN + 1, BEGIN + 3, BEGIN + 6, BEGIN + 8, BEGIN + 12, BEGIN + 12])


def test_closed_eyes_below_a_bowed_head_are_a_look_away(drives):
    def seen(time_s):
        return drives.face(pitch_deg=30, eyes=0.12) if within(BEGIN, 4, time_s) else drives.face()

    assert {alert.kind for alert in drives.alerts(seen, 30, 15)} == {Kind.LOOKS_AWAY}


@pytest.mark.parametrize(
    "unsure",
    [{"doubt_deg": 40.0}, {"eyes_doubt": 0.3}],
)
def test_nothing_is_said_of_eyes_that_are_not_certain(drives, unsure):
    kinds = {alert.kind for alert in drives.alerts(closed(drives, (BEGIN, 4), **unsure), 30, 5)}
    assert not kinds & {Kind.MICROSLEEP, Kind.SLEEP, Kind.DROWSY}


def test_nothing_is_said_of_eyes_before_they_are_learned(drives):
    parameters = drives.quick.model_copy(update={"eyes_learn_s": 20.0})
    assert drives.alerts(closed(drives, (BEGIN, 4)), 30, 10, parameters) == []


def test_sleep_is_taken_back_when_the_eyes_cannot_be_seen_any_more(drives):
    def seen(time_s):
        if time_s > BEGIN + 4:
            return drives.face(eyes=None)
        return closed(drives, (BEGIN, 4))(time_s)

    alerts = drives.alerts(seen, 40, 10)
    assert_times([alert for alert in alerts if alert.kind is Kind.SLEEP], [BEGIN + 3, BEGIN + 14])


@pytest.mark.parametrize("lost", [{"eyes": None}, {"doubt_deg": 12.0}, {"eyes_doubt": 0.3}])
def test_no_response_ends_where_the_eyes_cannot_be_seen_any_more(drives, lost):
    def seen(time_s):
        if time_s > BEGIN + 8:
            return {**drives.face(**lost), "facing": True}
        return closed(drives, (BEGIN, 8))(time_s)

    drives.alerts(seen, 60, 10)
    assert dict(drives.state.raised) == {Kind.EYES_UNSEEN: Level.ADVICE}


def test_eyes_in_a_head_of_unknown_pose_are_missed(drives):
    def seen(time_s):
        return {**drives.face(doubt_deg=12.0 if time_s > BEGIN else 3.0), "facing": True}

    assert rows(drives.alerts(seen, 40, 10)) == [(Kind.EYES_UNSEEN, Level.ADVICE)]


def test_closed_for_a_tenth_of_a_minute_is_drowsy(drives):
    spans = [(69.95 + 4 * number, 0.8) for number in range(15)]
    alerts = drives.alerts(closed(drives, *spans, (129.95, 0.4)), 175, 5)
    assert rows(alerts) == [(Kind.DROWSY, Level.NOTICE), (Kind.DROWSY, None)]
    assert alerts[0].detail["perclos"] == pytest.approx(0.1, abs=0.001)
    assert_times(alerts, [69.95 + 28.4, 69.95 + 96.4])


@pytest.mark.parametrize("by_s", [-3600.0, 3600.0, 2.5])
def test_a_clock_that_jumps_loses_and_adds_nothing(drives, by_s):
    def jumped(time_s):
        return time_s + by_s if time_s > BEGIN + 2 else time_s

    class Jumping(type(drives)):
        @staticmethod
        def observation(time_s, **fields):
            return drives.observation(jumped(time_s), **fields)

    alerts = Jumping().alerts(look((BEGIN, 4)), 20, 30)
    assert [alert.level for alert in alerts] == [Level.NOTICE, None]
    assert_times(alerts, [BEGIN + 3 + by_s, BEGIN + 5 + by_s], 0.1)


def test_what_is_raised_outlives_a_gap(drives):
    from edge_fer.driving import policy

    drives.alerts(look((BEGIN, 60)), 14, 10)
    before = policy.raised(drives.state)
    observation = drives.observation(99.0, facing=True)
    state, alerts = policy.step(drives.state, observation, drives.quick)
    assert alerts == ()
    assert policy.raised(state) == before == {Kind.LOOKS_AWAY: Level.NOTICE}
