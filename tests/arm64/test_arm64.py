"""The wheel on emulated Arm CPUs: it works, and it computes what it computes on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from arm64.emulation import CPUS, DISTRIBUTIONS, System

HERE = Path(__file__).resolve().parent
CLI = ("-m", "edge_fer.cli")
BUNDLES = ("cnn-1", "cnn-1-votes", "compact")
MACHINES = [(distribution, cpu) for distribution in DISTRIBUTIONS for cpu in CPUS]
SIGILL = 4
UNIT_TESTS = (
    "contract/test_backends.py", "unit/detectors/test_haar.py", "unit/test_boxes.py", "unit/test_classifier.py",
    "unit/test_host.py", "unit/test_preprocess.py", "unit/test_regions.py", "unit/test_smoothing.py",
    "unit/test_verify.py", "unit/tracking/test_correlation.py", "unit/tracking/test_patches.py",
)  # fmt: skip
"""Those of what computes. The rest hardly depends on the CPU, and an emulated Python takes minutes for it."""
NEEDS_OPENVINO = ("golden_answers_are_reproduced", "shipped_bundles_compute_here")


@pytest.fixture(params=MACHINES, ids="-".join)
def machine(request, roots):
    distribution, cpu = request.param
    return System(roots(distribution), cpu)


@pytest.fixture
def shared(tmp_path, pictures):
    """A folder that the emulated system writes to, with the pictures in it."""
    shutil.copytree(pictures, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def answers_here(host, pictures):
    return answers_of(host(str(HERE / "answers.py"), "film.npz", shared=pictures))


def answers_of(ended):
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout)


def comparable(value):
    return pytest.approx(value, abs=1e-9) if isinstance(value, float) else value


def objects(ended):
    """The lines of JSON that a command printed, without the times that it took."""
    assert ended.returncode == 0, ended.stderr[-3000:]
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    for row in rows:
        row.pop("stage_ms", None)
    return rows


def test_golden_answers_crops_and_boxes_are_those_of_this_machine(machine, shared, answers_here):
    command = ("python3", str(HERE / "answers.py"), "film.npz")
    answers = answers_of(machine.run(*command, shared=shared, reads=[HERE]))
    assert answers["golden"] == answers_here["golden"]  # bit by bit
    assert answers["crops"] == answers_here["crops"]
    # The last of a box's 16 digits may differ, of which a record has 4.
    for kind in ("searches", "tracks"):
        assert [[list(map(comparable, face)) for face in faces] for faces in answers[kind]] == answers_here[kind]
    assert set(answers["golden"]) >= {f"{bundle} litert-int8" for bundle in BUNDLES}
    assert sum(map(len, answers["tracks"])) > 20
    assert any(answers["searches"])
    # LiteRT rounds the last step of a softmax in another way on Arm, of about one score in a thousand.
    differences = np.abs(np.subtract(answers["scores"], answers_here["scores"]))
    assert differences.max() <= 1 / 256
    assert np.count_nonzero(differences) <= differences.size / 100


@pytest.mark.parametrize("bundle", BUNDLES)
def test_shipped_bundles_verify(machine, host, shared, bundle):
    command = (*CLI, "verify", bundle, "--json")
    found = {row["target"]: row for row in objects(machine.run("python3", *command, shared=shared))}
    expected = {row["target"]: row for row in objects(host(*command, shared=shared))}
    assert found.keys() == expected.keys()
    assert found["litert-int8"]["passed"]
    for target in found.keys() & {"litert-int8", "onnx-int8"}:
        assert found[target] == expected[target]


def test_a_picture_gets_the_record_it_gets_here(machine, host, shared):
    command = (*CLI, "run", "--source", "drawn.jpg", "--json")
    found = objects(machine.run("python3", *command, shared=shared))
    assert found == objects(host(*command, shared=shared))
    assert len(found[0]["faces"]) == 1


def test_the_synthetic_camera_is_watched(machine, shared):
    command = (*CLI, "run", "--source", "synthetic", "--frames", "36", "--json")
    records = objects(machine.run("python3", *command, shared=shared))
    assert [record["index"] for record in records] == list(range(36))
    assert all(len(record["faces"]) == 1 for record in records[5:])
    assert records[-1]["faces"][0]["state"] != "unknown"


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_doctor_finds_no_fault(roots, shared, distribution):
    machine = System(roots(distribution), "cortex-a72")
    rows = {row["check"]: row for row in objects(machine.run("python3", *CLI, "doctor", "--json", shared=shared))}
    assert not [row for row in rows.values() if row["level"] == "fault"]
    for check in ("64-bit system", "Python", "glibc", "OpenCV", "LiteRT", "XNNPACK", "golden answers"):
        assert rows[check]["level"] == "ok", rows[check]


@pytest.mark.parametrize("instruction", ["sdot", "fadd"])
def test_what_a_cpu_does_not_have_is_refused_by_its_emulator(machine, shared, instruction):
    """The control: without it, the other tests would pass on an emulator that has every instruction."""
    ended = machine.run("python3", str(HERE / "execute.py"), instruction, shared=shared, reads=[HERE])
    if machine.cpu == "cortex-a76":
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == f"executed {instruction}\n"
    else:
        assert ended.returncode == 128 + SIGILL, ended.stdout
    assert machine.run("python3", str(HERE / "execute.py"), "nop", shared=shared, reads=[HERE]).returncode == 0


@pytest.mark.parametrize(("distribution", "cpu"), [("bookworm", "cortex-a53"), ("trixie", "cortex-a72")])
def test_unit_tests_pass(roots, tmp_path, distribution, cpu):
    tests = HERE.parent
    machine = System(roots(distribution), cpu)
    unwanted = " and ".join(f"not {name}" for name in NEEDS_OPENVINO)
    options = ("-q", "-c", "/dev/null", "--import-mode=importlib", "-p", "no:cacheprovider", "--basetemp=pt")
    files = [str(tests / name) for name in UNIT_TESTS]
    command = ("python3", "-m", "pytest", *options, f"--rootdir={tests}", "-k", unwanted, *files)
    ended = machine.run(*command, shared=tmp_path, reads=[tests], timeout_s=900)
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    assert " passed" in ended.stdout
