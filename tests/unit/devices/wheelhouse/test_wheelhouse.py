"""The wheels of a device: locked as the tests have seen them, and the same bytes each time."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_fer.errors import BadInput, EdgeFerError, MissingDependency
from edge_fer.progress import ProgressListener
from edge_fer_devices import wheelhouse
from edge_fer_devices.wheelhouse import building, own_wheel
from edge_fer_devices.wheelhouse.command import wheelhouse as command

CLONE = Path(__file__).parents[4]
UV_LOCK = CLONE / "uv.lock"
MEMBERS = {
    "edge_fer/__init__.py": b"",
    "edge_fer/models/compact/manifest.json": b"{}",
    "edge_fer/models/cnn-1/manifest.json": b"{}",
    "edge_fer_devices/__init__.py": b"",
    "edge_fer-0.1.0.dist-info/METADATA": b"Name: edge-fer\nVersion: 0.1.0\n",
    "edge_fer-0.1.0.dist-info/RECORD": b"old",
}


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "edge_fer-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def pip(monkeypatch):
    """A pip that has downloaded two wheels, or fails; what it was asked."""
    asked = []

    def download(command, **more):
        asked.append((command, Path(command[command.index("--requirement") + 1]).read_text()))
        folder = Path(command[-1])
        (folder / "numpy-2.4.6-cp313-cp313-manylinux_2_28_aarch64.whl").write_bytes(b"numpy")
        (folder / "installer-1.1.0-py3-none-any.whl").write_bytes(b"installer")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(building, "run", download)
    return asked


def build(out, wheel, *, python="3.13", models=("compact",), streams=False):
    return wheelhouse.build(
        out, python=python, models=models, streams=streams, wheel=wheel, progress=ProgressListener()
    )


@pytest.mark.skipif(not UV_LOCK.is_file(), reason="uv.lock lies in a clone, not in the wheel")
def test_the_lock_is_that_of_the_tests():
    spec = importlib.util.spec_from_file_location("update_lock", CLONE / "devices/update_lock.py")
    update_lock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(update_lock)
    expected = update_lock.lock(tomllib.loads(UV_LOCK.read_text()))
    assert building.requirements(streams=True) == expected, "run: python devices/update_lock.py"


def test_every_requirement_is_pinned_with_hashes():
    for streams in (False, True):
        text = building.requirements(streams=streams).replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert all("==" in line and "--hash=sha256:" in line for line in lines)
        names = {line.partition("==")[0] for line in lines}
        assert {
            "numpy",
            "opencv-python-headless",
            "ai-edge-litert",
            "click",
            "pydantic",
            "tomli-w",
            "starlette",
            "installer",
        } <= names
        assert ("av" in names) == streams


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_pip_is_asked_for_the_devices_wheels_only(tmp_path, wheel, pip, python):
    build(tmp_path / "out", wheel, python=python)
    ((words, lock),) = pip
    assert words[:3] == [sys.executable, "-m", "pip"]
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(words)
    assert words[words.index("--python-version") + 1] == python
    platforms = [words[index + 1] for index, word in enumerate(words) if word == "--platform"]
    assert all(platform.endswith("_aarch64") for platform in platforms)
    assert "numpy==" in lock


def test_it_is_the_same_each_time(tmp_path, wheel, pip):
    one = build(tmp_path / "one", wheel)
    two = build(tmp_path / "two", wheel)
    assert one.digest == two.digest
    for path in one.files:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert one.manifest.machine == "aarch64"
    assert sorted(one.manifest.wheels) == list(one.manifest.wheels)


def test_the_wheel_holds_the_models_that_were_named(tmp_path, wheel, pip):
    for models in (("compact",), ("cnn-1", "compact")):
        made = build(tmp_path / "-".join(models), wheel, models=models)
        with zipfile.ZipFile(made.path / wheel.name) as archive:
            found = {name.split("/")[2] for name in archive.namelist() if name.startswith("edge_fer/models/")}
        assert found == set(models)


def test_its_record_lists_every_file(tmp_path, wheel, pip):
    made = build(tmp_path / "out", wheel)
    with zipfile.ZipFile(made.path / wheel.name) as archive:
        rows = list(csv.reader(io.StringIO(archive.read("edge_fer-0.1.0.dist-info/RECORD").decode())))
        assert {row[0] for row in rows} == set(archive.namelist())
        assert all(row[1].startswith("sha256=") for row in rows if not row[0].endswith("RECORD"))


def test_an_installed_edge_fer_is_made_into_its_wheel_again(tmp_path, monkeypatch):
    class Files:
        files = (
            Path("edge_fer/__init__.py"), Path("edge_fer/__pycache__/x.pyc"), Path("../../bin/edge-fer"),
            Path("edge_fer-0.1.0.dist-info/METADATA"), Path("edge_fer-0.1.0.dist-info/RECORD"),
            Path("edge_fer-0.1.0.dist-info/direct_url.json"),
        )  # fmt: skip

        @staticmethod
        def locate_file(path):
            return tmp_path / "site" / path

    for path in Files.files[:1] + Files.files[3:]:
        (tmp_path / "site" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / path).write_text("")
    monkeypatch.setattr(own_wheel.metadata, "distribution", lambda name: Files)
    monkeypatch.setattr(own_wheel.edge_fer, "__file__", str(tmp_path / "site/edge_fer/__init__.py"))
    made = own_wheel.write(tmp_path, ("compact",))
    with zipfile.ZipFile(made) as archive:
        assert sorted(archive.namelist()) == [
            "edge_fer-0.1.0.dist-info/METADATA", "edge_fer-0.1.0.dist-info/RECORD", "edge_fer/__init__.py",
        ]  # fmt: skip


def test_a_download_that_fails_leaves_nothing(tmp_path, wheel, monkeypatch):
    said = "WARNING: retrying\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n"
    monkeypatch.setattr(building, "run", lambda command, **more: subprocess.CompletedProcess(command, 1, "", said))
    with pytest.raises(EdgeFerError, match="DO NOT MATCH THE HASHES"):
        build(tmp_path / "out", wheel)
    assert list(tmp_path.iterdir()) == [wheel]


def test_without_pip_it_says_what_to_install(tmp_path, wheel, monkeypatch):
    monkeypatch.setattr(building.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="-m ensurepip"):
        build(tmp_path / "out", wheel)


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_what_is_no_wheel_is_refused(tmp_path, pip, content):
    path = tmp_path / "edge_fer-0.1.0-py3-none-any.whl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="is no wheel"):
        build(tmp_path / "out", path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other/__init__.py", "")
    with pytest.raises(BadInput, match="no wheel of edge-fer"):
        build(tmp_path / "out", path)


def test_a_manifest_from_outside_names_no_paths(tmp_path, wheel, pip):
    made = build(tmp_path / "out", wheel)
    manifest = json.loads((made.path / "manifest.json").read_text())
    for name in ("../stolen.whl", "/etc/passwd", "manifest.json"):
        (made.path / "manifest.json").write_text(json.dumps({**manifest, "wheels": {name: "0" * 64}}))
        with pytest.raises(BadInput, match="lacks the wheel"):
            wheelhouse.load(made.path)
    (made.path / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(BadInput, match="has format 2"):
        wheelhouse.load(made.path)


def test_the_command_replaces_only_a_wheelhouse(tmp_path, wheel, pip):
    out = tmp_path / "out"
    words = ["--wheel", str(wheel), "--out", str(out), "--json"]
    done = CliRunner().invoke(command, words, standalone_mode=False)
    assert done.exception is None
    assert json.loads(done.stdout)["python"] == "3.13"
    again = CliRunner().invoke(command, words, standalone_mode=False)
    assert isinstance(again.exception, BadInput)
    assert CliRunner().invoke(command, [*words, "--force"], standalone_mode=False).exception is None
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "photo.jpg").touch()
    refused = CliRunner().invoke(command, ["--wheel", str(wheel), "--out", str(mine), "--force"], standalone_mode=False)
    assert isinstance(refused.exception, BadInput)
    assert (mine / "photo.jpg").exists()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--device", "raspberry-pi-9"), "no board profile"),
        (("--device", "generic-x86"), "x86_64"),
        (("--model", "huge"), "no shipped model 'huge'"),
    ],
)
def test_wrong_options_are_refused(tmp_path, pip, arguments, match):
    done = CliRunner().invoke(command, ["--out", str(tmp_path / "out"), *arguments], standalone_mode=False)
    assert isinstance(done.exception, BadInput)
    assert match in str(done.exception)
    assert not pip


@pytest.mark.parametrize("other", ["notes.txt", "folder/file", "other-1.0-py3-none-any.whl"])
def test_force_removes_no_file_that_is_not_of_a_wheelhouse(tmp_path, wheel, pip, other):
    out = tmp_path / "out"
    build(out, wheel)
    mine = out / other
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    refuse = CliRunner().invoke(command, ["--out", str(out), "--wheel", str(wheel), "--force"], standalone_mode=False)
    assert isinstance(refuse.exception, BadInput)
    with pytest.raises(EdgeFerError):
        build(out, wheel)
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("text", ["{}", '{"name": "a project", "version": "1"}', "", "[" * 100_000])
def test_a_manifest_of_something_else_makes_no_wheelhouse(tmp_path, wheel, pip, text):
    out = tmp_path / "project"
    out.mkdir()
    (out / "manifest.json").write_text(text)
    refuse = CliRunner().invoke(command, ["--out", str(out), "--wheel", str(wheel), "--force"], standalone_mode=False)
    assert isinstance(refuse.exception, BadInput)
    assert (out / "manifest.json").read_text() == text


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"wheels": {}}, "no wheel of edge-fer itself"),
        ({"wheels": "edge_fer"}, "no wheel of installer"),
        ({"edge_fer": "9.9"}, "is of edge-fer 9.9"),
        ({"wheels": {"../out.whl": "0" * 64, "edge_fer-1.whl": "0" * 64}}, "lacks the wheel"),
    ],
)
def test_a_wheelhouse_that_could_install_nothing_is_refused(tmp_path, wheel, pip, change, match):
    made = build(tmp_path / "out", wheel)
    path = made.path / "manifest.json"
    manifest = json.loads(path.read_text())
    if change == {"wheels": "edge_fer"}:
        change = {"wheels": {name: sums for name, sums in manifest["wheels"].items() if name.startswith("edge_fer")}}
    path.write_text(json.dumps({**manifest, **change}))
    with pytest.raises(BadInput, match=match):
        wheelhouse.load(made.path)


def test_odd_wheels_are_refused(tmp_path, wheel):
    renamed = tmp_path / "edge.zip"
    renamed.write_bytes(wheel.read_bytes())
    with pytest.raises(BadInput, match="name of a wheel"):
        own_wheel.write(tmp_path, ("compact",), renamed)
    content = wheel.read_bytes()
    wheel.write_bytes(content.replace(b"METADATA", b"METADATE"))
    with pytest.raises(BadInput, match="no wheel of edge-fer"):
        own_wheel.write(tmp_path / "new", ("compact",), wheel)
    encrypted = bytearray(content)
    for start in (b"PK\x03\x04", b"PK\x01\x02"):
        flags = encrypted.index(start) + (6 if start == b"PK\x03\x04" else 8)
        encrypted[flags] |= 1
    wheel.write_bytes(encrypted)
    with pytest.raises(BadInput, match="encrypted"):
        own_wheel.write(tmp_path / "new", ("compact",), wheel)


def test_a_wheel_that_unpacks_to_more_than_any_wheel_is_not_unpacked(tmp_path, wheel, monkeypatch):
    monkeypatch.setattr(own_wheel, "MAX_BYTES", 10)
    with pytest.raises(BadInput, match="holds more than"):
        own_wheel.write(tmp_path / "new", ("compact",), wheel)
