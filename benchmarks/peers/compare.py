"""PyPI `fer` and edge-fer on the same photograph and the same FER2013 PublicTest, in turn, in one run.

    python benchmarks/peers/compare.py --data fer2013-public-test.zip --json peers.json

`fer` gets an environment of its own (``--env``, made where it is not there, about 3 GB). Both run in processes that
stay, and take turns: a batch of frames each, a batch of test images each. The photograph is scikit-image's astronaut in
a 640x480 frame. Times are what each program takes by default: `fer` on all cores, edge-fer on one.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from edge_fer_bench.processes import Process

HERE = Path(__file__).parent
FER_PACKAGES = ["fer==25.10.3", "opencv-contrib-python<5", "setuptools<81"]  # fer imports pkg_resources


class Worker:
    """A program in its own process, asked and answering in lines of JSON."""

    def __init__(self, name: str, python: Path) -> None:
        self.name = name
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        self._process = Process(
            [python, HERE / f"worker_{name}.py"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self._first: float | None = None

    def ask(self, **question: Any) -> Any:
        """Send a question and return the answer."""
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            code, *_ = self._process.end()
            raise SystemExit(f"{self.name} ended with {code}; run its worker by hand to see why")
        self._first = self._first or time.perf_counter()
        return json.loads(line)

    def end(self) -> tuple[float, float]:
        """End the process; return seconds from its start to its first answer, and its peak resident memory in MB."""
        self._process.stdin.close()
        _, started, peak = self._process.end()
        return (self._first or math.nan) - started, peak


def make_environment(folder: Path) -> Path:
    """Return the Python of `fer`'s environment, made where it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder} with {' '.join(FER_PACKAGES)}", file=sys.stderr)  # noqa: T201
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *FER_PACKAGES], check=True)
    return python


def write_photo(path: Path) -> None:
    """Write scikit-image's astronaut, 480x480, in the middle of a 640x480 frame."""
    from skimage import data

    image = cv2.cvtColor(cv2.resize(data.astronaut(), (480, 480), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), cv2.copyMakeBorder(image, 0, 0, 80, 80, cv2.BORDER_REPLICATE))


def start(pythons: dict[str, Path], photo: Path, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Start each program *repeats* times, in turn; return seconds to the first result and peak memory."""
    raw: dict[str, dict[str, list[float]]] = {name: {"first_result_s": [], "peak_mb": []} for name in pythons}
    for _ in range(repeats):
        for name, python in pythons.items():
            worker = Worker(name, python)
            for count in (1, 30):
                worker.ask(do="frames", path=str(photo), count=count)
            first, peak = worker.end()
            raw[name]["first_result_s"].append(first)
            raw[name]["peak_mb"].append(peak)
    return raw


def steady(workers: list[Worker], photo: Path, rounds: int) -> dict[str, list[list[float]]]:
    """Return each program's milliseconds a frame, a list a round of 30 frames, the programs in turn; warmed up."""
    raw: dict[str, list[list[float]]] = {worker.name: [] for worker in workers}
    for number in range(rounds + 1):
        for worker in workers:
            answer = worker.ask(do="frames", path=str(photo), count=30)
            if not answer["faces"]:
                raise SystemExit(f"{worker.name} finds no face in the photograph")
            if number:
                raw[worker.name].append(answer["ms"])
            elif len(answer["faces"]) > 1:
                print(f"{worker.name} sees {len(answer['faces'])} faces in the astronaut", file=sys.stderr)  # noqa: T201
    return raw


def judge(workers: list[Worker], data: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Return each program's label for every image, the programs in turn over batches, and the true labels."""
    with zipfile.ZipFile(data) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
    predicted: dict[str, list[str]] = {worker.name: [] for worker in workers}
    for begin in range(0, len(names), 200):
        for worker in workers:
            answer = worker.ask(do="classify", path=str(data), names=names[begin : begin + 200])
            predicted[worker.name] += answer["predicted"]
        print(f"\rjudging {begin}/{len(names)} ", end="", file=sys.stderr)  # noqa: T201
    return predicted, [PurePosixPath(name).parent.name for name in names]


def report(result: dict[str, Any]) -> None:
    """Print both programs and their ratios."""
    rows = []
    for name in ("fer", "edge_fer"):
        mine = result["raw"][name]
        rows.append(
            [
                float(np.median(np.concatenate(mine["frame_ms"]))),
                float(np.mean(np.concatenate(mine["frame_ms"]))),
                float(np.median(mine["first_result_s"])),
                float(max(mine["peak_mb"])),
            ]
        )
    titles = ("frame, median ms", "frame, mean ms", "first result, s", "peak memory, MB")
    print(f"\n{'':<20}{'fer':>10}{'edge-fer':>10}{'ratio':>8}")  # noqa: T201
    for title, theirs, ours in zip(titles, *rows, strict=True):
        print(f"{title:<20}{theirs:>10.2f}{ours:>10.2f}{theirs / ours:>7.1f}x")  # noqa: T201
    ratios = [
        float(np.mean(a) / np.mean(b))
        for a, b in zip(result["raw"]["fer"]["frame_ms"], result["raw"]["edge_fer"]["frame_ms"], strict=True)
    ]
    print(f"mean frame, ratio round by round: {min(ratios):.1f} to {max(ratios):.1f}")  # noqa: T201
    for name, accuracy in result["accuracy"].items():
        print(f"{name:<9} {accuracy:.2%} of {len(result['labels'])} images of FER2013 PublicTest")  # noqa: T201


def main() -> None:
    """Compare, print, and keep the raw values where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="zip of FER2013 PublicTest")
    parser.add_argument("--env", type=Path, default=Path(".venv-fer"), help="environment of fer")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of 30 frames")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pythons = {"fer": make_environment(options.env), "edge_fer": Path(sys.executable)}
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "astronaut.png"
        write_photo(photo)
        raw: dict[str, dict[str, Any]] = {**start(pythons, photo, 3)}
        workers = [Worker(name, python) for name, python in pythons.items()]
        for name, frames in steady(workers, photo, options.rounds).items():
            raw[name]["frame_ms"] = frames
        predicted, labels = judge(workers, options.data)
        for worker in workers:
            worker.end()
    result = {
        "command": " ".join(["python", "benchmarks/peers/compare.py", *sys.argv[1:]]),
        "cores": len(os.sched_getaffinity(0)),
        "load_1min": os.getloadavg()[0],
        "accuracy": {name: float(np.mean(np.array(p) == np.array(labels))) for name, p in predicted.items()},
        "raw": raw,
        "labels": labels,
        "predicted": predicted,
    }
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result) + "\n")
    report(result)


if __name__ == "__main__":
    main()
