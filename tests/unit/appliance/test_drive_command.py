"""``edge-fer drive`` and ``edge-fer drive replay``."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge_fer.appliance.commands import serving
from edge_fer.appliance.commands.drive import drive
from edge_fer.driving.observation import Observation, Sight
from edge_fer.errors import BadInput, SourceError

FRAME_S = 1 / 15


def invoke(*words: str) -> Result:
    return CliRunner().invoke(drive, [str(word) for word in words])


def recording(path: Path, *stretches: tuple[float, bool]) -> Path:
    """Write a drive whose driver faces the road, or not, for some seconds each."""
    lines = []
    time_s = 0.0
    for length_s, facing in stretches:
        for _ in range(round(length_s / FRAME_S)):
            observation = Observation(time_s=time_s, sight=Sight.FACE, facing=facing)
            lines.append(observation.model_dump_json(exclude_none=True))
            time_s += FRAME_S
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_drawn_drive_raises_and_clears_alerts() -> None:
    done = invoke("--source", "synthetic", "--seconds", "16", "--fps", "10")
    assert done.exit_code == 0
    first, second = done.stdout.splitlines()
    assert first.split()[2] == "notice"
    assert "look at the road (away 3.0 s" in first
    assert 12.5 < float(first.split()[0]) < 13.5
    assert second.split()[2] == "cleared"
    assert "level 1: tells only whether the face points at the road; claims nothing about eyes." in done.stderr
    assert "no type-approved safety device" in done.stderr.lower()
    assert "looks away 1" in done.stderr


def test_a_film_is_watched_in_its_own_time(tmp_path: Path) -> None:
    film = tmp_path / "dark.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 2.0, (160, 120))
    for _ in range(30):
        writer.write(np.zeros((120, 160, 3), np.uint8))
    writer.release()
    done = invoke("--source", film, "--json")
    assert done.exit_code == 0
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert [step["hindrance"] for step in steps] == ["dark"] * 30
    (alert,) = [alert for step in steps for alert in step.get("alerts", ())]
    assert (alert["kind"], alert["level"]) == ("cannot monitor", 1)
    assert alert["time_s"] == pytest.approx(10.0)


def test_a_replay_gives_the_same_alerts_bit_by_bit(tmp_path: Path) -> None:
    played = invoke("--source", "synthetic", "--seconds", "14", "--fps", "10", "--json")
    kept = tmp_path / "drive.jsonl"
    kept.write_text(played.stdout)
    again = invoke("replay", kept, "--json")
    assert again.exit_code == 0
    assert again.stdout == played.stdout
    assert '"alerts"' in again.stdout
    assert "looks away 1" in again.stderr


def test_a_recording_holds_numbers_only(tmp_path: Path) -> None:
    played = invoke("--source", "synthetic", "--seconds", "1", "--json")
    assert max(map(len, played.stdout.splitlines())) < 300


def test_a_replay_shows_alerts_as_lines(tmp_path: Path) -> None:
    kept = recording(tmp_path / "drive.jsonl", (5.0, True), (6.0, False), (10.0, True))
    done = invoke("replay", kept)
    levels = [line.split()[2] for line in done.stdout.splitlines()]
    assert levels == ["notice", "warning", "notice", "cleared"]


def test_a_damaged_recording_ends_with_its_line(tmp_path: Path) -> None:
    kept = recording(tmp_path / "drive.jsonl", (5.0, True), (4.0, False))
    kept.write_text(kept.read_text() + "nonsense\n")
    done = invoke("replay", kept)
    assert isinstance(done.exception, BadInput)
    assert "line 136 is no observation" in str(done.exception)
    assert "notice" in done.stdout  # what came before is not lost


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--eyes", __file__], "--eyes needs --landmarks"),
        (["--config", "x.toml"], "add --page"),
        (["--page", "--json"], "--json is not for the page"),
        (["--page", "--seconds", "3"], "--seconds is not for the page"),
        (["--page", "--min-face", "60"], "--min-face is not for the page"),
        (["--page", "--size", "640x480"], "--size is not for the page"),
        (["--seconds", "0"], "0 is not in the range"),
    ],
)
def test_options_that_do_not_fit_are_named(words: list[str], expected: str) -> None:
    done = invoke(*words)
    assert done.exit_code == 2
    assert expected in done.stderr


def test_a_picture_is_no_drive(tmp_path: Path) -> None:
    picture = tmp_path / "one.png"
    cv2.imwrite(str(picture), np.zeros((60, 60), np.uint8))
    done = invoke("--source", picture)
    assert isinstance(done.exception, BadInput)
    assert "a drive takes time" in str(done.exception)


def test_a_file_that_is_no_landmark_model_is_refused() -> None:
    done = invoke("--landmarks", __file__)
    assert isinstance(done.exception, BadInput)


def test_the_page_is_refused_for_a_film_that_is_not_there() -> None:
    pytest.importorskip("starlette")
    done = invoke("--page", "--source", "missing.mp4")
    assert isinstance(done.exception, SourceError)


def test_the_page_keeps_what_the_settings_say_of_driving(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('source = "camera"\n[driving]\nlandmarks = "/a.tflite"\n[driving.parameters]\nsleep_s = 2.5\n')
    config = serving.changed(path, {"source": None, "driving": {"eyes": Path("/b.tflite")}}, None, False, tmp_path)
    assert config.driving is not None
    assert (str(config.driving.landmarks), str(config.driving.eyes)) == ("/a.tflite", "/b.tflite")
    assert config.driving.parameters.sleep_s == 2.5
    assert config.source == "camera"
