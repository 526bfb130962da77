"""A thousand simulated devices at one broker: how many messages it takes, how late they are, and what it costs.

Each device is the appliance's own MQTT outlet with a connection of its own; a real mosquitto runs on a port of
loopback, and a subscriber in a process of its own notes when each event comes. Devices, broker and subscriber share
this machine.

    python benchmarks/appliance/fleet.py --json benchmarks/results/appliance/fleet.json

The devices connect all at once, send at some rates, then as fast as they can; in the end the broker is killed and
started again, and all have to come back.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import resource
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer import files, host
from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.outlets.mqtt import MqttOutlet
from edge_fer.appliance.outlets.settings import MqttSettings
from edge_fer.errors import OutletError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

STATES: Final = ("happy", "neutral", "sad")
THREADS: Final = 8
"""Threads of each process that send; each has its own devices."""
QUIET_S: Final = 3.0
"""Seconds without a message after which a phase is over."""
PAUSE_S: Final = 1.0
"""Seconds between two tries to come back, as the service pauses at first."""
FOREVER_S: Final = 120.0


class Broker:
    """A mosquitto as Debian has it, with what a thousand connections need."""

    def __init__(self, folder: Path) -> None:
        self._program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if self._program is None:
            sys.exit("mosquitto is not installed: apt install mosquitto")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence false", "user root"]
        # The subscriber must get everything, or nothing could be said of the latencies.
        lines += ["max_queued_messages 0", "max_inflight_messages 0", "log_dest none"]
        self._config.write_text("\n".join([*lines, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self._process = subprocess.Popen([str(self._program), "-c", str(self._config)], stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def memory_mb(self) -> float | None:
        """Return its resident memory."""
        return None if self._process is None else host.process_memory_mb(self._process.pid)

    def cpu_s(self) -> float:
        """Return the seconds of processor time that it has used."""
        if self._process is None:
            return 0.0
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def devices(port: int, first: int, count: int, pipe: Connection) -> None:
    """Be *count* devices, and do what comes through *pipe* until it ends."""
    outlets = []
    for number in range(first, first + count):
        name = f"device-{number:04d}"
        settings = MqttSettings(host="127.0.0.1", port=port, client_id=name, prefix=f"fleet/{name}", deadline_s=60)
        outlets.append(MqttOutlet(settings))
    shares = [outlets[thread::THREADS] for thread in range(THREADS)]
    importlib.import_module("edge_fer.appliance.outlets.broker")  # takes a second, which is not that of connecting
    pipe.send("ready")
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            word, *arguments = pipe.recv()
            if word == "come":
                pipe.send(list(pool.map(come, shares)))
            elif word == "load":
                rate_s, seconds = arguments
                pipe.send(list(pool.map(lambda share: load(share, rate_s, seconds), shares)))  # noqa: B023
            else:
                list(pool.map(close_all, shares))
                return


def close_all(outlets: list[MqttOutlet]) -> None:
    """Close *outlets*."""
    for outlet in outlets:
        outlet.close()


def come(outlets: list[MqttOutlet]) -> int:
    """Open *outlets*, each again until it is open. Return how often one could not be opened."""
    failures = 0
    waiting = list(outlets)
    while waiting:
        still = []
        for outlet in waiting:
            try:
                outlet.publish_status({})  # it is there, or it says that it is not
            except OutletError:
                try:
                    outlet.open()
                except OutletError:
                    failures += 1
                    still.append(outlet)
        waiting = still
        if waiting:
            time.sleep(PAUSE_S)
    return failures


def load(outlets: list[MqttOutlet], rate_s: float, seconds: float) -> int:
    """Send *rate_s* events a second, in turn from each of *outlets*, for *seconds*. Return how many were sent."""
    begin = time.monotonic()
    sent = 0
    while time.monotonic() - begin < seconds:
        late_s = begin + sent / rate_s - time.monotonic()
        if late_s > 0:
            time.sleep(late_s)
        outlet = outlets[sent % len(outlets)]
        turn = sent // len(outlets)
        detail = {"sent_ns": time.monotonic_ns()}
        before, after = STATES[(turn - 1) % 3], STATES[turn % 3]
        outlet.send(Event(datetime.now(UTC), Kind.FACE, "track 1", before if turn else None, after, detail))
        sent += 1
    return sent


def subscriber(port: int, pipe: Connection) -> None:
    """Note all messages. Asked through *pipe*, send the latencies of the events and the number of messages."""
    from paho.mqtt.client import Client, MQTTMessage, MQTTv5
    from paho.mqtt.enums import CallbackAPIVersion

    lock = threading.Lock()
    latencies_ms: list[float] = []
    others = 0

    def came(_client: Client, _data: object, message: MQTTMessage) -> None:
        nonlocal others
        now_ns = time.monotonic_ns()
        is_event = message.topic.endswith("/events")
        sent_ns = json.loads(message.payload)["detail"]["sent_ns"] if is_event else 0
        with lock:
            if is_event:
                latencies_ms.append((now_ns - sent_ns) / 1e6)
            else:
                others += 1

    client = Client(CallbackAPIVersion.VERSION2, client_id="subscriber", protocol=MQTTv5)
    client.reconnect_delay_set(1, 1)
    client.on_message = came
    client.on_connect = lambda client, *_: client.subscribe("fleet/#", 0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    while pipe.recv() != "end":
        seen = -1
        while seen != len(latencies_ms) + others:
            seen = len(latencies_ms) + others
            time.sleep(QUIET_S)
        with lock:
            pipe.send((latencies_ms.copy(), others))
            latencies_ms.clear()
            others = 0
    client.disconnect()
    client.loop_stop()


class Fleet:
    """The processes of the devices, and the one of the subscriber."""

    def __init__(self, broker: Broker, count: int, processes: int) -> None:
        self.broker = broker
        self._spawn = multiprocessing.get_context("spawn")
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._hears = self._start(subscriber)
        self._pipes = []
        for number in range(processes):
            first = number * count // processes
            self._pipes.append(self._start(devices, first, (number + 1) * count // processes - first))
        for pipe in self._pipes:
            pipe.recv()
        self._threads = processes * THREADS

    def _start(self, target: Any, *arguments: Any) -> Connection:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=target, args=(self.broker.port, *arguments, theirs))
        process.start()
        self._processes.append(process)
        return ours

    def _all(self, *words: Any) -> list[int]:
        for pipe in self._pipes:
            pipe.send(words)
        return [value for pipe in self._pipes for value in pipe.recv()]

    def come(self) -> dict[str, Any]:
        """Let all devices connect. Return how long it took, and what it cost."""
        begin = time.monotonic()
        failures = sum(self._all("come"))
        taken_s = time.monotonic() - begin
        self._heard()
        return {"seconds": round(taken_s, 2), "failed_tries": failures, "broker_memory_mb": self.broker.memory_mb()}

    def _heard(self) -> tuple[list[float], int]:
        self._hears.send("all")
        heard: tuple[list[float], int] = self._hears.recv()
        return heard

    def load(self, rate_s: float, seconds: float) -> dict[str, Any]:
        """Let the devices send *rate_s* events a second together. Return what came, and what it cost."""
        began_s, cpu_s = time.monotonic(), self.broker.cpu_s()
        sent = sum(self._all("load", rate_s / self._threads, seconds))
        taken_s = time.monotonic() - began_s
        latencies_ms, others = self._heard()
        return {
            "asked_events_per_s": rate_s,
            "events_sent": sent,
            "events_heard": len(latencies_ms),
            "messages_heard": len(latencies_ms) + others,
            "seconds": round(taken_s, 2),
            "broker_cpu_s": round(self.broker.cpu_s() - cpu_s, 2),
            "broker_memory_mb": self.broker.memory_mb(),
            "latencies_ms": [round(latency, 2) for latency in sorted(latencies_ms)],
        }

    def end(self) -> None:
        """End all processes."""
        for pipe in self._pipes:
            pipe.send(("end",))
        self._hears.send("end")
        for process in self._processes:
            process.join(30)
            process.kill()


def line(phase: dict[str, Any]) -> str:
    """Return what *phase* says, for people."""
    percentiles = statistics.quantiles(phase["latencies_ms"], n=100)
    return (
        f"{phase['events_sent'] / phase['seconds']:.0f} events/s ({phase['messages_heard'] / phase['seconds']:.0f} "
        f"messages/s), {phase['events_sent'] - phase['events_heard']} lost, median {percentiles[49]:.1f} ms, "
        f"p99 {percentiles[98]:.1f} ms, broker {100 * phase['broker_cpu_s'] / phase['seconds']:.0f} % of a core, "
        f"{phase['broker_memory_mb']:.0f} MB"
    )


def measure(fleet: Fleet, options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each phase with its name."""
    yield "connect", fleet.come()
    for rate in options.rates:
        yield f"{rate:g} events/s", fleet.load(rate, options.seconds)
    yield "as fast as they can", fleet.load(1e6, options.seconds)
    fleet.broker.kill()
    fleet.broker.start()
    yield "come back", fleet.come()


def main() -> None:
    """Measure, print, and keep the raw values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=1000, help="how many devices (default 1000)")
    parser.add_argument("--processes", type=int, default=4, help="how many processes they share (default 4)")
    parser.add_argument("--seconds", type=float, default=10, help="how long each rate is kept (default 10)")
    parser.add_argument("--rates", type=float, nargs="*", default=[100, 300, 600], help="events a second, of all")
    parser.add_argument("--json", type=Path, help="write the raw values to this file")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    phases = {}
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder))
        broker.start()
        empty_mb = broker.memory_mb()
        fleet = Fleet(broker, options.devices, options.processes)
        try:
            for name, phase in measure(fleet, options):
                phases[name] = phase
                print(f"{name}: {line(phase) if 'latencies_ms' in phase else phase}", flush=True)
        finally:
            fleet.end()
            broker.kill()
    result = {
        "format": 1,
        "command": shlex.join(["python", "benchmarks/appliance/fleet.py", *sys.argv[1:]]),
        "host": host.facts(),
        "devices": options.devices,
        "empty_broker_memory_mb": empty_mb,
        "phases": phases,
    }
    if options.json is not None:
        files.write(options.json, json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
