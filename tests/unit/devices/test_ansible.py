"""The fleet's playbook, against boards that are sshds of this machine on ports of their own."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_fer_bench import results

CLONE = Path(__file__).parents[3]
FLEET = CLONE / "devices" / "ansible"
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = [
    pytest.mark.skipif(not FLEET.is_dir(), reason="the playbook lies in a clone, not in the wheel"),
    pytest.mark.skipif(not PLAYBOOK.exists(), reason="Ansible is not installed: pip install -e '.[fleet]'"),
    pytest.mark.skipif(SSHD is None, reason="there is no sshd: apt install openssh-server"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("build", reason="build is not installed: pip install build")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "-q", "--wheel", "--outdir", str(out), str(CLONE)]
    subprocess.run(command, check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("ssh") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    path.with_name("authorized").write_text(path.with_suffix(".pub").read_text())
    return path


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"sshd does not answer on port {port}")


@pytest.fixture
def boards(tmp_path, key):
    """Two boards that answer and one that does not: the inventory's path."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # or sshd refuses to start as root
    hosts, running = {}, []
    for name in ("desk", "door", "lost"):
        port = free_port()
        if name != "lost":
            config = tmp_path / f"{name}.conf"
            config.write_text(
                f"Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile none\nUsePAM no\nStrictModes no\n"
                f"AuthorizedKeysFile {key.with_name('authorized')}\nSubsystem sftp internal-sftp\n"
            )
            running.append(subprocess.Popen([SSHD, "-D", "-f", str(config)]))
            wait_for(port)
        hosts[name] = {"ansible_port": port, "edge_fer_home": str(tmp_path / name)}
    inventory = {
        "all": {
            "hosts": hosts,
            "vars": {
                "ansible_host": "127.0.0.1",
                "ansible_user": getpass.getuser(),
                "ansible_ssh_private_key_file": str(key),
                "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
                "ansible_python_interpreter": sys.executable,
            },
        }
    }
    path = tmp_path / "inventory.json"  # JSON is YAML
    path.write_text(json.dumps(inventory))
    yield path
    for one in running:
        one.terminate()
        one.wait()


def test_boards_are_measured_at_once_and_compared_on_one_page(boards, wheel, tmp_path):
    said = {
        "edge_fer_wheel": str(wheel),
        "edge_fer_python": sys.executable,
        "edge_fer_bundle": str(CLONE / "edge_fer" / "models" / "cnn-1"),
        "edge_fer_arguments": ["--target", "litert-int8", "--threads", "1"],
        "edge_fer_results": str(tmp_path / "results"),
        "edge_fer_command": str(Path(sys.executable).parent / "edge-fer"),
    }
    command = [str(PLAYBOOK), "-i", str(boards), str(FLEET / "bench.yml"), "-e", json.dumps(said)]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "ansible"), "LC_ALL": "C.UTF-8"}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert "lost" in ended.stdout
    assert "UNREACHABLE" in ended.stdout
    assert ended.returncode != 0  # one board is lost, the others are not held up
    runs = {path.stem: results.load_run(path) for path in (tmp_path / "results").glob("*.json")}
    assert runs.keys() == {"desk", "door"}, ended.stdout[-3000:]
    for run in runs.values():
        assert not run.partial
        assert [measurement.name for measurement in run.measurements] == ["cnn-1 litert-int8 x1"]
        assert run.measurements[0].golden.passed
    assert {run.command.split("--model ")[1].split()[0] for run in runs.values()} == {
        str(tmp_path / name / "cnn-1") for name in runs
    }
    page = (tmp_path / "results" / "fleet.html").read_text()
    assert "desk" in page
    assert "door" in page
