"""Stop `edge-fer run` while it saves a film of a network camera, and count what can be played.

    python benchmarks/stopping.py --times 20 --json benchmarks/results/robustness/stopping.json

The camera is an MJPEG server on this machine: a drawn face, 15 frames a second. After a pause of 0.5 to 3 s of film, a
run gets a signal. Its film is then decoded, and compared with the records that it printed. Prints a Markdown table.

    python benchmarks/stopping.py --times 20 --json stopping.json
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import av
import cv2

import script
from edge_fer.sources.synthetic import SyntheticCamera

SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
FPS: Final = 15
PICTURES: Final = 150
"""Number of pictures that the camera repeats."""
PAUSE_S: Final = (0.5, 3.0)
DEADLINE_S: Final = 60.0


class Camera(BaseHTTPRequestHandler):
    """Sends the pictures of its server for as long as somebody reads them."""

    server: Server

    def do_GET(self) -> None:
        """Send a stream of JPEGs."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        begin_s = time.monotonic()
        try:
            for number in range(sys.maxsize):
                picture = self.server.pictures[number % PICTURES]
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
                time.sleep(max(0.0, begin_s + (number + 1) / FPS - time.monotonic()))
        except OSError:  # the reader is gone
            pass

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """An MJPEG camera on a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Camera)
        self.pictures = [_jpeg(frame.image) for frame in SyntheticCamera(seed=1, frames=PICTURES).frames()]
        threading.Thread(target=self.serve_forever, daemon=True).start()


def _jpeg(image: Any) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def stop(address: str, number: signal.Signals, pause_s: float, folder: Path) -> dict[str, Any]:
    """Save a film of *address*, send signal *number* after *pause_s* of film, and return what is left."""
    records = folder / "records.jsonl"
    save = str(folder / "out")
    command = [sys.executable, "-m", "edge_fer.cli", "run", "--source", address, "--json", "--save", save]
    with records.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.PIPE) as process:
        end_s = time.monotonic() + DEADLINE_S
        while records.stat().st_size == 0:
            if process.poll() is not None or time.monotonic() > end_s:
                process.kill()
                raise RuntimeError(f"{' '.join(command)} delivers nothing: {process.communicate()[1].decode()}")
            time.sleep(0.01)
        time.sleep(pause_s)
        sent_s = time.monotonic()
        process.send_signal(number)
        error = process.communicate()[1].decode()
        ended_s = time.monotonic() - sent_s
    # A killed program's last line may be half a line.
    lines = records.read_text().splitlines()[:-1]
    times = [json.loads(line)["time_s"] for line in lines]
    frames, seconds = played(next((folder / "out").iterdir()))
    return {
        "signal": number.name,
        "exit_code": process.returncode,
        "summary": "frames, " in error,
        "ended_s": round(ended_s, 3),
        "frames": frames,
        "seconds": round(seconds, 3),
        "lost_s": round(max(0.0, times[-1] - times[0] - seconds), 3),
    }


def played(film: Path) -> tuple[int, float]:
    """Return how many frames of *film* can be decoded, 0 if it cannot be opened, and when the last one begins."""
    count = 0
    time_s = 0.0
    try:
        with av.open(str(film)) as container:
            for frame in container.decode(video=0):
                count += 1
                time_s = frame.time or 0.0
    except av.FFmpegError as exc:
        print(f"{film.name}: {exc}", file=sys.stderr)  # noqa: T201
    return count, time_s


def table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table with a line for each signal."""
    lines = [
        "| signal | runs | playable | exit codes | ended after | film lost, at most |",
        "| --- | ---: | ---: | --- | ---: | ---: |",
    ]
    for number in SIGNALS:
        of_signal = [row for row in rows if row["signal"] == number.name]
        playable = sum(row["frames"] > 0 for row in of_signal)
        codes = ", ".join(sorted({str(row["exit_code"]) for row in of_signal}))
        slowest_s = max(row["ended_s"] for row in of_signal)
        lost_s = max(row["lost_s"] for row in of_signal)
        lines.append(
            f"| {number.name} | {len(of_signal)} | {playable} | {codes} | {slowest_s:.2f} s | {lost_s:.2f} s |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the script."""
    parser = script.parser(__doc__)
    parser.add_argument("--times", type=int, default=20, help="runs for each signal (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the pauses (default 0)")
    options = parser.parse_args()
    # A run would ignore what was ignored before, as under nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    pauses = random.Random(options.seed)  # noqa: S311
    server = Server()
    rows = []
    for number in SIGNALS:
        for _ in range(options.times):
            with tempfile.TemporaryDirectory() as folder:
                address = f"http://127.0.0.1:{server.server_port}/stream"
                rows.append(stop(address, number, pauses.uniform(*PAUSE_S), Path(folder)))
            print(rows[-1], file=sys.stderr, flush=True)  # noqa: T201
    print(table(rows))  # noqa: T201
    script.save({"command": script.command(), "rows": rows}, options.json, indent=1)


if __name__ == "__main__":
    script.run(main)
