"""What the metrics cost a frame, and that a real Prometheus reads them.

    python benchmarks/appliance/metrics_cost.py --json benchmarks/results/appliance/metrics_cost.json

Counting is timed in blocks of frames, one block after the other; rendering by itself, with 20 parts and 4 outlets. A
Prometheus (Debian's package) then reads the same metrics from a port of loopback, and is asked for what it has read.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

from edge_fer import files, host
from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.latest import Moment
from edge_fer.appliance.metrics import CONTENT_TYPE, Metrics

BLOCKS: Final = 50
FRAMES: Final = 1000
RENDERS: Final = 100
STAGE_MS: Final = {"capture": 30.1, "detect": 12.3, "preprocess": 0.31, "classify": 0.83, "smooth": 0.02}
SCRAPE_S: Final = 1
WAIT_S: Final = 60.0
QUERIES: Final = {
    "frames": "edge_fer_frames_total",
    "samples of a scrape": "scrape_samples_scraped",
    "seconds of a scrape": "scrape_duration_seconds",
    "p99 of detecting, in seconds": (
        'histogram_quantile(0.99, sum by (le) (edge_fer_frame_duration_seconds_bucket{stage="detect"}))'
    ),
}
STATUS: Final = {
    "status": "ok",
    "newest_frame_age_s": 0.03,
    "parts": {f"part {number}": {"fault": None, "restarts": 0} for number in range(20)},
    "outlets": {
        name: {"queued": 0, "dropped": 0, "refused": 0, "sent": 9} for name in ("mqtt", "webhook", "gpio", "music")
    },
}


def counting_us(metrics: Metrics) -> list[float]:
    """Return the microseconds that a frame takes, for each block of frames."""
    moment = Moment({"faces": [{}, {}], "stage_ms": STAGE_MS, "dropped": 0}, (640, 480), 0.0)
    durations = []
    for _ in range(BLOCKS):
        began_s = time.perf_counter()
        for _ in range(FRAMES):
            metrics.observe(moment)
        durations.append((time.perf_counter() - began_s) / FRAMES * 1e6)
    return durations


def rendering_ms(metrics: Metrics) -> list[float]:
    """Return the milliseconds that each rendering takes."""
    durations = []
    for _ in range(RENDERS):
        began_s = time.perf_counter()
        metrics.render(STATUS)
        durations.append((time.perf_counter() - began_s) * 1e3)
    return durations


class Scraped(HTTPServer):
    """Serves the metrics, as the page does."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        super().__init__(("127.0.0.1", 0), Answering)


class Answering(BaseHTTPRequestHandler):
    """Answers one question of Prometheus."""

    server: Scraped

    def do_GET(self) -> None:
        """Send the metrics."""
        body = self.server.metrics.render(STATUS)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def read_by_prometheus(metrics: Metrics) -> dict[str, float] | None:
    """Return what a real Prometheus has read; None where none is installed."""
    if shutil.which("prometheus") is None:
        return None
    with Scraped(metrics) as server, tempfile.TemporaryDirectory() as folder:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        job = {"job_name": "edge-fer", "static_configs": [{"targets": [f"127.0.0.1:{server.server_port}"]}]}
        config = Path(folder) / "prometheus.yml"
        # JSON is YAML, too.
        config.write_text(json.dumps({"global": {"scrape_interval": f"{SCRAPE_S}s"}, "scrape_configs": [job]}))
        command = [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data", "--log.level=error",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        prometheus = subprocess.Popen(command)
        try:
            return {name: asked(port, query) for name, query in QUERIES.items()}
        finally:
            prometheus.kill()
            prometheus.wait()
            server.shutdown()
            serving.join()


def asked(port: int, query: str) -> float:
    """Return Prometheus' answer to *query*, once it has one."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}"
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found: list[Any] = json.load(answer)["data"]["result"]
        except OSError:
            found = []
        if found:
            return float(found[0]["value"][1])
        time.sleep(0.1)
    sys.exit(f"Prometheus has not answered {query} within {WAIT_S:g} s")


def main() -> None:
    """Measure, print, and keep the raw values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the raw values to this file")
    options = parser.parse_args()
    metrics = Metrics({"version": "x", "bundle": "cnn-1", "target": "litert-int8"})
    metrics.event(Event(datetime.now(UTC), Kind.FACE, "track 1", None, "happy"))
    counting = counting_us(metrics)
    rendering = rendering_ms(metrics)
    read = read_by_prometheus(metrics)
    result = {
        "format": 1,
        "command": shlex.join(["python", "benchmarks/appliance/metrics_cost.py", *sys.argv[1:]]),
        "host": host.facts(),
        "frames_of_a_block": FRAMES,
        "counting_us": [round(value, 3) for value in counting],
        "rendering_ms": [round(value, 3) for value in rendering],
        "bytes": len(metrics.render(STATUS)),
        "prometheus": read,
    }
    print(f"a frame: median {statistics.median(counting):.1f} µs, slowest block {max(counting):.1f} µs")
    print(f"rendering: median {statistics.median(rendering):.2f} ms, slowest {max(rendering):.2f} ms")
    print(f"Prometheus has read: {read or 'it is not installed: apt install prometheus'}")
    if options.json is not None:
        files.write(options.json, json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
