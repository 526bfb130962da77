"""The example files of the page about many devices: the programs that read them take them, and do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from edge_fer.appliance.metrics import Metrics

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the documentation is not part of the wheel")


def promtool(*arguments) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt install prometheus")
    subprocess.run(["promtool", *map(str, arguments)], check=True)


def test_promtool_takes_the_rules():
    promtool("check", "rules", EXAMPLES / "edge-fer.rules.yml")


def test_promtool_takes_the_settings(tmp_path):
    text = (EXAMPLES / "prometheus.yml").read_text()
    shutil.copy(EXAMPLES / "edge-fer.rules.yml", tmp_path)
    shutil.copy(EXAMPLES / "edge-fer-targets.json", tmp_path)
    for name in ("edge-fer.token", "edge-fer-ca.pem"):
        (tmp_path / name).touch()
    (tmp_path / "prometheus.yml").write_text(
        text.replace("/etc/prometheus/edge-fer/*.json", str(tmp_path / "*.json")).replace(
            "/etc/prometheus", str(tmp_path)
        )
    )
    promtool("check", "config", "--syntax-only", tmp_path / "prometheus.yml")
    assert all(group["targets"] for group in json.loads((EXAMPLES / "edge-fer-targets.json").read_text()))


def test_the_rules_ask_for_metrics_that_there_are():
    pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
    rules = (EXAMPLES / "edge-fer.rules.yml").read_text()
    status = {"newest_frame_age_s": 1.0, "parts": {"camera": {"fault": None}}, "outlets": {"mqtt": {}}}
    rendered = Metrics({}, temperature_c=lambda: 50.0).render(status).decode()
    asked = set(re.findall(r"\bedge_fer_\w+", rules))
    assert len(asked) >= 8
    for name in asked:
        assert f"\n{name}{{" in rendered or f"\n{name} " in rendered, name


def test_a_device_writes_below_its_own_name_only(tmp_path):
    pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install -e '.[appliance]'")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if shutil.which("mosquitto", path=path) is None:
        pytest.skip("mosquitto is not installed")
    from edge_fer.appliance.outlets import make
    from edge_fer.appliance.outlets.settings import MqttSettings
    from edge_fer.errors import OutletError

    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "hall", "secret"], check=True)
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    own = re.sub(
        r"(?m)^(listener|cafile|certfile|keyfile|require_|use_|acl_file|persistence).*\n",
        "",
        (EXAMPLES / "mosquitto.conf").read_text(),
    )
    lines = [f"listener {port} 127.0.0.1", f"password_file {passwords}", f"acl_file {EXAMPLES}/mosquitto.acl"]
    config.write_text("\n".join([*lines, f"user {os.environ.get('USER') or 'root'}", own]))
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [str(shutil.which("mosquitto", path=path)), "-c", config]
        broker = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        while " running" not in log.read_text():
            assert broker.poll() is None, log.read_text()
        values = {"host": "127.0.0.1", "port": port, "user": "hall"}
        hall = make("mqtt", MqttSettings(**values, prefix="edge-fer/hall"), "secret")
        hall.open()
        hall.close()
        with pytest.raises(OutletError, match="refuses edge-fer/door/available: Not authorized"):
            make("mqtt", MqttSettings(**values, prefix="edge-fer/door"), "secret").open()
    finally:
        broker.kill()
        broker.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
