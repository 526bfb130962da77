"""A drive as JSON Lines."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.driving import recording
from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.monitor import Step
from edge_fer.driving.observation import Hindrance, Measured, Observation, Pose, Sight
from edge_fer.errors import BadInput

NUMBERS = st.floats(-1e6, 1e6)
AMOUNTS = st.floats(0, 1e6)
OBSERVATIONS = st.builds(
    Observation,
    time_s=NUMBERS,
    sight=st.sampled_from(Sight),
    hindrance=st.none() | st.sampled_from(Hindrance),
    facing=st.none() | st.booleans(),
    pose=st.none() | st.builds(Pose, yaw_deg=NUMBERS, pitch_deg=NUMBERS, roll_deg=NUMBERS, uncertainty_deg=AMOUNTS),
    eyes=st.none() | st.builds(Measured, value=NUMBERS, uncertainty=AMOUNTS),
    mouth=st.none() | st.builds(Measured, value=NUMBERS, uncertainty=AMOUNTS),
    state=st.none() | st.text(),
    speed_kmh=st.none() | AMOUNTS,
)
ALERT = Alert(time_s=1.25, kind=Kind.LOOKS_AWAY, level=Level.NOTICE, detail={"away_s": 3.0})


@given(OBSERVATIONS)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, observation: Observation) -> None:
    path = tmp_path_factory.mktemp("drive") / "drive.jsonl"
    path.write_text(recording.as_line(Step(observation, (ALERT,))) + "\n\n")
    assert list(recording.read(path)) == [observation]


def test_a_line_holds_the_alerts_and_nothing_that_is_unknown() -> None:
    line = recording.as_line(Step(Observation(time_s=1.5, sight=Sight.NO_FACE), (ALERT,)))
    assert line == (
        '{"time_s":1.5,"sight":"no face","alerts":[{"time_s":1.25,"kind":"looks away","level":1,'
        '"detail":{"away_s":3.0}}]}'
    )


@pytest.mark.parametrize(
    "line",
    [
        "nonsense", "[]", "1", "null", '{"sight":"face"}',
        '{"time_s":"1","sight":"face"}', '{"time_s":1,"sight":"ear"}',
        '{"time_s":NaN,"sight":"face"}', '{"time_s":1e999,"sight":"face"}', '{"time_s":1,"sight":"face","more":1}',
        '{"time_s":1,"sight":"face","speed_kmh":-1}', "[" * 100_000, "\x00\xff", '{"time_s":1,"sight":"face"',
        '{"time_s":1,"sight":"face","pose":{"yaw_deg":1}}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_observation_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "drive.jsonl"
    path.write_text('{"time_s":0,"sight":"face"}\n' + line + "\n", encoding="latin-1")
    with pytest.raises(BadInput, match=r"drive\.jsonl, line [23] is no observation: .*; leave the line out"):
        list(recording.read(path))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "", "pipe"):
        with pytest.raises(BadInput, match="cannot be read"):
            list(recording.read(tmp_path / name))
