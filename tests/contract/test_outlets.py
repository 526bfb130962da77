"""The suite that every outlet passes, and how each gets on with a real broker, server or player that fails."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_fer.appliance.driver.speed import MqttSpeed
from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.outlets import OUTLETS, TellsStatus, make
from edge_fer.appliance.outlets.gpio import GpioOutlet, open_light
from edge_fer.appliance.outlets.presence import DOUBTS
from edge_fer.appliance.outlets.settings import (
    GpioSettings,
    MqttSettings,
    MusicSettings,
    SoundSettings,
    WebhookSettings,
)
from edge_fer.appliance.outlets.webhook import WebhookOutlet, signature
from edge_fer.clock import SystemClock
from edge_fer.errors import OutletError

LONG_S = 60.0
"""Nothing here takes as long, on any machine."""
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
WORDS = ["Zoë", "顔 😀", "\u202eright to left", "line\nbreak\x00", "\ud800", "a/b+c#$", "", "x" * 5000]


def face(before: str | None, after: str | None, subject: str = "track 1", **detail) -> Event:
    return Event(NOON, Kind.FACE, subject, before, after, detail)


def alert(after: str | None = "raised", subject: str = "drowsy") -> Event:
    return Event(NOON, Kind.ALERT, subject, None if after else "raised", after)


def until(condition):
    """Return what *condition* returns, once that is true."""
    end = time.monotonic() + LONG_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@contextlib.contextmanager
def silent_listener():
    """A port that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    """A folder with an authority (ca.pem) and a certificate of 127.0.0.1 (own.pem, own.key)."""
    pytest.importorskip("cryptography", reason="cryptography is not installed: pip install -e '.[signing]'")
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("certificates")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    own_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    own_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])

    def certificate(subject, key):
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(ca_name).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))

    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    ca = certificate(ca_name, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    own = certificate(own_name, own_key).add_extension(names, critical=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "own.pem").write_bytes(own.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    unencrypted = serialization.NoEncryption()
    (folder / "own.key").write_bytes(own_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unencrypted))
    return folder


def count_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def fault(outlet) -> str | None:
    try:
        outlet.publish_status({})
    except OutletError as exc:
        return str(exc)
    return None


def open_and_send(outlet, event: Event) -> None:
    outlet.open()
    outlet.send(event)


class OutletSuite:
    """What every outlet does; each inherits it."""

    @pytest.fixture
    def outlet(self):
        """An outlet whose other side works; the test closes it."""
        raise NotImplementedError

    @pytest.fixture
    def lost(self):
        """An outlet whose other side is not there."""
        raise NotImplementedError

    def test_it_sends_events_of_every_kind(self, outlet):
        outlet.open()
        for kind in Kind:
            outlet.send(Event(NOON, kind, "subject", None, "there", {"scores": {"happy": 0.5}, "x": [1, None, True]}))
        outlet.close()
        assert outlet.refused == 0

    def test_it_sends_any_words(self, outlet):
        outlet.open()
        for word in WORDS:
            outlet.send(face(None, word or None, subject=word))
            outlet.send(Event(NOON, Kind.ALERT, word, word, word, {word: word}))
        outlet.close()
        assert outlet.refused == 0

    def test_it_sends_details_that_json_does_not_know(self, outlet):
        outlet.open()
        circle: dict = {}
        circle["circle"] = circle
        for detail in ({"x": float("nan")}, {"x": b"bytes"}, {"x": Path("/x")}, circle, {"x": "y" * 200_000}):
            outlet.send(Event(NOON, Kind.ALERT, "subject", None, "there", detail))
        outlet.close()

    def test_an_event_may_come_twice(self, outlet):
        outlet.open()
        outlet.send(face(None, "happy"))
        outlet.send(face(None, "happy"))
        outlet.close()

    def test_it_may_be_closed_twice_and_unused(self, outlet):
        outlet.close()
        outlet.open()
        outlet.close()
        outlet.close()

    def test_it_opens_again_after_close(self, outlet):
        for _ in range(3):
            outlet.open()
            outlet.send(alert())
            outlet.close()

    def test_it_may_be_opened_while_it_is_open(self, outlet):
        outlet.open()
        outlet.open()
        outlet.send(alert())
        outlet.close()

    def test_closed_it_takes_no_event(self, outlet):
        with pytest.raises(OutletError):
            outlet.send(alert())
        outlet.open()
        outlet.close()
        with pytest.raises(OutletError):
            outlet.send(alert())

    def test_it_leaves_no_thread_and_no_file_behind(self, outlet):
        outlet.open()
        outlet.close()
        threads = threading.active_count()
        files = count_files()
        for _ in range(3):
            outlet.open()
            outlet.send(face(None, "happy"))
            outlet.close()
        until(lambda: threading.active_count() <= threads)
        until(lambda: count_files() <= files)

    def test_it_fails_with_an_error_of_outlets(self, lost):
        with pytest.raises(OutletError) as caught:
            open_and_send(lost, alert())
        assert str(caught.value).isprintable()
        lost.close()

    def test_it_says_what_the_service_needs_to_know(self, outlet):
        assert outlet.name.isprintable()
        assert 0 < outlet.deadline_s < 300
        assert outlet.refused == 0

    def test_it_takes_the_status_if_it_wants_it(self, outlet):
        if not isinstance(outlet, TellsStatus):
            pytest.skip("it does not want the status")
        with pytest.raises(OutletError):
            outlet.publish_status({})
        outlet.open()
        outlet.publish_status({})
        parts = {"camera": {"fault": "gone", "since_s": 1.0, "restarts": 2}, "page": {"fault": None}}
        outlet.publish_status({"status": "degraded", "parts": parts, "faces": {"track 7": "sad"}})
        outlet.publish_status({"status": "ok", "parts": {}, "faces": {}})
        outlet.close()


def test_every_outlet_has_a_suite():
    suites = {"mqtt": TestMqtt, "webhook": TestWebhook, "gpio": TestGpio, "music": TestMusic, "sound": TestSound}
    assert suites.keys() == OUTLETS.keys()
    assert all(issubclass(suite, OutletSuite) for suite in suites.values())


def entities(listener, outlet) -> list[dict]:
    """Return the entities of each message to Home Assistant so far."""
    topic = f"homeassistant/device/{outlet._device}/config"
    return [json.loads(payload)["cmps"] for payload in listener.payloads(topic)]


class Mosquitto:
    """A broker on a port of its own. Each start has its own settings."""

    def __init__(self, folder: Path) -> None:
        self._program = program("mosquitto")
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen | None = None

    def start(self, *lines: str, anonymous: bool = True) -> None:
        config = self._folder / "mosquitto.conf"
        own = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {str(anonymous).lower()}", "persistence false"]
        config.write_text("\n".join([*own, f"user {os.environ.get('USER') or 'root'}", *lines, ""]))
        log = self._folder / "mosquitto.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen([self._program, "-c", str(config)], stdout=output, stderr=output)
        # Not by a connection: one that only tries counts in mosquitto's limits.
        until(lambda: self._process.poll() is not None or " running" in log.read_text())
        assert self._process.poll() is None, log.read_text()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def settings(self, **changed) -> MqttSettings:
        values = {"host": "127.0.0.1", "port": self.port, "prefix": "test/device", "deadline_s": 5.0}
        return MqttSettings(**values | changed)


class Listener:
    """Another client, who hears everything."""

    def __init__(self, port: int) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.heard: list[tuple[str, str, bool]] = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"listener-{id(self)}")
        self._client.on_message = lambda _c, _d, m: self.heard.append((m.topic, m.payload.decode(), m.retain))
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe("#", 1)
        assert self._subscribed.wait(LONG_S)

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain).wait_for_publish(LONG_S)

    def payloads(self, topic: str) -> list[str]:
        return [payload for heard, payload, _ in self.heard if heard == topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path):
    pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install -e '.[appliance]'")
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def listen(broker):
    """Returns another client of the broker, who hears everything from now on."""
    with contextlib.ExitStack() as stack:

        def made() -> Listener:
            listener = Listener(broker.port)
            stack.callback(listener.close)
            return listener

        yield made


@pytest.fixture
def listener(listen):
    return listen()


@pytest.fixture
def closing():
    """Closes outlets after the test, whatever happened."""
    with contextlib.ExitStack() as stack:
        yield lambda outlet: stack.callback(outlet.close) and outlet


class TestMqtt(OutletSuite):
    @pytest.fixture
    def outlet(self, broker, closing):
        return closing(make("mqtt", broker.settings(discovery_prefix="homeassistant")))

    @pytest.fixture
    def lost(self):
        return make("mqtt", MqttSettings(host="127.0.0.1", port=free_port()))

    def test_an_event_is_there_when_send_returns(self, outlet, listener):
        outlet.open()
        outlet.send(face(None, "happy", scores={"happy": 0.9}, stayed_s=2.0))
        outlet.send(face("happy", "sad"))
        outlet.send(face("sad", None))
        until(lambda: len(listener.payloads("test/device/events")) == 3)
        first, second, third = map(json.loads, listener.payloads("test/device/events"))
        assert first == {
            "type": "new", "time": "2026-11-30T12:00:00.000+00:00", "kind": "face", "subject": "track 1",
            "before": None, "after": "happy", "detail": {"stayed_s": 2.0},
        }  # fmt: skip
        assert (second["type"], second["before"], second["after"]) == ("update", "happy", "sad")
        assert (third["type"], third["after"]) == ("end", None)

    def test_scores_are_sent_where_they_are_asked_for(self, broker, listener, closing):
        outlet = closing(make("mqtt", broker.settings(scores=True)))
        outlet.open()
        outlet.send(face(None, "happy", scores={"happy": 0.9}))
        assert json.loads(until(lambda: listener.payloads("test/device/events"))[0])["detail"]["scores"]["happy"] == 0.9

    def test_who_comes_later_finds_the_states(self, outlet, listen):
        outlet.open()
        outlet.send(face(None, "happy"))
        outlet.send(face(None, "sad", subject="track 2"))
        outlet.send(alert())
        outlet.publish_status({"status": "ok", "parts": {"page": {"fault": "x"}}})
        late = listen()
        expected = {
            "test/device/available": "online",
            "test/device/health": '{"status":"ok","failing":["page"]}',
            "test/device/camera/status": "online",
            "test/device/camera/people": "2",
            "test/device/camera/state": "happy",
            "test/device/camera/states": '{"happy":1,"sad":1}',
            "test/device/camera/alert": "ON",
        }

        def found():
            retained = {topic: payload for topic, payload, retained in late.heard if retained}
            return expected.items() <= retained.items()

        until(found)
        assert not late.payloads("test/device/events")

    def test_a_state_is_published_when_it_changes(self, outlet, listener):
        outlet.open()
        for after in ("happy", "happy", "sad"):
            outlet.send(face(None, after))
        for _ in range(3):
            outlet.publish_status({"status": "no frames", "parts": {}})
        for _ in range(DOUBTS):
            outlet.publish_status({"status": "ok", "parts": {}, "faces": {}})
        until(lambda: listener.payloads("test/device/camera/state")[-1:] == ["nobody"])
        assert listener.payloads("test/device/camera/state") == ["nobody", "happy", "sad", "nobody"]
        assert listener.payloads("test/device/camera/status") == ["offline", "online"]

    def test_the_driver_has_a_state_and_an_entity_while_one_is_monitored(self, outlet, listener):
        outlet.open()
        quiet = {"sight": "face", "raised": {}, "level": None}
        loud = {"sight": "cannot monitor", "hindrance": "dark", "raised": {"cannot monitor": "notice"}}
        outlet.publish_status({"status": "ok", "parts": {}, "driver": quiet})
        outlet.publish_status({"status": "ok", "parts": {}, "driver": quiet})
        outlet.publish_status({"status": "ok", "parts": {}, "driver": loud})
        outlet.send(Event(NOON, Kind.ALERT, "driver: cannot monitor", "notice", "warning"))
        outlet.publish_status({"status": "ok", "parts": {}})
        configs = until(lambda: (found := entities(listener, outlet)) and len(found) == 4 and found)
        name = f"{outlet._device}_driver"
        assert [config.get(name, {}).get("state_topic") for config in configs] == [
            None, "test/device/driver/state", None, None,
        ]  # fmt: skip
        # Home Assistant takes the entity away by what has only its platform.
        assert configs[2][name] == {"p": "binary_sensor"}
        states = [json.loads(payload) for payload in listener.payloads("test/device/driver/state")]
        assert [(state["sight"], state["hindrance"], state["level"]) for state in states] == [
            ("face", None, None), ("cannot monitor", "dark", "notice"), ("cannot monitor", "dark", "warning"),
        ]  # fmt: skip
        assert [state["raised"] for state in states] == [
            {}, {"cannot monitor": "notice"}, {"cannot monitor": "warning"},
        ]  # fmt: skip
        assert listener.payloads("test/device/camera/alert") == ["OFF", "ON"]

    def test_advice_is_no_alert(self, outlet, listener):
        outlet.open()
        outlet.send(Event(NOON, Kind.ALERT, "driver: emotion", None, "advice"))
        until(lambda: listener.payloads("test/device/events"))
        assert listener.payloads("test/device/camera/alert") == ["OFF"]

    def test_a_broker_that_went_is_noticed_without_an_event(self, outlet, broker):
        outlet.open()
        broker.kill()
        assert f"broker 127.0.0.1:{broker.port} has ended the connection, without a word" in until(
            lambda: fault(outlet)
        )

    def test_after_the_broker_came_back_everything_is_there_again(self, outlet, broker, listen):
        outlet.open()
        outlet.send(face(None, "happy"))
        broker.kill()
        with pytest.raises(OutletError):
            outlet.send(face("happy", "sad"))
        with pytest.raises(OutletError, match="refused"):
            outlet.open()
        broker.start()
        again = listen()
        outlet.open()
        outlet.send(face("happy", "sad"))
        # The event is the last that was published.
        event = json.loads(until(lambda: again.payloads("test/device/events"))[0])
        assert event["after"] == "sad"
        assert again.payloads("test/device/camera/state") == ["sad"]
        assert again.payloads("test/device/available") == ["online"]
        assert again.payloads(f"homeassistant/device/{outlet._device}/config")

    def test_a_broker_that_takes_connections_and_says_nothing(self):
        with silent_listener() as port:
            outlet = make("mqtt", MqttSettings(host="127.0.0.1", port=port, deadline_s=0.2))
            with pytest.raises(OutletError, match=r"does not answer within 0\.2 s"):
                outlet.open()
        assert not [thread for thread in threading.enumerate() if "paho-mqtt-client-edge-fer" in thread.name]

    def test_a_tls_broker_that_says_nothing(self):
        with silent_listener() as port:
            outlet = make("mqtt", MqttSettings(host="127.0.0.1", port=port, tls=True, deadline_s=0.2))
            with pytest.raises(OutletError, match="timed out"):
                outlet.open()

    def test_a_broker_that_falls_silent(self, broker, closing):
        outlet = closing(make("mqtt", broker.settings(deadline_s=1)))
        outlet.open()
        broker.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(OutletError, match="not confirmed a message within 1 s"):
                outlet.send(alert())
        finally:
            broker.send_signal(signal.SIGCONT)
        assert not [thread for thread in threading.enumerate() if "paho-mqtt-client-edge-fer" in thread.name]
        outlet.open()
        outlet.send(alert())

    def test_closing_does_not_wait_for_a_broker_that_hangs(self, broker, closing):
        outlet = closing(make("mqtt", broker.settings(deadline_s=60)))
        outlet.open()
        broker.send_signal(signal.SIGSTOP)
        began_s = time.monotonic()
        outlet.close()
        assert time.monotonic() - began_s < 30
        broker.send_signal(signal.SIGCONT)

    def test_a_broker_that_is_full(self, broker, closing):
        broker.kill()
        broker.start("max_connections 1")
        first = closing(make("mqtt", broker.settings(client_id="first")))
        until(lambda: opens(first))
        second = closing(make("mqtt", broker.settings(client_id="second")))
        with pytest.raises(OutletError, match="is it full"):
            second.open()
        first.close()
        until(lambda: opens(second))
        second.send(alert())

    def test_a_listener_that_is_full_stops_nobody(self, broker, closing):
        broker.kill()
        broker.start("max_queued_messages 1", "max_inflight_messages 1")
        outlet = closing(make("mqtt", broker.settings()))
        outlet.open()
        stuck = socket.create_connection(("127.0.0.1", broker.port))
        # CONNECT of MQTT 3.1.1 as "s", then SUBSCRIBE to # with quality 1; nothing is confirmed or read.
        stuck.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01s\x82\x06\x00\x01\x00\x01#\x01")
        for number in range(50):
            outlet.send(face(None, "happy", subject=f"track {number}"))
        stuck.close()

    def test_an_event_that_is_too_large_for_the_broker_is_given_up(self, broker, closing):
        broker.kill()
        broker.start("max_packet_size 1000")
        outlet = closing(make("mqtt", broker.settings()))
        outlet.open()
        outlet.send(face(None, "happy", words="x" * 2000))
        outlet.send(face("happy", "sad"))
        assert outlet.refused == 1

    def test_a_wrong_password_is_refused_in_words_that_do_not_hold_it(self, broker, tmp_path, closing):
        passwords = tmp_path / "passwords"
        subprocess.run([program("mosquitto_passwd"), "-c", "-b", passwords, "me", "right-one"], check=True)
        broker.kill()
        broker.start(f"password_file {passwords}", anonymous=False)
        settings = broker.settings(user="me", password="mqtt-password")  # noqa: S106 (the name of one)
        with pytest.raises(OutletError, match="refuses this device: Not authorized") as caught:
            make("mqtt", settings, "wrong-one").open()
        assert "wrong-one" not in str(caught.value)
        outlet = closing(make("mqtt", settings, "right-one"))
        outlet.open()
        outlet.send(alert())

    def test_a_topic_that_is_not_allowed_is_named(self, broker, tmp_path, closing):
        rules = tmp_path / "rules"
        rules.write_text("topic write other/#\n")
        broker.kill()
        broker.start(f"acl_file {rules}")
        with pytest.raises(OutletError, match="refuses test/device/available: Not authorized"):
            closing(make("mqtt", broker.settings())).open()

    def test_two_devices_of_one_name_are_told(self, outlet, broker, closing):
        outlet.open()
        other = closing(make("mqtt", broker.settings()))
        other.open()
        # Brokers before mosquitto 2.1 end the older connection without a word.
        assert "has ended the connection" in until(lambda: fault(outlet))

    def test_the_words_of_availability(self, outlet, listener):
        outlet.open()
        outlet.close()
        until(lambda: listener.payloads("test/device/available") == ["online", "stopped"])

    def test_the_broker_publishes_the_will_of_a_service_that_was_killed(self, broker, listener):
        code = (
            "import sys, time; from edge_fer.appliance.outlets import make\n"
            "from edge_fer.appliance.outlets.settings import MqttSettings\n"
            "make('mqtt', MqttSettings.model_validate_json(sys.argv[1])).open(); time.sleep(600)"
        )
        service = subprocess.Popen([sys.executable, "-c", code, broker.settings().model_dump_json()])
        until(lambda: listener.payloads("test/device/available") == ["online"])
        service.kill()
        service.wait()
        until(lambda: listener.payloads("test/device/available") == ["online", "offline"])

    def test_home_assistant_learns_of_all_entities_in_one_message(self, outlet, listener):
        outlet.open()
        topic = f"homeassistant/device/{outlet._device}/config"
        config = json.loads(until(lambda: listener.payloads(topic))[0])
        assert config["o"]["name"] == "edge-fer"
        assert config["dev"]["ids"] == [outlet._device]
        published = {topic for topic, _, _ in listener.heard} | {"test/device/camera/status"}
        for key, entity in config["cmps"].items():
            assert entity["unique_id"] == key
            assert entity["p"] in {"sensor", "binary_sensor"}
            assert entity["state_topic"] in published

    def test_home_assistant_is_told_again_when_it_has_started(self, outlet, listener):
        outlet.open()
        topic = f"homeassistant/device/{outlet._device}/config"
        until(lambda: len(listener.payloads(topic)) == 1)
        listener.publish("homeassistant/status", "offline")
        listener.publish("homeassistant/status", "online")
        until(lambda: outlet.publish_status({}) or len(listener.payloads(topic)) > 1)
        assert listener.payloads(topic)[0] == listener.payloads(topic)[1]

    def test_home_assistant_forgets_the_entities_of_a_camera_that_was_renamed(self, broker, listener, closing):
        before = closing(make("mqtt", broker.settings(discovery_prefix="homeassistant", camera="hall")))
        before.open()
        before.close()
        after = closing(make("mqtt", broker.settings(discovery_prefix="homeassistant", camera="door")))
        topic = f"homeassistant/device/{after._device}/config"
        after.open()
        until(lambda: after.publish_status({}) or len(listener.payloads(topic)) >= 4)
        _, _, removing, last = [json.loads(payload)["cmps"] for payload in listener.payloads(topic)]
        gone = {key: entity for key, entity in removing.items() if "_hall_" in key}
        assert len(gone) == 4
        assert all(entity.keys() == {"p"} for entity in gone.values())
        assert last.keys() == removing.keys() - gone.keys()

    def test_a_broker_with_tls_is_verified(self, broker, certificates, closing):
        broker.kill()
        tls = [f"{name} {certificates / file}" for name, file in CERTIFICATES.items()]
        broker.start(*tls, "require_certificate true")
        own = {"certificate_file": f"{certificates}/own.pem", "key_file": f"{certificates}/own.key"}
        outlet = closing(make("mqtt", broker.settings(tls=True, ca_file=f"{certificates}/ca.pem", **own)))
        outlet.open()
        outlet.send(alert())
        with pytest.raises(OutletError, match="certificate verify failed"):
            make("mqtt", broker.settings(tls=True)).open()
        # In TLS 1.3 a missing certificate is refused after the handshake.
        with pytest.raises(OutletError):
            make("mqtt", broker.settings(tls=True, ca_file=f"{certificates}/ca.pem")).open()

    def test_a_certificate_that_cannot_be_used_is_named(self, broker, certificates, tmp_path):
        missing = broker.settings(tls=True, ca_file=f"{tmp_path}/none.pem")
        with pytest.raises(OutletError, match=r"none\.pem"):
            make("mqtt", missing).open()


CERTIFICATES = {"cafile": "ca.pem", "certfile": "own.pem", "keyfile": "own.key"}


def opens(outlet) -> bool:
    try:
        outlet.open()
    except OutletError:
        return False
    return True


class Server(http.server.ThreadingHTTPServer):
    """A web server that answers as it is told, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.drips = False
        self.closes_early = False

    def settings(self, **changed) -> WebhookSettings:
        values = {"url": f"http://127.0.0.1:{self.server_port}/hook?a=b", "kinds": tuple(Kind), "deadline_s": 5.0}
        return WebhookSettings(**values | changed)

    def handle_error(self, request, client_address) -> None:
        """A client that has gone is no news."""


class Answering(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        if self.server.closes_early:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        if self.server.drips:
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
                self.wfile.write(bytes([byte]))
                time.sleep(0.1)
            return
        status, headers = self.server.answers.pop(0) if self.server.answers else (204, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format, *args) -> None:  # noqa: A002 (the name of http.server)
        """Not to stderr."""


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


class TestWebhook(OutletSuite):
    @pytest.fixture
    def outlet(self, server):
        return make("webhook", server.settings())

    @pytest.fixture
    def lost(self):
        return make("webhook", WebhookSettings(url=f"http://127.0.0.1:{free_port()}/"))

    def test_an_event_is_posted_with_its_signature(self, server):
        settings = server.settings(secret="hook-key")  # noqa: S106 (the name of one)
        outlet = WebhookOutlet(settings, "key", wall=lambda: 1_800_000_000.7)
        outlet.open()
        outlet.send(alert(subject="Zoë"))
        ((path, headers, body),) = server.requests
        assert path == "/hook?a=b"
        assert json.loads(body)["subject"] == "Zoë"
        assert headers["Content-Type"] == "application/json"
        assert headers["Edge-Fer-Event"] == "alert"
        assert headers["Edge-Fer-Signature"] == f"t=1800000000,v1={signature('key', 1_800_000_000, body)}"
        assert signature("key", 1_800_000_000, body) != signature("key", 1_800_000_001, body)

    def test_without_a_key_nothing_is_signed(self, server, outlet):
        outlet.open()
        outlet.send(alert())
        assert "Edge-Fer-Signature" not in server.requests[0][1]

    def test_only_the_kinds_that_are_wanted_are_sent(self, server):
        outlet = make("webhook", server.settings(kinds=("health",)))
        outlet.open()
        outlet.send(face(None, "happy"))
        outlet.send(Event(NOON, Kind.HEALTH, "camera", None, "gone"))
        assert [headers["Edge-Fer-Event"] for _, headers, _ in server.requests] == ["health"]

    def test_a_failure_is_tried_again_later_and_later(self, server):
        clock = Clock()
        outlet = WebhookOutlet(server.settings(first_pause_s=1, max_pause_s=3), now=clock, share=lambda: 0.0)
        server.answers = [(500, {}), (503, {}), (502, {}), (500, {}), (200, {})]
        times = []
        while server.answers:
            asked = len(server.requests)
            with contextlib.suppress(OutletError):
                open_and_send(outlet, alert())
            if len(server.requests) > asked:
                times.append(clock.s)
            clock.s += 0.25
        # Half of 1, 2, 4 and 6 s, the shortest pauses that chance can make; 3 s are the longest that is allowed.
        assert times == [0.0, 0.5, 1.5, 3.5, 6.5]
        assert outlet.refused == 0
        assert len({headers["Edge-Fer-Delivery"] for _, headers, _ in server.requests}) == 1

    def test_a_server_may_say_when_it_wants_to_be_asked_again(self, server):
        clock = Clock()
        outlet = WebhookOutlet(server.settings(), now=clock)
        outlet.open()
        server.answers = [(429, {"Retry-After": "30"}), (408, {"Retry-After": "Mon, 30 Nov 2099 12:00:00 GMT"})]
        for s, asked in ((0.0, 1), (29.0, 1), (30.5, 2), (300.0, 2), (331.0, 3)):
            clock.s = s
            with contextlib.suppress(OutletError):
                outlet.send(alert())
            assert len(server.requests) == asked
        assert outlet.refused == 0

    @pytest.mark.parametrize("status", [400, 401, 404, 410, 301, 307])
    def test_a_refusal_is_counted_and_not_tried_again(self, server, outlet, status):
        server.answers = [(status, {"Location": f"http://127.0.0.1:{server.server_port}/other"})]
        outlet.open()
        outlet.send(alert())
        outlet.send(alert("again"))
        assert outlet.refused == 1
        assert [path for path, _, _ in server.requests] == ["/hook?a=b"] * 2

    def test_an_event_is_given_up_after_many_tries(self, server):
        clock = Clock()
        outlet = WebhookOutlet(server.settings(tries=3), now=clock)
        outlet.open()
        server.answers = [(500, {})] * 3
        for _ in range(2):
            with pytest.raises(OutletError, match="500 Internal Server Error"):
                outlet.send(alert())
            clock.s += 1000
        outlet.send(alert())
        assert outlet.refused == 1
        clock.s += 1000
        outlet.send(alert("next"))
        assert len(server.requests) == 4

    def test_a_server_that_says_nothing(self):
        with silent_listener() as port:
            outlet = make("webhook", WebhookSettings(url=f"http://127.0.0.1:{port}", deadline_s=0.2))
            outlet.open()
            with pytest.raises(OutletError, match=r"no answer within 0\.2 s"):
                outlet.send(alert())

    def test_a_tls_server_that_says_nothing(self):
        with silent_listener() as port:
            outlet = make("webhook", WebhookSettings(url=f"https://127.0.0.1:{port}", deadline_s=0.2))
            outlet.open()
            with pytest.raises(OutletError, match=r"no answer within 0\.2 s"):
                outlet.send(alert())

    def test_a_server_that_answers_byte_by_byte(self, server):
        server.drips = True
        outlet = make("webhook", server.settings(deadline_s=0.2))
        outlet.open()
        with pytest.raises(OutletError, match=r"no answer within 0\.2 s"):
            outlet.send(alert())

    def test_a_server_that_closes_early(self, server, outlet):
        server.closes_early = True
        outlet.open()
        with pytest.raises(OutletError, match="does not answer"):
            outlet.send(alert())

    def test_a_server_that_speaks_something_else(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def greet():
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

            thread = threading.Thread(target=greet)
            thread.start()
            outlet = make("webhook", WebhookSettings(url=f"http://127.0.0.1:{listener.getsockname()[1]}"))
            outlet.open()
            with pytest.raises(OutletError, match="does not answer: "):
                outlet.send(alert())
            thread.join()

    def test_a_certificate_is_verified(self, server, certificates):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates / "own.pem", certificates / "own.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = f"https://127.0.0.1:{server.server_port}/"
        trusted = make("webhook", server.settings(url=url, ca_file=f"{certificates}/ca.pem"))
        trusted.open()
        trusted.send(alert())
        assert len(server.requests) == 1
        stranger = make("webhook", server.settings(url=url))
        stranger.open()
        with pytest.raises(OutletError, match="CERTIFICATE_VERIFY_FAILED"):
            stranger.send(alert())


class TestGpio(OutletSuite):
    @pytest.fixture
    def outlet(self, closing):
        pytest.importorskip("gpiozero", reason="gpiozero is not installed: pip install -e '.[gpio]'")
        return closing(make("gpio", GpioSettings(pin=17, on=("happy", "alert"), factory="mock")))

    @pytest.fixture
    def lost(self, outlet):
        # Only a board has pins.
        if Path("/dev/gpiochip0").exists():
            pytest.skip("this machine has pins, which a test must not touch")
        return make("gpio", GpioSettings(pin=17, on=("happy",), factory="lgpio"))

    def test_it_follows_the_state_and_is_off_in_the_end(self, closing):
        pytest.importorskip("gpiozero", reason="gpiozero is not installed: pip install -e '.[gpio]'")
        lights = []

        def opened(settings):
            lights.append(open_light(settings))
            return lights[-1]

        settings = GpioSettings(pin=17, on=("angry",), min_on_s=0, active_high=False, factory="mock")
        outlet = closing(GpioOutlet(settings, light=opened))
        outlet.open()
        pin = lights[0].pin
        assert pin.state == 1
        outlet.send(face(None, "angry"))
        assert pin.state == 0
        outlet.send(face("angry", "happy"))
        assert pin.state == 1
        outlet.send(face("happy", "angry"))
        outlet.close()
        assert [state for _, state in pin.states][-1] == 1
        assert pin.function == "input"

    def test_a_pin_that_does_not_exist_is_refused(self):
        pytest.importorskip("gpiozero", reason="gpiozero is not installed: pip install -e '.[gpio]'")
        with pytest.raises(OutletError, match="pin 53 cannot be used"):
            make("gpio", GpioSettings(pin=53, on=("happy",), factory="mock")).open()


@pytest.fixture(scope="module")
def tunes(tmp_path_factory) -> Path:
    """A folder for each of two states, with two short silences each."""
    folder = tmp_path_factory.mktemp("tunes")
    for state in ("happy", "sad"):
        (folder / state).mkdir()
        for number in range(2):
            with wave.open(str(folder / state / f"{number}.wav"), "wb") as tune:
                tune.setparams((1, 2, 8000, 0, "NONE", ""))
                tune.writeframes(bytes(2 * 8000 * 60))
    return folder


class Hand:
    """Somebody else at the same mpv."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def command(self, *words):
        from edge_fer.appliance.outlets.mpv import Mpv

        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._path))
        mpv = Mpv(connection, None, LONG_S)
        try:
            return mpv.command(*words)
        finally:
            mpv.close()

    def is_there(self) -> bool:
        try:
            return bool(self.command("get_property", "mpv-version"))
        except OSError:  # the socket is made a moment before mpv listens
            return False

    def get(self, name: str):
        try:
            return self.command("get_property", name)
        except OutletError:
            return None

    def plays(self) -> str | None:
        """Return the name of the folder whose music plays."""
        path = self.get("path")
        return Path(path).parent.name if path else None


@contextlib.contextmanager
def running_mpv(folder: Path):
    """An mpv that runs already, and somebody at it."""
    path = folder / "s"
    command = [program("mpv"), "--idle=yes", "--no-config", "--no-terminal", "--ao=null", f"--input-ipc-server={path}"]
    mpv = subprocess.Popen(command)
    try:
        hand = Hand(path)
        until(hand.is_there)
        yield hand
    finally:
        mpv.kill()
        mpv.wait()


@pytest.fixture
def hand(tmp_path_factory):
    with running_mpv(tmp_path_factory.mktemp("mpv")) as hand:
        yield hand


@pytest.fixture(scope="module")
def any_hand(tmp_path_factory):
    """For tests that do not mind what plays; starting mpv takes a while."""
    with running_mpv(tmp_path_factory.mktemp("mpv")) as hand:
        yield hand


def music(tunes: Path, **changed) -> MusicSettings:
    playlists = {state: str(tunes / state) for state in ("happy", "sad")}
    values = {"dwell_s": 0, "least_s": 0, "fade_s": 0.1, "override_s": 3600, "audio_output": "null", "deadline_s": 5}
    return MusicSettings(playlists=playlists, **values | changed)


class TestMusic(OutletSuite):
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        monkeypatch.setattr("edge_fer.appliance.outlets.music.PERIOD_S", 0.03)
        monkeypatch.setattr("edge_fer.appliance.outlets.music.FADE_STEP_S", 0.02)

    @pytest.fixture
    def outlet(self, tunes, any_hand, closing):
        return closing(make("music", music(tunes, socket=str(any_hand._path))))

    @pytest.fixture
    def lost(self, tunes, tmp_path):
        return make("music", music(tunes, socket=str(tmp_path / "s")))

    @pytest.fixture
    def guest(self, hand, tunes, closing):
        """An outlet at the mpv of somebody else."""
        return closing(make("music", music(tunes, socket=str(hand._path))))

    def test_the_music_follows_the_state_and_plays_on_without(self, guest, hand):
        guest.open()
        guest.send(face(None, "happy"))
        until(lambda: hand.plays() == "happy" and hand.get("volume") == 70)
        guest.send(face("happy", "sad"))
        until(lambda: hand.plays() == "sad" and hand.get("volume") == 70)
        guest.send(face("sad", "unknown"))
        guest.send(face("unknown", None))
        time.sleep(0.2)
        assert hand.plays() == "sad"
        assert not hand.get("pause")
        guest.close()
        assert hand.plays() == "sad"

    @pytest.mark.parametrize(
        "touch", [("set_property", "volume", 33), ("playlist-next",), ("set_property", "pause", True)], ids=str
    )
    def test_what_somebody_changes_by_hand_is_left_alone(self, guest, hand, touch):
        guest.open()
        guest.send(face(None, "happy"))
        until(lambda: hand.plays() == "happy" and hand.get("volume") == 70)
        # The fade's last step is before the end of the fade.
        until(lambda: guest._mood.played == "happy")
        time.sleep(0.1)
        hand.command(*touch)
        until(lambda: guest._mood._left_alone_until_s > 0)
        guest.send(face("happy", "sad"))
        time.sleep(0.3)
        assert hand.plays() == "happy"
        if "volume" in touch:
            assert hand.get("volume") == 33

    def test_after_a_while_the_music_follows_again_at_the_volume_of_the_hand(self, hand, tunes, closing):
        outlet = closing(make("music", music(tunes, socket=str(hand._path), override_s=0.1)))
        outlet.open()
        outlet.send(face(None, "happy"))
        until(lambda: hand.plays() == "happy" and hand.get("volume") == 70)
        time.sleep(0.1)
        hand.command("set_property", "volume", 33)
        until(lambda: outlet._volume == 33)
        outlet.send(face("happy", "sad"))
        until(lambda: hand.plays() == "sad" and hand.get("volume") == 33)

    def test_music_that_plays_already_is_left_alone(self, guest, hand, tunes):
        hand.command("loadfile", str(tunes / "sad"))
        until(lambda: hand.plays() == "sad")
        guest.open()
        guest.send(face(None, "happy"))
        time.sleep(0.3)
        assert hand.plays() == "sad"

    def test_shuffled_music_is_not_taken_for_a_hand(self, hand, tunes, closing):
        outlet = closing(make("music", music(tunes, socket=str(hand._path), shuffle=True)))
        outlet.open()
        outlet.send(face(None, "happy"))
        until(lambda: hand.plays() == "happy" and hand.get("volume") == 70)
        time.sleep(0.2)
        outlet.send(face("happy", "sad"))
        until(lambda: hand.plays() == "sad")

    def test_it_starts_an_mpv_of_its_own_and_leaves_nothing_behind(self, tunes, closing):
        program("mpv")
        outlet = closing(make("music", music(tunes)))
        threads, files = threading.active_count(), count_files()
        for _ in range(2):
            open_and_send(outlet, face(None, "happy"))
            player = outlet._mpv._process.pid
            outlet.close()
            with pytest.raises(ProcessLookupError):
                os.kill(player, 0)
        assert (threading.active_count(), count_files()) == (threads, files)

    def test_an_mpv_that_hangs_is_noticed_and_replaced(self, tunes, closing):
        program("mpv")
        outlet = closing(make("music", music(tunes, deadline_s=0.5)))
        outlet.open()
        outlet.send(face(None, "happy"))
        until(lambda: outlet._mood.played == "happy")
        first = outlet._mpv._process.pid
        os.kill(first, signal.SIGSTOP)
        assert "hangs" in until(lambda: fault(outlet))
        outlet.open()
        assert outlet._mpv._process.pid != first
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        assert fault(outlet) is None

    def test_closing_does_not_wait_for_an_mpv_that_hangs(self, tunes, closing):
        program("mpv")
        outlet = closing(make("music", music(tunes, deadline_s=60)))
        outlet.open()
        os.kill(outlet._mpv._process.pid, signal.SIGSTOP)
        began_s = time.monotonic()
        outlet.close()
        assert time.monotonic() - began_s < 30

    def test_an_mpv_that_died_is_noticed_and_its_music_plays_again(self, tunes, closing):
        program("mpv")
        outlet = closing(make("music", music(tunes)))
        outlet.open()
        outlet.send(face(None, "happy"))
        until(lambda: outlet._mood.played == "happy")
        os.kill(outlet._mpv._process.pid, signal.SIGKILL)
        assert "gone" in until(lambda: fault(outlet))
        outlet._mood.played = "sad"
        outlet._presence.faces.clear()
        outlet.open()
        until(lambda: outlet._set_volume == 70 and outlet._mood._played_s > 0)
        assert outlet._mood.played == "sad"

    def test_its_mpv_ends_with_the_service(self, tunes):
        program("mpv")
        code = (
            "import sys, time; from edge_fer.appliance.outlets import make\n"
            "from edge_fer.appliance.outlets.settings import MusicSettings\n"
            "outlet = make('music', MusicSettings.model_validate_json(sys.argv[1])); outlet.open()\n"
            "print(outlet._mpv._process.pid, flush=True); time.sleep(600)"
        )
        arguments = [sys.executable, "-c", code, music(tunes).model_dump_json()]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as service:
            player = int(service.stdout.readline())
            service.kill()
        until(lambda: not Path(f"/proc/{player}/cmdline").exists() or not Path(f"/proc/{player}/cmdline").read_bytes())

    def test_a_playlist_that_is_not_there_is_named(self, tmp_path):
        settings = MusicSettings(playlists={"happy": str(tmp_path / "none")})
        with pytest.raises(OutletError, match="none of happy is not there"):
            make("music", settings).open()

    def test_a_player_that_is_not_installed_is_named(self, tunes):
        with pytest.raises(OutletError, match="no-such-player cannot be started"):
            make("music", music(tunes, mpv="no-such-player")).open()


class Player:
    """A program that notes what it is to play, and plays nothing."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "played"
        self.path = folder / "player"
        self.does("sleep 0.01")

    def does(self, command: str) -> None:
        self.path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> {self._log}\n{command}\n')
        self.path.chmod(0o755)

    def played(self) -> list[str]:
        """Return the names of the files so far."""
        return [Path(line).stem for line in self._log.read_text().splitlines()] if self._log.exists() else []

    def settings(self, **changed) -> SoundSettings:
        return SoundSettings(**{"player": str(self.path), "warning_every_s": 0.2, "alarm_every_s": 0.2, **changed})


def drives(after: str | None, before: str | None = None, kind: str = "looks away") -> Event:
    return Event(NOON, Kind.ALERT, f"driver: {kind}", before, after)


class TestSound(OutletSuite):
    @pytest.fixture
    def player(self, tmp_path):
        return Player(tmp_path)

    @pytest.fixture
    def outlet(self, player, closing):
        return closing(make("sound", player.settings()))

    @pytest.fixture
    def lost(self, closing):
        return closing(make("sound", SoundSettings(player="no-such-player")))

    def test_a_notice_is_heard_once_and_advice_never(self, outlet, player):
        outlet.open()
        outlet.send(drives("advice", kind="emotion"))
        outlet.send(drives("notice"))
        until(lambda: player.played() == ["notice"])
        outlet.send(drives("notice"))
        outlet.publish_status({"driver": {"raised": {"looks away": "notice"}}})
        time.sleep(0.3)
        assert player.played() == ["notice"]
        outlet.send(drives(None, "notice"))
        outlet.send(drives("notice"))
        until(lambda: player.played() == ["notice"] * 2)

    def test_a_warning_and_an_alarm_are_heard_until_they_are_cleared(self, outlet, player):
        outlet.open()
        outlet.send(drives("warning"))
        until(lambda: player.played().count("warning") >= 3)
        outlet.send(drives("alarm", "warning"))
        until(lambda: player.played().count("alarm") >= 3)
        outlet.send(drives("notice", "alarm"))
        time.sleep(0.1)
        heard = player.played()
        time.sleep(0.5)
        # Quieter than before is no news.
        assert player.played() == heard
        assert "notice" not in heard

    def test_what_the_status_knows_is_heard_too(self, outlet, player):
        outlet.open()
        outlet.publish_status({"driver": {"raised": {"sleep": "alarm"}}})
        until(lambda: player.played().count("alarm") >= 2)
        outlet.publish_status({"driver": {"raised": {}}})
        time.sleep(0.1)
        heard = player.played()
        time.sleep(0.4)
        assert player.played() == heard

    def test_an_alarm_does_not_wait_for_a_long_sound(self, outlet, player):
        player.does("case $1 in *notice*|*warning*) sleep 60;; esac")
        outlet.open()
        outlet.send(drives("notice"))
        until(lambda: player.played() == ["notice"])
        outlet.send(drives("warning", "notice"))
        until(lambda: player.played() == ["notice", "warning"])
        outlet.send(drives("alarm", "warning"))
        until(lambda: "alarm" in player.played())
        assert fault(outlet) is None

    def test_nobody_waits_for_a_player_that_hangs_and_it_is_ended(self, player, closing, tmp_path):
        player.does(f"echo $$ > {tmp_path}/pid; sleep 600")
        outlet = closing(make("sound", player.settings(deadline_s=0.5)))
        outlet.open()
        began_s = time.monotonic()
        outlet.send(drives("alarm"))
        assert time.monotonic() - began_s < 0.4
        assert "the player hangs: it has not ended within 0.5 s" in until(lambda: fault(outlet))
        until(lambda: not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists())
        # The next try is a new one.
        player.does("exit 0")
        outlet.open()
        until(lambda: player.played().count("alarm") >= 3)

    def test_closing_does_not_wait_for_a_player_that_hangs(self, player, closing):
        player.does("sleep 600")
        outlet = closing(make("sound", player.settings(deadline_s=60)))
        outlet.open()
        outlet.send(drives("alarm"))
        until(player.played)
        began_s = time.monotonic()
        outlet.close()
        assert time.monotonic() - began_s < 30

    def test_what_the_player_says_is_told(self, player, closing):
        player.does('echo "audio open error: no such device" >&2; exit 1')
        outlet = closing(make("sound", player.settings()))
        outlet.open()
        outlet.send(drives("alarm"))
        assert "audio open error: no such device" in until(lambda: fault(outlet))

    def test_own_sounds_are_played_and_a_missing_one_is_named(self, player, tmp_path, closing):
        own = tmp_path / "gong.wav"
        own.write_bytes(b"RIFF")
        outlet = closing(make("sound", player.settings(alarm=str(own))))
        outlet.open()
        outlet.send(drives("alarm"))
        until(lambda: player.played()[:1] == ["gong"])
        missing = closing(make("sound", player.settings(alarm=str(tmp_path / "none.wav"))))
        with pytest.raises(OutletError, match=r"none\.wav for alarm is not there"):
            missing.open()

    def test_what_is_too_quiet_is_not_heard(self, player, closing):
        outlet = closing(make("sound", player.settings(from_level="alarm")))
        outlet.open()
        outlet.send(drives("notice"))
        outlet.send(drives("warning", "notice"))
        time.sleep(0.3)
        assert player.played() == []
        outlet.send(drives("alarm", "warning"))
        until(lambda: "alarm" in player.played())

    def test_without_a_player_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(OutletError, match="aplay, paplay, pw-play is installed: apt install alsa-utils"):
            make("sound", SoundSettings()).open()

    def test_the_first_player_that_is_installed_is_taken(self, player, monkeypatch, tmp_path, closing):
        player.path.rename(tmp_path / "paplay")
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        if shutil.which("aplay"):
            pytest.skip("aplay is installed, which goes first")
        outlet = closing(make("sound", SoundSettings()))
        outlet.open()
        outlet.send(drives("notice"))
        until(lambda: player.played() == ["notice"])


class Book:
    """Notes how the source of the speed is."""

    def __init__(self) -> None:
        self.faults: list[str | None] = []

    def works(self, part: str) -> None:
        self.faults.append(None)

    def fails(self, part: str, fault: str) -> None:
        self.faults.append(fault)


class TestSpeedOverMqtt:
    @pytest.fixture
    def speed(self, broker):
        def made(key=None, **changed):
            book = Book()
            speed = MqttSpeed(broker.settings(**changed), "vehicle/speed", key, lambda: None, book, SystemClock())
            until(lambda: book.faults)
            stack.append(speed)
            return speed, book

        stack: list[MqttSpeed] = []
        yield made
        for each in stack:
            each.close()

    def test_the_newest_message_counts_and_none_that_was_retained(self, speed, listener):
        listener.publish("vehicle/speed", "200", retain=True)
        source, book = speed()
        assert source.kmh() is None
        listener.publish("vehicle/speed", "72.5")
        assert until(source.kmh) == 72.5
        until(lambda: book.faults[-1] is None)
        listener.publish("vehicle/speed", "fast")
        until(lambda: source.kmh() is None)
        assert "vehicle/speed tells no speed: b'fast'" in until(lambda: book.faults[-1])

    def test_a_key_of_json(self, speed, listener):
        source, _ = speed(key="kmh")
        listener.publish("vehicle/speed", '{"kmh": 31}')
        assert until(source.kmh) == 31

    def test_a_broker_that_is_gone_is_told(self, speed, broker, monkeypatch):
        monkeypatch.setattr("edge_fer.appliance.driver.speed.AGAIN_S", 0.1)
        _, book = speed()
        broker.kill()
        until(lambda: book.faults[-1] and "cannot be reached" in book.faults[-1])
        broker.start()
        until(lambda: book.faults[-1] and "nothing yet" in book.faults[-1])
