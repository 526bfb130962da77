"""The numbers of the policy, each with its unit and where it is from.

Quoted are Euro NCAP's protocol for driver engagement (2026), the EU's rules for distraction (2023/2590, "ADDW") and
drowsiness (2021/1341, "DDAW"), and openpilot's `selfdrive/monitoring`. What says *own* is a choice of this project.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from edge_fer.frozen import Frozen


class Parameters(Frozen):
    """When the policy says what. Every time is in seconds of the observations, never in frames."""

    # Where the driver looks
    yaw_limit_deg: float = Field(23.0, gt=0, le=90)
    """How far the head may be turned from the person's own pose. openpilot: 23."""
    pitch_down_limit_deg: float = Field(18.0, gt=0, le=90)
    """How far it may be bowed. openpilot: 18. Beyond it nothing is claimed of the eyes: lids follow a look down."""
    pitch_up_limit_deg: float = Field(25.0, gt=0, le=90)
    """How far it may be raised. Own: the mirror is above the road."""
    pose_uncertainty_deg: float = Field(10.0, gt=0)
    """Largest uncertainty of a pose that is used; beyond it level 1 decides. Own."""
    mount_yaw_deg: float = Field(0.0, ge=-60, le=60)
    """Where the camera sees the head of a driver who looks at the road, until his own pose is learned. 0: straight."""
    mount_pitch_deg: float = Field(0.0, ge=-45, le=45)
    """The same for pitch, positive downwards."""
    own_yaw_range_deg: float = Field(20.0, gt=0)
    """How far the learned pose may lie from the mount's: below the limit, so that no long look aside hides the road."""
    own_pitch_range_deg: float = Field(15.0, gt=0)
    """The same for pitch."""
    unlearned_extra_deg: float = Field(10.0, ge=0)
    """By how much the three limits are wider while the own pose is not learned yet. Own."""
    pose_learn_s: float = Field(60.0, gt=0)
    """Valid data after which the own pose counts as learned. openpilot: 60."""
    pose_memory_s: float = Field(360.0, gt=0)
    """Valid data that it is learned from. openpilot: 360."""

    # Looks away
    away_filter_s: float = Field(0.25, gt=0)
    """Time constant of the filter between what frames say and what counts. openpilot: 0.25."""
    filter_on: float = Field(0.63, gt=0.5, lt=1)
    """Level of a filter from which on it says yes. openpilot: 0.63."""
    filter_off: float = Field(0.37, gt=0, lt=0.5)
    """Level below which it says no. openpilot: 0.37."""
    away_notice_s: float = Field(3.0, gt=0)
    """Look away that raises a notice. Euro NCAP: 3 to 4. EU: 3.5 from 50 km/h. openpilot: 3."""
    away_warning_s: float = Field(5.0, gt=0)
    """Look away that raises a warning. openpilot: 5."""
    away_alarm_s: float = Field(11.0, gt=0)
    """Look away that raises an alarm. openpilot: 11."""
    away_hysteresis_s: float = Field(1.0, gt=0)
    """How far the time spent must fall below what raised an alert, to lower it. Own."""
    recovery_factor: float = Field(2.0, gt=0)
    """Seconds forgiven for each attentive one. openpilot: faster than the decay."""
    recovery_factor_after_alarm: float = Field(0.5, gt=0)
    """The same while an alarm is raised: it ends when all is forgiven. openpilot: none. Own."""
    alarms_to_lock_out: int = Field(3, ge=1)
    """Alarms in a drive after which it should end. openpilot: 3."""
    standing_s: float = Field(10.0, gt=0)
    """How long the vehicle must stand to end that. Own."""
    standing_kmh: float = Field(1.0, gt=0)
    """Speed below which it stands. Own."""

    # Glances
    glances_window_s: float = Field(30.0, gt=0)
    """Time in which looks away are summed. Euro NCAP: 30."""
    glances_notice_s: float = Field(10.0, gt=0)
    """Sum that raises a notice. Euro NCAP: 10."""
    glances_cleared_s: float = Field(8.0, gt=0)
    """Sum below which it is cleared. Own."""

    # Unresponsive
    unresponsive_after_alarm_s: float = Field(3.0, gt=0)
    """Look away after the alarm that means no response. Euro NCAP: 3 after the warning."""
    unresponsive_closed_s: float = Field(6.0, gt=0)
    """Closed eyes that mean no response. Euro NCAP: 6."""
    responsive_s: float = Field(5.0, gt=0)
    """Attentive time, eyes open if they are seen, that clears unresponsive and sleep. Own."""

    # Eyes
    eyes_uncertainty: float = Field(0.06, gt=0)
    """Largest uncertainty of an opening (height by width) that is used. Own."""
    eyes_learn_s: float = Field(60.0, gt=0)
    """Valid data after which the person's own open eye counts as learned; nothing is claimed before. Own."""
    eyes_memory_s: float = Field(360.0, gt=0)
    """Valid data that it is learned from. Own, as the pose's."""
    open_quantile: float = Field(0.8, gt=0.5, lt=1)
    """Quantile of the openings that is the open eye: above blinks and drooping lids, below noise. Own."""
    open_least: float = Field(0.15, gt=0)
    """Smallest opening that is taken for an open eye, should somebody sleep from the first minute on. Own."""
    closed_reads: float = Field(0.45, ge=0, lt=1)
    """What a closed eye reads, as a share of the open one. Measured with the iris model: 0.35 on a film of a man,
    0.24 to 0.45 on drawn heads, the most with rimmed glasses."""
    closed_openness: float = Field(0.2, gt=0, lt=1)
    """Openness, 0 closed to 1 open, up to which an eye is closed. PERCLOS P80: lids 80 % closed."""
    open_openness: float = Field(0.35, gt=0, le=1)
    """Openness from which on a closed eye is open again. Own."""
    eyes_filter_s: float = Field(0.1, gt=0)
    """Time constant of the filter of closed eyes. Own: it takes single frames out."""
    eyes_hold_s: float = Field(0.5, ge=0)
    """How long a closing goes on while the eyes are not seen. Own."""
    microsleep_s: float = Field(1.0, gt=0)
    """Closed eyes that raise a warning. Euro NCAP: 1 to 2."""
    sleep_s: float = Field(3.0, gt=0)
    """Closed eyes that raise an alarm. Euro NCAP: 3."""
    eyes_open_s: float = Field(1.0, gt=0)
    """Open eyes that clear a microsleep. Own."""
    perclos_window_s: float = Field(60.0, gt=0)
    """Time over which the share of closed eyes is taken. PERCLOS: a minute."""
    perclos_notice: float = Field(0.10, gt=0, lt=1)
    """Share that raises a notice. A road study: 6 % rested, 10 % at the first microsleep."""
    perclos_cleared: float = Field(0.08, gt=0, lt=1)
    """Share below which it is cleared. Own."""
    perclos_valid_s: float = Field(45.0, gt=0)
    """Time of the window in which the eyes must be seen. Own."""
    perclos_lost_s: float = Field(20.0, gt=0)
    """Time of the window below which the notice is taken back, since too little is seen. Own."""

    # The second policy
    unseen_notice_s: float = Field(10.0, gt=0)
    """Time without a claim that raises a notice, and that of eyes unseen an advice. openpilot: 10."""
    unseen_warning_s: float = Field(30.0, gt=0)
    """Time without a claim that raises a warning. Own."""
    seen_again_s: float = Field(2.0, gt=0)
    """Time of seeing that clears both. Own."""

    # Emotion
    strong_emotions: tuple[str, ...] = ("angry", "fear")
    """States that are advised on."""
    emotion_filter_s: float = Field(1.0, gt=0)
    """Time constant of their filter. Own."""
    emotion_s: float = Field(10.0, gt=0)
    """How long such a state must last. Own."""
    calm_s: float = Field(5.0, gt=0)
    """How long other states must last to end the advice. Own."""

    # The drive
    driver_seen_s: float = Field(2.0, gt=0)
    """How long a face must have been seen until a missing one is a driver who looks away, or eyes are missed. Own."""
    drive_over_s: float = Field(60.0, gt=0)
    """Time without a face that ends a drive, unless the vehicle is known to move. Own."""
    drive_unseen_s: float = Field(600.0, gt=0)
    """The same where nothing can be seen, as at night: alarms do not last until the morning. Own."""
    moving_kmh: float = Field(10.0, gt=0)
    """Speed above which somebody must be driving. Own."""
    fast_kmh: float = Field(50.0, gt=0)
    """Speed from which on the times of looks away, and of not seeing, count as they are. EU: 50. An unknown speed
    counts as one above."""
    slow_kmh: float = Field(20.0, gt=0)
    """Speed from which on they are longer by `medium_factor`, below it by `slow_factor`. EU: 20."""
    medium_factor: float = Field(6.0 / 3.5, ge=1)
    """EU: 6 s at 20 to 50 km/h against 3.5 s from 50 km/h."""
    slow_factor: float = Field(3.0, ge=1)
    """Own; the EU asks for nothing below 20 km/h."""
    gap_s: float = Field(2.0, gt=0)
    """Time between two observations from which on nothing is counted for it. Own."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ordered = (
            ("away_hysteresis_s", "away_notice_s", "away_warning_s", "away_alarm_s"),
            ("glances_cleared_s", "glances_notice_s", "glances_window_s"),
            ("microsleep_s", "sleep_s", "unresponsive_closed_s"),
            ("closed_openness", "open_openness"),
            ("perclos_cleared", "perclos_notice"),
            ("perclos_lost_s", "perclos_valid_s", "perclos_window_s"),
            ("unseen_notice_s", "unseen_warning_s"),
            ("own_yaw_range_deg", "yaw_limit_deg"),
            ("own_pitch_range_deg", "pitch_down_limit_deg"),
            ("own_pitch_range_deg", "pitch_up_limit_deg"),
            ("drive_over_s", "drive_unseen_s"),
            ("slow_kmh", "fast_kmh"),
            ("medium_factor", "slow_factor"),
        )
        for names in ordered:
            values = [getattr(self, name) for name in names]
            if values != sorted(values):
                given = ", ".join(f"{name} {value:g}" for name, value in zip(names, values, strict=True))
                msg = f"{given}: each must be at least as large as the one before"
                raise ValueError(msg)
        return self
