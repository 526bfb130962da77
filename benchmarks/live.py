"""Live sources: how late the latest frames are, and what a camera costs that nobody is in front of.

    python benchmarks/live.py --film easy --film hard --json benchmarks/results/<device>/live.json
    python benchmarks/live.py --film still --film flicker --threads 1 --json benchmarks/results/<device>/idle.json

Films are played behind the camera code at 30 frames a second, 640x480 in colour. Two of them show people, the drawn
scenes `easy` and `hard`: printed is the time of a frame, from having it to its record. The others show a still picture
of an empty room with the noise of a sensor, in even light (`still`) and in that of lamps that pulse at 100 Hz
(`flicker`): printed is the CPU time of the process as a share of a core, without that of making the frames, which a
camera's driver does. With --against, another version (a commit of this clone, or the folder of another one) takes turns
with this one, film by film, each in a process of its own. Each version finds faces as it does by default; --detector is
for this one.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

import script
from edge_fer import __version__, host
from edge_fer.errors import BadInput
from edge_fer.sources.drawn.light import Sensor
from edge_fer.sources.drawn.rooms import draw_room
from edge_fer_bench import versions
from edge_fer_bench.candidates import Candidate, WorkerProcess
from edge_fer_bench.scene import Scene
from edge_fer_bench.wording import aligned

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from numpy.typing import NDArray

FPS: Final = 30.0
SCENES: Final = ("easy", "hard")
ROOMS: Final = {"still": 0.0, "flicker": 0.1}
"""Film → by how much the light of its lamps pulses."""
SIZE: Final = (640, 480)
STILL_FRAMES: Final = 91
SCENE_FRAMES: Final = 151
COLUMNS: Final = ("film", "version", "p50 ms", "p90", "p99", "max", "p99 / p50", "of a core", "with faces", "dropped")

Plays = list[dict[str, Any]]
"""What ``live_worker.py`` tells of a film, one entry each time that it was played."""


def draw_films(names: Sequence[str], folder: Path) -> dict[str, Path]:
    """Write the films *names* to *folder*, each ``(frames, height, width, 3)`` uint8, and return the file of each."""
    drawn: dict[str, Path] = {}
    for name in names:
        pictures = still(ROOMS[name]) if name in ROOMS else people(name)
        drawn[name] = _in_colour(pictures, folder / f"{name}.npy")
    return drawn


def people(kind: str) -> list[NDArray[np.uint8]]:
    """Return frames of the scene *kind*, ``(height, width)`` uint8."""
    scene = Scene.of(kind, frames=SCENE_FRAMES, faces=1, fps=FPS)
    camera = scene.camera()
    return [camera.frame(scene.shown(index)).image for index in range(scene.frames)]


def _in_colour(pictures: Sequence[NDArray[np.uint8]], path: Path) -> Path:
    """Write grey *pictures* to *path* as a camera delivers them."""
    shape = (len(pictures), *pictures[0].shape, 3)
    film = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    for number, picture in enumerate(pictures):
        film[number] = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    film.flush()
    return path


def still(flicker: float, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Return frames of an empty room, ``(height, width)`` uint8, in the light of lamps that pulse by *flicker*."""
    width_px, height_px = SIZE
    rng = np.random.default_rng(seed)
    room = draw_room(rng, width_px, height_px, None)
    sensor = Sensor(rng, width_px, height_px)
    down = np.linspace(0, 1, height_px, dtype=np.float32)[:, None]
    even = np.ones((1, width_px), np.float32)
    frames: list[NDArray[np.uint8]] = []
    for index in range(STILL_FRAMES):
        # As in `edge_fer.sources.drawn.light`: the shutter rolls, and each frame catches the pulse at another moment.
        rows = 1 + flicker * np.sin(2 * np.pi * (2.6 * down + 100 * index / FPS))
        frames.append(sensor.expose(room, rows.astype(np.float32), even, index))
    return frames


def candidates(options: argparse.Namespace, temporary: Path) -> list[Candidate]:
    """Return the versions to compare, another one first. Raises `BadInput` for one that is not there."""
    command = [sys.executable, str(Path(__file__).parent / "live_worker.py"), "--model", options.model]
    command += ["--threads", str(options.threads), "--fps", str(FPS)]
    made: list[Candidate] = []
    if options.against:
        root = versions.folder_of(options.against, temporary / "version")
        name = Path(options.against).name
        made.append(Candidate(name, tuple(command), options.threads, environment=versions.environment(root)))
    if options.detector:
        command += ["--detector", options.detector]
    made.append(Candidate("this", tuple(command), options.threads))
    return made


def measure(options: argparse.Namespace) -> dict[str, dict[str, Plays]]:
    """Return what was measured: film → version → each time that it was played."""
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        compared = candidates(options, temporary)
        films = draw_films(options.film or (*SCENES, *ROOMS), temporary)
        workers = [stack.enter_context(WorkerProcess(candidate, [])) for candidate in compared]
        measured: dict[str, dict[str, Plays]] = {}
        for name in films:
            measured[name] = {candidate.name: [] for candidate in compared}
        for number in range(options.rounds):
            for name, film in films.items():
                # Another one first each time, so that none always comes after the same one.
                first = number % len(workers)
                for worker in (*workers[first:], *workers[:first]):
                    answer = worker.ask("play", film=str(film), seconds=options.seconds)
                    measured[name][worker.name].append(answer["played"])
    return measured


def figures(plays: Plays) -> dict[str, float]:
    """Return what follows from *plays* of one film by one version; all frames count, none is left out."""
    frame_ms = np.concatenate([play["frame_ms"] for play in plays])
    p50_ms, p90_ms, p99_ms = np.percentile(frame_ms, (50, 90, 99))
    return {
        "p50_ms": float(p50_ms),
        "p90_ms": float(p90_ms),
        "p99_ms": float(p99_ms),
        "max_ms": float(frame_ms.max()),
        "core": sum(play["cpu_s"] for play in plays) / sum(play["wall_s"] for play in plays),
        "with_faces": sum(play["faces"] for play in plays) / len(frame_ms),
        "dropped": sum(play["dropped"] for play in plays),
    }


def table(measured: dict[str, dict[str, Plays]]) -> str:
    """Return the figures as text, a line for each film and version."""
    rows: list[Sequence[str]] = [COLUMNS]
    for film, by_version in measured.items():
        for version, plays in by_version.items():
            values = figures(plays)
            times = [f"{values[name]:.2f}" for name in ("p50_ms", "p90_ms", "p99_ms", "max_ms")]
            ratio = f"{values['p99_ms'] / values['p50_ms']:.1f}"
            shares = [f"{values['core']:.1%}", f"{values['with_faces']:.0%}", f"{values['dropped']:.0f}"]
            rows.append((film, version, *times, ratio, *shares))
    return "\n".join(aligned(rows))


def main() -> None:
    """Measure, save the raw values, and print the figures."""
    parser = script.parser(__doc__)
    parser.add_argument("--against", help="another version: a commit or a folder")
    parser.add_argument("--detector", metavar="NAME[:FILE]", help="what finds the faces in this version")
    parser.add_argument("--model", default="compact", help="the bundle that classifies")
    parser.add_argument("--film", action="append", choices=(*SCENES, *ROOMS), help="all by default; may be repeated")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3, help="how often each film is played")
    parser.add_argument("--seconds", type=float, default=20.0, help="for how long each time")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        raise BadInput(f"--rounds {options.rounds}, --seconds {options.seconds}; pass values greater than 0")
    measured = measure(options)
    result = {"command": script.command(), "edge_fer": __version__, "host": host.facts(), "films": measured}
    script.save(_rounded(result), options.json)
    print(table(measured))


def _rounded(value: Any) -> Any:
    """Return *value* with numbers of a microsecond, so that files stay small."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value


if __name__ == "__main__":
    script.run(main)
