"""What the table ``[driving]`` takes and refuses."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edge_fer.appliance.config import Config
from edge_fer.appliance.config.faults import find
from edge_fer.appliance.config.remarks import credentials, remarks
from edge_fer.appliance.driver.settings import DrivingSettings
from edge_fer.appliance.watcher.job import Driving, Job
from edge_fer.errors import BadInput
from edge_fer.profile import choose

LEVEL_2 = """
[driving]
landmarks = "/models/face_landmark.tflite"
eyes = "/models/iris_landmark.tflite"

[driving.parameters]
away_notice_s = 2.5

[driving.speed]
topic = "vehicle/speed"
key = "kmh"
host = "vehicle.local"
user = "edge-fer"
password = "vehicle-password"
"""


def test_it_is_off_without_its_table():
    assert Config().driving is None
    assert Config.parse("[driving]", "c").driving == DrivingSettings()
    assert Config.parse("[driving]", "c").driving.level == 1


def test_everything_can_be_written_and_read_again():
    config = Config.parse(LEVEL_2, "c")
    assert config.driving.level == 2
    assert config.driving.parameters.away_notice_s == 2.5
    assert Config.parse(config.dumps(), "c") == config
    assert Config.model_validate(config.model_dump()) == config


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('[driving]\neyes = "e.tflite"', "add `landmarks`"),
        ('[driving]\nspeed_file = "s"\n[driving.speed]\ntopic = "t"\nhost = "h"', "leave out one of them"),
        ('[driving]\n[driving.speed]\ntopic = "t"', "needs a broker"),
        ('[driving]\n[driving.speed]\ntopic = "t/#"\nhost = "h"', "one topic"),
        ('[driving]\n[driving.speed]\ntopic = "t"\nport = 1', "port needs the host"),
        ('[driving]\n[driving.speed]\ntopic = "t"\nhost = "h"\npassword = "p"', "needs the user"),
        ("[driving]\n[driving.parameters]\naway_notice_s = 20", "at least as large"),
        ("[driving]\nlevel = 2", "level"),
    ],
)
def test_what_does_not_fit_is_one_line(text, match):
    with pytest.raises(BadInput, match=match) as caught:
        Config.parse(text, "c")
    assert "\n" not in str(caught.value)


def test_faults_are_told_with_their_line():
    faults, _ = find("[driving]\n[driving.parameters]\naway_notice = 3\n")
    assert [(fault.line, fault.key) for fault in faults] == [(3, "driving.parameters.away_notice")]
    assert "away_notice_s" in faults[0].problem
    faults, _ = find("[driving]\naway_notice_s = 3\n")
    assert "[driving.parameters]" in faults[0].problem


def test_the_broker_is_that_of_the_outlet_or_its_own():
    own = Config.parse(LEVEL_2, "c").driving.speed.broker(None)
    assert (own.host, own.user, own.password) == ("vehicle.local", "edge-fer", "vehicle-password")
    shared = Config.parse('[mqtt]\nhost = "b"\nprefix = "x"\n[driving]\n[driving.speed]\ntopic = "t"', "c")
    assert shared.driving.speed.broker(shared.mqtt) is shared.mqtt
    with pytest.raises(ValidationError):
        Config.model_validate({**shared.model_dump(), "mqtt": None})


def test_what_deserves_a_second_look():
    config = Config.parse(LEVEL_2, "c")
    assert credentials(config) == {"driving.speed.password": "vehicle-password"}
    keys = {remark.key for remark in remarks(config)}
    assert {"driving.landmarks", "driving.eyes", "driving.speed.password", "driving.speed.tls"} <= keys
    sounds = Config.parse('[sound]\nalarm = "/none.wav"', "c")
    assert "sound.alarm" in {remark.key for remark in remarks(sounds)}


def test_the_watcher_is_told_what_to_observe():
    chosen = choose(None, None, None, "compact", None, None)
    assert Job.of(Config(), chosen, "compact").driving is None
    assert Job.of(Config.parse("[driving]", "c"), chosen, "compact").driving == Driving()
    job = Job.of(Config.parse(LEVEL_2, "c"), chosen, "compact")
    assert job.driving == Driving(landmarks="/models/face_landmark.tflite", eyes="/models/iris_landmark.tflite")
    assert Job.model_validate_json(job.model_dump_json()) == job
