"""Nothing leaves the device: commands are traced in an empty network, with an empty home folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge_fer import backends, telemetry
from edge_fer.backends import ModelFile

TINY = Path(__file__).parents[1] / "golden" / "tiny"
TRACER = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=%network", "-o")
EMPTY_NETWORK = ("unshare", "--user", "--map-root-user", "--net")

COMMANDS = """
import sys
from edge_fer.bundle import load
from edge_fer.cli import main
from edge_fer_bench.suites import SUITES, Suite

tiny = sys.argv[1]
SUITES["quick"] = Suite("quick", 3, 2, 0.02, 0.0, 1, 0, 0.0, 0.0)
main(["verify", tiny], standalone_mode=False)
for target in load(tiny).manifest.targets:
    main(["run", "--model", tiny, "--target", target.name, "--frames", "2"], standalone_mode=False)
main(["bench", "--model", tiny, "--threads", "1"], standalone_mode=False)
"""
LOOK_UP = """
import contextlib, socket
with contextlib.suppress(OSError):
    socket.getaddrinfo("example.org", 443)
"""


@pytest.fixture
def traced(tmp_path):
    """Returns a function that runs Python code in an empty network, and returns the lines about internet sockets."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    for name in ("ORT_DISABLE_TELEMETRY", "KERAS_HOME", "MPLCONFIGDIR"):
        environment.pop(name, None)
    environment["HOME"] = str(home)

    def run(code, *arguments):
        command = [*TRACER, str(tmp_path / "trace"), *EMPTY_NETWORK, sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        lines = (tmp_path / "trace").read_text().splitlines()
        return [line for line in lines if "AF_INET" in line or "nscd" in line], done.stdout, list(home.rglob("*"))

    for tool in (TRACER[0], EMPTY_NETWORK[0]):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: apt install strace util-linux")
    try:
        run("")
    except AssertionError as exc:
        pytest.skip(f"no process can be traced in a network of its own here: {exc}")
    return run


@pytest.fixture
def one_a_runtime(tmp_path):
    """A bundle with one target for each runtime."""
    folder = Path(shutil.copytree(TINY, tmp_path / "bundle"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["targets"] = [target for target in manifest["targets"] if target["name"].endswith("-int8")]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_no_command_looks_up_a_name_or_leaves_a_file_in_the_home_folder(traced, one_a_runtime):
    sockets, output, left = traced(COMMANDS, one_a_runtime)
    for runtime in ("ai-edge-litert", "onnxruntime", "openvino"):
        assert runtime in output, f"{runtime} was not executed"
    assert sockets == []
    assert left == []


def test_a_look_up_would_have_been_seen(traced):
    sockets, _, _ = traced(LOOK_UP)
    assert sockets


@pytest.fixture
def untouched(monkeypatch):
    """A process in which nothing is switched off yet."""
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "")  # so that monkeypatch removes it at the end
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_a_backend_switches_telemetry_off_before_it_imports_its_runtime(name, tiny, monkeypatch):
    def refuse(*arguments, **options):
        assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
        assert sys.modules["openvino_telemetry"] is None
        raise FileNotFoundError

    monkeypatch.setattr(backends.__name__ + f".{name}.load_package", refuse)
    with pytest.raises(FileNotFoundError):
        backends.load(name, ModelFile(b"", tiny.manifest.preprocess, tiny.manifest.labels))


@pytest.mark.usefixtures("untouched")
def test_what_the_user_has_chosen_stays(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.setitem(sys.modules, "openvino_telemetry", os)  # imported before, by the user's own program
    telemetry.switch_off()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    assert sys.modules["openvino_telemetry"] is os


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home folder, and nothing set that leads elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KERAS_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path


def test_keras_and_matplotlib_make_no_folders_in_the_home_folder(home):
    telemetry.keep_home_clean()
    with pytest.raises(OSError, match="directory"):
        Path(os.environ["KERAS_HOME"]).mkdir(parents=True)
    assert Path(os.environ["MPLCONFIGDIR"]).is_relative_to(tempfile.gettempdir())
    assert Path(os.environ["MPLCONFIGDIR"]).is_dir()


def test_folders_of_keras_and_matplotlib_that_are_there_are_used(home):
    (home / ".keras").mkdir()
    (home / ".cache/matplotlib").mkdir(parents=True)
    telemetry.keep_home_clean()
    assert "KERAS_HOME" not in os.environ
    assert "MPLCONFIGDIR" not in os.environ


def test_without_a_home_folder_there_is_nothing_to_keep_clean(home, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    telemetry.keep_home_clean()
    assert os.environ["KERAS_HOME"] == telemetry.NO_FOLDER
