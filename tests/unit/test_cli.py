from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_fer import __version__, cli, pipeline, profile
from edge_fer.bundle import SHIPPED_MODELS
from edge_fer.classifier import Classifier
from edge_fer.cli import main
from edge_fer.errors import BadInput
from edge_fer.options import DEFAULT_MODEL
from edge_fer.pipeline import Pipeline
from edge_fer.sinks import SinkClosed, pictures
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import Tracking

TARGETS = [f"{runtime}-{precision}" for runtime in ("litert", "openvino", "onnx") for precision in ("int8", "float32")]
COMMANDS = set(main.commands) | metadata.entry_points(group="edge_fer.commands").names
TINY = str(Path(__file__).parents[1] / "golden" / "tiny")


def call(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == code, done.output + repr(done.exception)
    return done.stdout if code == 0 else done.stderr


def test_the_packages_add_their_commands():
    assert {
        "run",
        "verify",
        "models",
        "bench",
        "convert",
        "eval",
        "train",
        "devices",
        "doctor",
        "flash",
        "wheelhouse",
    } <= COMMANDS


def test_help_lists_every_command_and_the_exit_codes():
    text = call("--help")
    for command in COMMANDS:
        assert f"  {command} " in text
    assert "Exit codes" in text
    assert __version__ in call("--version")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_shows_examples(command):
    assert "Example" in call(command, "--help")


def test_run_prints_changes():
    text = call("run", "--model", TINY, "--frames", "30")
    assert text.startswith("    0.00 s: face 1 at ")


def test_run_prints_a_json_object_for_each_frame():
    lines = call("run", "--model", TINY, "--frames", "5", "--json").splitlines()
    assert [json.loads(line)["index"] for line in lines] == list(range(5))


@pytest.fixture
def small_board(monkeypatch):
    """A board of which small frames and a slow schedule are assumed."""
    schedule = profile.Schedule(search_every_s=2.0, confirm_every_s=0.8, classify_fps=5.0)
    assumed = profile.Profile(
        model="compact", target="litert-int8", threads=2, board="small-board", assumed=True, frame_px=(320, 240),
        schedule=schedule,
    )  # fmt: skip
    monkeypatch.setattr(profile, "of_board", {"small-board": assumed}.__getitem__)
    return "small-board"


@pytest.mark.parametrize(("option", "rate_hz"), [((), 5.0), (("--classify-fps", "20"), 20.0)])
def test_run_begins_from_what_is_assumed_of_a_board(small_board, monkeypatch, option, rate_hz):
    pipelines, sizes = [], set()

    class Watched(Pipeline):
        def __init__(self, classifier, tracker, **options):
            super().__init__(classifier, tracker, **options)
            pipelines.append((tracker.tracking, options["classify_fps"]))

        def run(self, source):
            for frame, record in super().run(source):
                sizes.add(frame.image.shape)
                yield frame, record

    monkeypatch.setattr(pipeline, "Pipeline", Watched)
    call("run", "--model", TINY, "--device", small_board, "--frames", "5", *option)
    assert pipelines == [(Tracking(search_every_s=2.0, confirm_every_s=0.8), rate_hz)]
    assert sizes == {(240, 320)}
    call("run", "--model", TINY, "--device", small_board, "--frames", "5", "--size", "640x480")
    assert sizes == {(240, 320), (480, 640)}


def test_the_frame_size_of_a_board_is_for_cameras_alone(small_board, tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), SyntheticCamera(seed=1).frame(0).image)
    assert "face 1 at" in call("run", "--model", TINY, "--device", small_board, "--source", str(tmp_path / "face.png"))


def test_run_finds_faces_with_the_detector_that_it_is_told(tmp_path):
    image = np.zeros((480, 640), np.uint8)
    image[200:264, 300:364] = 255
    cv2.imwrite(str(tmp_path / "spot.png"), image)
    picture = ("run", "--model", TINY, "--source", str(tmp_path / "spot.png"), "--json")
    # To this network a bright spot is a face.
    (face,) = json.loads(call(*picture, "--detector", f"yunet:{Path(TINY).parent / 'yunet.onnx'}"))["faces"]
    assert face["confidence"] > 0.7
    assert json.loads(call(*picture))["faces"] == []
    assert "'--detector': no detector 'mtcnn'" in call(*picture, "--detector", "mtcnn", code=2)


def test_run_says_why_there_is_no_face_and_changes_no_result(tmp_path, caplog):
    picture = tmp_path / "turned.png"
    cv2.imwrite(str(picture), cv2.rotate(SyntheticCamera(seed=1).frame(0).image, cv2.ROTATE_90_CLOCKWISE))
    options = ("run", "--model", TINY, "--source", str(picture), "--json")
    done = CliRunner().invoke(main, options)
    assert json.loads(done.stdout)["faces"] == []
    assert caplog.messages == ["no face: the picture seems to be turned; pass --rotate 270"]
    caplog.clear()
    done = CliRunner().invoke(main, [*options, "--rotate", "270"])
    assert len(json.loads(done.stdout)["faces"]) == 1
    assert not caplog.messages


def test_run_says_why_a_film_shows_no_face(tmp_path, caplog):
    film = tmp_path / "dark.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for _ in range(12):
        writer.write(np.full((240, 320, 3), 9, np.uint8))
    writer.release()
    done = CliRunner().invoke(main, ["run", "--model", TINY, "--source", str(film), "--json"])
    assert len(done.stdout.splitlines()) == 12
    assert caplog.messages == ["no face in 12 frames: the picture is too dark; more light helps"]


def test_run_takes_whole_pictures_for_faces(tmp_path):
    cv2.imwrite(str(tmp_path / "crop.png"), np.full((48, 40), 90, np.uint8))
    whole = ("run", "--model", TINY, "--faces", "whole")
    (face,) = json.loads(call(*whole, "--source", str(tmp_path), "--json"))["faces"]
    assert face["box"] == [0, 0, 40, 48]
    assert face["confidence"] == 1
    assert "is for pictures of cropped faces, and synthetic" in call(*whole, "--source", "synthetic", code=3)
    assert "leave out --detector" in call(*whole, "--source", str(tmp_path), "--detector", "haar", code=2)


def test_run_writes_pictures_only_when_asked(tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), SyntheticCamera(seed=1).frame(0).image)
    before = set(tmp_path.rglob("*"))
    with_faces = call("run", "--model", TINY, "--source", str(tmp_path / "face.png"))
    assert "face.png: face 1 at" in with_faces
    assert set(tmp_path.rglob("*")) == before
    call("run", "--model", TINY, "--source", str(tmp_path / "face.png"), "--save", str(tmp_path / "out"))
    assert (tmp_path / "out" / "face.png").exists()
    call("run", "--model", TINY, "--frames", "3", "--save", str(tmp_path / "out"))
    assert (tmp_path / "out" / "synthetic.mp4").exists()


def test_the_astronaut_is_found(tmp_path):
    from skimage import data

    path = tmp_path / "astronaut.png"
    cv2.imwrite(str(path), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
    record = json.loads(call("run", "--source", str(path), "--json"))
    assert len(record["faces"]) == 1
    x, y, width, height = record["faces"][0]["box"]
    assert x < 225 < x + width  # her nose
    assert y < 115 < y + height
    assert record["faces"][0]["scores"]["happy"] > 0.5


def test_a_run_without_a_model_takes_the_default_one(monkeypatch):
    loaded = []
    original = Classifier.__init__

    def load(self, model, *arguments, **options):
        loaded.append(model.path)
        original(self, model, *arguments, **options)

    monkeypatch.setattr(Classifier, "__init__", load)
    call("run", "--frames", "2")
    assert DEFAULT_MODEL == "compact"
    assert loaded == [SHIPPED_MODELS / "compact"]
    assert "by default compact" in " ".join(call("run", "--help").split())


def test_a_sink_that_the_user_closes_ends_the_run_with_its_summary(monkeypatch):
    closed = []

    class Window:
        """A preview window that is closed while it shows the second frame."""

        def write(self, frame, record):
            if record.index == 1:
                raise SinkClosed

        def close(self):
            closed.append(True)

    monkeypatch.setattr(pictures, "Preview", lambda **options: Window())
    done = CliRunner().invoke(main, ["run", "--model", TINY, "--frames", "30", "--show", "--json"])
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 2
    assert re.search(r"^2 frames, 1 face, ", done.stderr, re.MULTILINE)
    assert closed == [True]


def test_verify_reports_each_target():
    text = call("verify", TINY)
    assert text.count("matches: 10 of 10") == len(TARGETS)
    assert json.loads(call("verify", DEFAULT_MODEL, "--json").splitlines()[0])["passed"] is True


def test_models_lists_the_shipped_bundles():
    assert "cnn-1" in call("models")
    assert "\ncompact (default): " in call("models")
    listed = json.loads(call("models", "--json"))
    assert [bundle["name"] for bundle in listed if bundle["default"]] == [DEFAULT_MODEL]


def test_models_prints_a_bundles_card():
    assert call("models", DEFAULT_MODEL).startswith("# ")


def test_each_error_is_one_line_with_its_own_code(tmp_path):
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    damaged = Path(shutil.copytree(TINY, tmp_path / "damaged"))
    (damaged / "litert-int8.tflite").write_bytes(b"x" * (damaged / "litert-int8.tflite").stat().st_size)
    for arguments, code, message in (
        (("run", "--threads", "0"), 2, "Invalid value"),
        (("run", "--frames", "1", "--min-face", "5"), 2, "Invalid value for '--min-face': 5 is not in the range 24"),
        (("run", "--frames", "1", "--backend", "tpu"), 2, "Invalid value for '--backend': 'tpu' is not one of"),
        (("run", "--size", "axb"), 2, "Invalid value for '--size': the size 'axb' is not WIDTHxHEIGHT"),
        (("run", "--roi", "1,2"), 2, "Invalid value for '--roi': the region '1,2' is not X,Y,W,H"),
        (("run", "--json", "--csv"), 2, "pass --json or --csv, not both"),
        (("run", "--unknown-below", "2"), 2, "Invalid value for '--unknown-below' / '--conf': 2.0 is not in the range"),
        (("run", "--model", str(damaged)), 4, "the bundle is damaged"),
        (("verify", str(damaged)), 4, "the bundle is damaged"),
        (("run", "--model", "nothing"), 4, "no bundle at nothing"),
        (("run", "--model", TINY, "--source", str(empty)), 5, "is empty (0 bytes)"),
        (("run", "--source", "/dev/video97"), 5, "cannot be opened"),
        (("run", "--model", TINY, "--frames", "1", "--save", str(empty)), 6, "cannot be created"),
        (("run", "--source", "picamera"), 8, "apt install python3-picamera2"),
    ):
        text = call(*arguments, code=code)
        assert message in text
        if code != 2:
            assert len([line for line in text.splitlines() if line.startswith("edge-fer: ")]) == 1


def test_a_bundle_that_computes_something_else_fails_verification(tmp_path):
    wrong = Path(shutil.copytree(TINY, tmp_path / "wrong"))
    with np.load(wrong / "golden.npz") as arrays:
        changed = {name: arrays[name] if name == "inputs" else arrays[name][:, ::-1] for name in arrays.files}
    np.savez(wrong / "golden.npz", **changed)
    content = (wrong / "golden.npz").read_bytes()
    manifest = json.loads((wrong / "manifest.json").read_text())
    manifest["targets"] = manifest["targets"][:1]
    manifest["golden"].update(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    (wrong / "manifest.json").write_text(json.dumps(manifest))
    done = CliRunner().invoke(main, ["verify", str(wrong)])
    assert done.exit_code == 4
    assert "DOES NOT MATCH" in done.stdout


@pytest.mark.parametrize(("options", "shown"), [((), False), (("--debug",), True)])
def test_runtimes_log_only_with_debug(options, shown):
    command = [sys.executable, "-m", "edge_fer.cli", *options, "run", "--frames", "1", "--target", "litert-int8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ("XNNPACK" in done.stderr) == shown


def test_a_reader_that_goes_away_ends_the_run_in_silence():
    command = f"{sys.executable} -m edge_fer.cli run --model {TINY} --frames 3000 --json | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "Error" not in done.stderr


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (OSError(28, "No space left on device", "a/b.npy"), 6, "a/b.npy: No space left on device; make room"),
        (OSError(27, "File too large"), 6, "File too large; make room"),
        (OSError(24, "Too many open files"), 1, "Too many open files; allow more of them: ulimit -n 1024"),
        (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), 6, "set TMPDIR to a folder"),
        (PermissionError(13, "Permission denied", "x"), 1, "x: Permission denied; check the path"),
        (MemoryError(), 1, "there is too little memory"),
        (RecursionError("too\n deep \x1b[2J"), 1, r"unexpected RecursionError: too deep \x1b[2J; edge-fer --debug"),
        (BadInput("it is bad (for a reason […])"), 3, "[…]); edge-fer --debug shows all of it"),
        (ImportError("libGL.so.1: cannot open shared object file", name="cv2"), 8, "cv2 cannot be loaded: libGL.so.1"),
        (BadInput("name \x1b[2J\nsecond \udce9"), 3, "name \\x1b[2J\\nsecond \ufffd"),
    ],
)
def test_whatever_goes_wrong_is_one_line_on_stderr(raised, code, message, monkeypatch):
    def fail(*arguments):
        raise raised

    monkeypatch.setattr("edge_fer.bundle.load", fail)
    stderr = call("models", "cnn-1", code=code)
    assert stderr.startswith("edge-fer: ")
    assert message in stderr
    assert stderr.count("\n") == 1
    assert "\x1b" not in stderr


def test_a_command_that_cannot_be_loaded_stops_no_other(monkeypatch):
    def broken(entry):
        raise ValueError("numpy.dtype size changed")

    monkeypatch.setattr(metadata.EntryPoint, "load", broken)
    listed = call("--help")
    assert re.search("bench +It cannot be loaded", listed)
    assert "unexpected ValueError: numpy.dtype size changed" in call("bench", "show", "--json", "x", code=1)
    assert "cnn-1" in call("models")


def test_a_warning_is_one_line_whatever_its_names_hold():
    record = logging.LogRecord("edge_fer", logging.WARNING, "", 0, "skipped: %s", ("a\n\x1b[31m.png",), None)
    assert cli.LogFormatter("edge-fer: %(message)s").format(record) == r"edge-fer: skipped: a\n\x1b[31m.png"


def test_names_reach_the_terminal_as_text(tmp_path):
    picture = tmp_path / "a\x1b[31m\nb\u202e.png"
    cv2.imwrite(str(tmp_path / "a.png"), SyntheticCamera(seed=1).frame(0).image)
    (tmp_path / "a.png").rename(picture)
    text = call("run", "--model", TINY, "--source", str(picture))
    assert text.startswith(r"a\x1b[31m\nb\u202e.png: face 1 at ")
    assert json.loads(call("run", "--model", TINY, "--source", str(picture), "--json"))["source"] == picture.name


@pytest.mark.parametrize("target", ["litert-int8", "openvino-int8", "onnx-int8"])
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be tied to a core here")
def test_more_threads_than_cores_are_no_fault(target, capfd):
    """A container may have fewer cores than threads were asked for."""
    cores = os.sched_getaffinity(0)
    one = call("run", "--model", TINY, "--target", target, "--frames", "3", "--json")
    capfd.readouterr()
    os.sched_setaffinity(0, {min(cores)})
    try:
        pinned = call("run", "--model", TINY, "--target", target, "--frames", "3", "--json", "--threads", "4")
    finally:
        os.sched_setaffinity(0, cores)
    assert "affinity" not in capfd.readouterr().err
    faces = [[json.loads(line)["faces"] for line in text.splitlines()] for text in (one, pinned)]
    assert faces[0] == faces[1]


@pytest.fixture
def usual_level():
    """Whatever the test lets be logged is not logged after it."""
    yield
    logging.getLogger("edge_fer").setLevel(logging.NOTSET)


@pytest.mark.usefixtures("usual_level")
def test_debug_shows_the_traceback():
    done = CliRunner().invoke(main, ["--debug", "run", "--model", "nothing"])
    assert type(done.exception).__name__ == "BadBundle"


ADDRESS = "rtsp://admin:S3cret@127.0.0.1:1/cam"


@pytest.mark.parametrize(
    "arguments",
    [["run", ADDRESS], [ADDRESS], ["run", "--size", ADDRESS], ["run", "--flip", ADDRESS], ["run", "--fps", ADDRESS],
     ["run", "--model", ADDRESS], ["run", "--roi", ADDRESS], ["verify", ADDRESS], ["models", ADDRESS]],
)  # fmt: skip
def test_an_address_at_the_wrong_place_is_shown_without_its_password(arguments):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code != 0
    assert "S3cret" not in done.output
    assert "127.0.0.1:1" in done.output or "--fps" in done.output
