"""The boxes that a detector and the tracker give, frame by frame, and whether another CPU gives the same.

    python benchmarks/boxes.py --film film.npz --json boxes.json
    python benchmarks/boxes.py --film film.npz --against boxes.json  # on the other CPU

The first call draws the film, the second one reads it: CPUs do not draw the same pixels. --detector names another
detector, as `edge-fer run` takes it.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import gzip
import json
import platform
import zlib
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

import script
from edge_fer.detectors import DEFAULT_DETECTOR, open_detector
from edge_fer.errors import BadInput
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer.detectors import Detector

FPS: Final = 30.0
FRAMES: Final = {
    "easy": tuple(range(90)),
    # Every fourth frame for 3.2 s at ten places, 9 s apart as the shots are: among them, people tilt their heads.
    "hard": tuple(chain.from_iterable(range(start, start + 96, 4) for start in range(30, 2700, 270))),
}
"""Numbers of the frames of each scene."""

Film = dict[str, "NDArray[np.uint8]"]
"""Scene → the pixels of its frames, ``(frame, height, width)``."""
Row = dict[str, Any]
"""What was found in one frame: ``tracks``, each as id, box, how it was seen, tilt; ``search``, each as box, confidence,
tilt, whether turned. Boxes are x, y, width and height in pixels."""


def film(path: Path | None) -> Film:
    """Return the frames of *path*; draw them where it is None or not there, and write them to it."""
    if path is not None and path.exists():
        return _read(path)
    drawn = {}
    for scene, numbers in FRAMES.items():
        camera = SyntheticCamera(scene=scene, fps=FPS)
        drawn[scene] = np.stack([camera.frame(number).image for number in numbers])
    if path is not None:
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **drawn)
    return drawn


def _read(path: Path) -> Film:
    with np.load(path) as stored:
        frames = dict(stored)
    if {scene: len(pixels) for scene, pixels in frames.items()} != {scene: len(FRAMES[scene]) for scene in FRAMES}:
        raise BadInput(f"{path} is not a film of this script; remove it, and it is drawn again")
    return frames


def boxes(detector: Detector, frames: Film) -> Iterator[Row]:
    """Yield what the tracker and a search of the whole frame find in each frame."""
    for scene, numbers in FRAMES.items():
        tracker = FaceTracker(detector)
        for number, gray in zip(numbers, frames[scene], strict=True):
            tracks = tracker.update(gray, number / FPS)
            yield {
                "scene": scene,
                "frame": number,
                "pixels": zlib.crc32(gray),
                "tracks": [
                    [track.id, _rounded(track.box), track.seen.value, round(track.face.roll_deg, 2)]
                    for track in tracks
                ],
                "search": [
                    [_rounded(face.box), round(face.confidence, 4), round(face.roll_deg, 2), face.turned]
                    for face in detector.search(gray)
                ],
            }  # fmt: skip


def _rounded(box: tuple[float, ...]) -> list[float]:
    return [round(float(value), 2) for value in box]


def compared(rows: list[Row], others: list[Row]) -> dict[str, Any]:
    """Return in how many frames *rows* and *others* have the same pixels, tracks and found faces, and how far off."""
    result: dict[str, Any] = {"frames": len(rows), "same_pixels": 0}
    for kind in ("tracks", "search"):
        result[kind] = {"faces": 0, "same_frames": 0, "other_faces_frames": 0, "largest_px": 0.0, "largest_deg": 0.0}
    for row, other in zip(rows, others, strict=True):
        result["same_pixels"] += row["pixels"] == other["pixels"]
        for kind, box_at, roll_at in (("tracks", 1, 3), ("search", 0, 2)):
            _count(result[kind], row[kind], other[kind], box_at, roll_at)
    return result


def _count(counts: dict[str, Any], faces: list[Any], others: list[Any], box_at: int, roll_at: int) -> None:
    """Add a frame's *faces*, and how they differ from *others*, to *counts*."""
    counts["faces"] += len(faces)
    counts["same_frames"] += faces == others
    if len(faces) != len(others):
        counts["other_faces_frames"] += 1
        return
    for face, other in zip(faces, others, strict=True):
        off_px = max(abs(a - b) for a, b in zip(face[box_at], other[box_at], strict=True))
        counts["largest_px"] = max(counts["largest_px"], round(off_px, 2))
        counts["largest_deg"] = max(counts["largest_deg"], round(abs(face[roll_at] - other[roll_at]), 2))


def _load(path: Path) -> list[Row]:
    """Return the rows of an earlier result. Raises `BadInput` if it holds none."""
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if path.suffix == ".gz" else content
        rows: list[Row] = json.loads(text)["rows"]
    except (OSError, EOFError, ValueError, LookupError, TypeError) as exc:
        raise BadInput(f"{path} holds no boxes of this script; pass what --json wrote ({exc!r})") from exc
    if len(rows) != sum(map(len, FRAMES.values())):
        raise BadInput(f"{path} holds boxes of {len(rows)} frames, of another film; make it again")
    return rows


def _options() -> argparse.Namespace:
    parser = script.parser(__doc__)
    parser.add_argument("--detector", default=DEFAULT_DETECTOR, metavar="NAME[:FILE]")
    parser.add_argument("--film", type=Path, help="take the frames from this file; write it if it is not there")
    parser.add_argument("--against", type=Path, metavar="JSON", help="compare with the boxes in this file")
    return parser.parse_args()


def main() -> None:
    """Find the boxes, save them, and compare them with those of another CPU."""
    options = _options()
    cv2.setNumThreads(1)
    others = _load(options.against) if options.against else None
    detector = open_detector(options.detector)
    rows = list(boxes(detector, film(options.film)))
    result: dict[str, Any] = {"command": script.command(), "machine": platform.machine(), "detector": detector.name}
    if others is not None:
        result["compared"] = compared(rows, others)
    script.save({**result, "rows": rows}, options.json)
    faces = sum(len(row["tracks"]) for row in rows)
    print(f"{detector.name}: {len(rows)} frames, {faces} boxes of tracks")
    if others is not None:
        for line in _lines(result["compared"]):
            print(line)


def _lines(counts: dict[str, Any]) -> Iterator[str]:
    frames = counts["frames"]
    yield f"the same pixels in {counts['same_pixels']} of {frames} frames"
    for kind in ("tracks", "search"):
        of = counts[kind]
        yield (
            f"{kind}: the same in {of['same_frames']} of {frames} frames ({of['faces']} boxes), another number of "
            f"faces in {of['other_faces_frames']}; elsewhere, boxes differ by {of['largest_px']:.2f} px at most, "
            f"tilts by {of['largest_deg']:.2f} degrees"
        )


if __name__ == "__main__":
    script.run(main)
