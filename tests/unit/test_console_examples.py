"""Every `edge-fer` line of the README and the documentation: its options exist, and most lines run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
import pytest

from edge_fer.bundle import installed
from edge_fer.cli import main
from edge_fer.emotions import FER2013
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face

ROOT = Path(__file__).parents[2]
if not (ROOT / "docs").is_dir():
    pytest.skip("the documents of a clone are not part of the wheel", allow_module_level=True)

BLOCK = re.compile(r"^```console\n(?P<lines>.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 60

NOT_RUN = {
    r"(run|drive|--source) (0|1|picamera|camera)\b": "needs a camera",
    r"completion (zsh|fish)": "is a line for another shell",
    r"--show\b": "needs a screen",
    r"edge-fer (bench|doctor)( |$)": "measures this machine; tests/unit/bench and tests/unit/devices run it",
    r"edge-fer (convert|train)\b": "needs the extra convert; the tests of its pages run whole examples",
    r"edge-fer eval\b": "takes minutes on the data that it names; tests/unit/evaluation runs it on small data",
    r"edge-fer (kiosk|drive --source synthetic)": "runs until it is stopped",
    r"edge-fer (flash|wheelhouse|devices use)\b": "changes a card, a folder of wheels or the settings of this machine",
    r"edge-fer config\b": "reads the settings of this machine",
    r"edge-fer events\b": "reads what a kiosk has kept",
    r"--landmarks |--detector ": "needs a model that is not ours",
}
"""What is not run, and why. The options of these lines are checked all the same."""


NAMED = """
    model.keras model.onnx model.h5 model.pt2 fer2013.csv ferplus.csv service.csv resnet50_notop.h5
    runs/cnn-1/best.keras run.json before.json after.json drive.jsonl raspios-lite-arm64.img.xz
    ours.public.pem ours.private.pem face_landmark.tflite iris_landmark.tflite face_detection_yunet_2023mar.onnx
    blaze_face_short_range.tflite FILE
"""
"""Files that lines name which are not run."""


@dataclass(frozen=True)
class Example:
    document: str
    line: str

    @property
    def not_run(self) -> str | None:
        for pattern, reason in NOT_RUN.items():
            if re.search(pattern, self.line):
                return reason
        return None


def examples() -> list[Example]:
    found = []
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in BLOCK.finditer(document.read_text(encoding="utf-8")):
            text = block["lines"].replace("\\\n", " ")
            lines = [line.removeprefix("$ ").strip() for line in text.splitlines() if line.startswith("$ ")]
            found += [Example(str(document.relative_to(ROOT)), line) for line in lines if line.startswith("edge-fer ")]
    return found


EXAMPLES = examples()
RUN = [example for example in EXAMPLES if example.not_run is None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with everything that the examples name: drawn faces, a film of them, and empty files of other kinds."""
    root = tmp_path_factory.mktemp("examples")
    picture = np.full((360, 480, 3), 128, np.uint8)
    face = cv2.resize(draw_face(EXPRESSIONS["happy"]), (200, 200))
    picture[80:280, 140:340] = face[..., np.newaxis]
    for name in ("photo.jpg", "pictures/one.png", "pictures/two.png", "faces/one.png"):
        (root / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(root / name), picture)
    for part in ("faces", "faces/train", "faces/test", "test", "CK+48", "KDEF"):
        for name in FER2013:
            (root / part / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / part / name / "1.png"), cv2.resize(draw_face(EXPRESSIONS[name]), (64, 64)))
    for name in ("faces.zip", "fer2013-train.zip", "fer2013-public-test.zip"):
        with zipfile.ZipFile(root / name, "w") as archive:
            archive.write(root / "photo.jpg", "happy/1.jpg")
    film = cv2.VideoWriter(str(root / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (480, 360))
    for _ in range(20):
        film.write(picture)
    film.release()
    (root / "trip").mkdir()
    for name in ("drive.mp4", "trip/1.mp4"):
        (root / name).write_bytes((root / "clip.mp4").read_bytes())
    (root / ".local" / "share" / "bash-completion" / "completions").mkdir(parents=True)
    for name in ("fer2013", "runs/cnn-1"):
        (root / name).mkdir(parents=True)
    for name in NAMED.split():
        (root / name).touch()
    return root


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.document}: {example.line}")
def test_its_options_exist(example, folder, monkeypatch):
    monkeypatch.chdir(folder)
    for arguments in commands_of(example.line):
        parsed(main, arguments)


@pytest.mark.parametrize("example", RUN, ids=lambda example: f"{example.document}: {example.line}")
def test_it_runs(example, folder, tmp_path):
    for name in folder.iterdir():
        (tmp_path / name.name).symlink_to(name)
    for name in ("ours.public.pem", "ours.private.pem", "drive.jsonl"):
        (tmp_path / name).unlink()
    before = [other.line for other in RUN if other.document == example.document]
    # A line may use what earlier lines of its document have made.
    for line in before[: before.index(example.line)]:
        if made_by(line):
            bash(line, tmp_path)
    bash(example.line, tmp_path)


def made_by(line: str) -> bool:
    """Whether a line makes what a later one needs: a file that it prints into, or a key."""
    return " > " in line or " --new-key" in line or " sign " in line


def bash(line: str, folder: Path) -> None:
    if "my-bundle" in line and not (folder / "my-bundle").exists():
        shutil.copytree(installed("compact"), folder / "my-bundle")
    environment = {
        **os.environ,
        "PATH": f"{_edge_fer().parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def commands_of(line: str) -> list[list[str]]:
    """Return the arguments of each `edge-fer` of a line of the shell."""
    tokens = shlex.shlex(line, posix=True, punctuation_chars="|>&;")
    tokens.whitespace_split = True
    commands: list[list[str]] = [[]]
    for token in tokens:
        if set(token) <= set("|>&;"):
            commands.append([])
        else:
            commands[-1].append(token)
    return [arguments[1:] for arguments in commands if arguments[:1] == ["edge-fer"]]


def parsed(command: click.Command, arguments: list[str], parent: click.Context | None = None) -> None:
    """Let click read *arguments* down to the last subcommand, as if to run it."""
    context = click.Context(command, info_name="edge-fer", parent=parent)
    rest = command.parse_args(context, list(arguments))
    if isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else rest
        if rest:
            _, inner, others = command.resolve_command(context, rest)
            assert inner is not None
            parsed(inner, others, context)


def _edge_fer() -> Path:
    return Path(sys.executable).with_name("edge-fer")
