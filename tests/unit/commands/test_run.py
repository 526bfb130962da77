from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_fer.cli import main
from edge_fer.commands.run import DRAWN_FRAMES
from edge_fer.sources.synthetic import SyntheticCamera

TINY = str(Path(__file__).parents[2] / "golden" / "tiny")


def call(*arguments: str, code: int = 0, stdin: bytes | None = None):
    done = CliRunner().invoke(main, ["run", "--model", TINY, *arguments], input=stdin)
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


def sources(*arguments: str) -> list[str]:
    """The source of each frame of a run."""
    return [json.loads(line)["source"] for line in call(*arguments, "--json").stdout.splitlines()]


def face() -> np.ndarray:
    return SyntheticCamera(seed=1).frame(0).image


def write_film(path: Path, frames: int = 3) -> None:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", 10)
        stream.width, stream.height = 640, 480
        for index in range(frames):
            image = SyntheticCamera(seed=1).frame(index).image
            film.mux(stream.encode(av.VideoFrame.from_ndarray(image, "gray").reformat(format="yuv420p")))
        film.mux(stream.encode(None))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in with a picture, a folder of two pictures, one of them a folder deeper, and a film."""
    monkeypatch.chdir(tmp_path)
    Path("faces/deeper").mkdir(parents=True)
    for path in ("photo.png", "faces/one.png", "faces/deeper/two.png"):
        cv2.imwrite(path, face())
    write_film(Path("drive.mp4"))
    return tmp_path


class TestSources:
    def test_a_bare_run_says_what_it_plays_and_for_how_long(self):
        done = call("--json")
        assert len(done.stdout.splitlines()) == DRAWN_FRAMES
        said = done.stderr.splitlines()[0]
        assert said.startswith("no source is given, so this plays 10 s of a drawn camera (300 frames); pass a picture")
        assert "(1 frame)" in call("--frames", "1").stderr
        assert "drawn" not in call("--frames", "1", "--source", "synthetic").stderr

    def test_a_picture_is_an_argument(self, here):
        assert call("photo.png").stdout.startswith("photo.png: face 1 at ")
        assert call("--source", "photo.png").stdout.startswith("photo.png: face 1 at ")

    def test_several_are_all_read_whatever_way_they_are_named(self, here):
        assert sources("--source", "photo.png", "--source", "faces", "faces/deeper/two.png") == [
            "photo.png", "faces/one.png", "faces/deeper/two.png",
        ]  # fmt: skip
        assert sources("drive.mp4", "photo.png", "drive.mp4") == ["drive.mp4"] * 3 + ["photo.png"] + ["drive.mp4"] * 3

    def test_a_pattern_that_no_shell_expanded_is_expanded(self, here):
        assert sources("*.png") == ["photo.png"]
        assert sorted(sources("**/*.png")) == ["faces/deeper/two.png", "faces/one.png", "photo.png"]
        assert "no file fits '*.jpg'" in call("*.jpg", code=5).stderr

    def test_folders_in_folders_are_read_on_request(self, here):
        assert sources("faces") == ["one.png"]
        assert sources("faces", "--recursive") == ["deeper/two.png", "one.png"]
        assert "--recursive is for folders" in call("photo.png", "--recursive", code=2).stderr

    def test_what_may_never_end_is_the_only_source(self, here):
        for endless in ("0", "synthetic", "rtsp://camera/live", "-"):
            assert "is the only source of a run" in call("photo.png", endless, code=2).stderr

    def test_among_several_one_that_cannot_be_read_is_skipped(self, here, caplog):
        Path("broken.mp4").write_bytes(b"no film")
        assert sources("broken.mp4", "drive.mp4") == ["drive.mp4"] * 3
        assert caplog.messages[0].startswith("skipped: broken.mp4 (7 bytes) is not a film")
        assert "none of the 2 sources could be read" in call("broken.mp4", "broken.mp4", code=5).stderr

    def test_the_frames_of_all_sources_count(self, here):
        assert len(sources("drive.mp4", "drive.mp4", "--frames", "4")) == 4

    def test_a_picture_comes_through_a_pipe(self, here):
        done = call("-", stdin=(here / "photo.png").read_bytes())
        assert done.stdout.startswith("standard input: face 1 at ")
        assert "standard input is empty" in call("-", stdin=b"", code=5).stderr

    def test_an_animation_is_a_film_and_a_gif_of_one_picture_is_a_picture(self, here):
        for name, count in (("moving.gif", 3), ("still.gif", 1)):
            with av.open(name, "w") as gif:
                stream = gif.add_stream("gif", 10)
                stream.width, stream.height, stream.pix_fmt = 640, 480, "gray"
                for index in range(count):
                    image = SyntheticCamera(seed=1).frame(10 * index).image
                    gif.mux(stream.encode(av.VideoFrame.from_ndarray(image, "gray")))
                gif.mux(stream.encode(None))
        assert sources("moving.gif") == ["moving.gif"] * 3
        assert "3 frames, " in call("moving.gif").stderr
        assert "1 picture, " in call("still.gif").stderr


class TestOutput:
    def test_the_summary_counts_frames_faces_and_files(self, here):
        done = call("photo.png", "drive.mp4", "--save", "out")
        lines = done.stderr.splitlines()
        assert re.fullmatch(r"4 frames, 2 faces, [\d.]+ s, [\d.]+ frames a second", lines[0])
        assert re.fullmatch(
            r"[\d.]+ ms a frame: capture .*, detect .*, preprocess .*, classify .*, smooth [\d.]+", lines[1]
        )
        assert re.fullmatch(r"tiny, litert-int8: ai-edge-litert .*, computes int8, 1 thread", lines[2])
        assert lines[3:] == ["saved: out/photo.png", "saved: out/drive.mp4"]

    def test_pictures_are_called_pictures(self, here):
        cv2.imwrite("empty.png", np.full((200, 200), 90, np.uint8))
        assert call("photo.png").stderr.splitlines()[-3].startswith("1 picture, 1 face")
        assert "2 pictures, 1 face, 1 without a face, " in call("photo.png", "empty.png").stderr
        assert "saved: 2 pictures in out" in call("photo.png", "empty.png", "--save", "out").stderr

    def test_quiet_prints_results_for_programs_alone(self, here):
        done = call("photo.png", "drive.mp4", "-q")
        assert (done.stdout, done.stderr) == ("", "")
        assert len(call("photo.png", "--quiet", "--json").stdout.splitlines()) == 1
        assert call("--quiet", "--frames", "1").stderr == ""

    def test_csv_has_a_line_for_each_face_and_one_head(self, here):
        cv2.imwrite("empty.png", np.full((200, 200), 90, np.uint8))
        rows = list(csv.DictReader(io.StringIO(call("photo.png", "drive.mp4", "empty.png", "--csv").stdout)))
        assert [row["source"] for row in rows] == ["photo.png", "drive.mp4", "drive.mp4", "drive.mp4", "empty.png"]
        assert rows[0]["state"] in {*rows[0].keys(), "unknown"}
        assert float(rows[0]["width"]) > 48
        assert rows[-1]["track"] == rows[-1]["state"] == ""

    def test_how_sure_a_state_must_be_can_be_chosen(self, here):
        def state(*options):
            (found,) = json.loads(call("photo.png", "--json", *options).stdout)["faces"]
            return found["state"], max(found["smoothed"].values())

        _, best = state()
        assert state("--unknown-below", f"{best - 0.01:.3f}")[0] != "unknown"
        assert state("--conf", f"{best + 0.01:.3f}")[0] == "unknown"

    def test_films_of_several_say_which_one_a_line_is_about(self, here):
        assert call("drive.mp4", "photo.png").stdout.startswith("drive.mp4:     0.00 s: face 1 at ")
        assert call("drive.mp4").stdout.startswith("    0.00 s: face 1 at ")


@pytest.mark.parametrize("command", [("drive",), ("kiosk",), ("doctor",), ("flash", "x.img", "--out", "y.img")])
def test_a_command_that_watches_one_source_drops_none_of_two(command):
    done = CliRunner().invoke(main, [*command, "--source", "synthetic", "--source", "0"])
    assert done.exit_code == 2
    assert "one source is watched, and 2 are given: synthetic, 0" in done.stderr


def test_a_terminal_is_no_picture(monkeypatch):
    class Terminal:
        buffer = io.BytesIO()

        @staticmethod
        def isatty():
            return True

    from edge_fer.errors import SourceError
    from edge_fer.sources import open_source

    monkeypatch.setattr(sys, "stdin", Terminal)
    with pytest.raises(SourceError, match=r"cat photo\.jpg \| edge-fer run -"):
        open_source("-")
