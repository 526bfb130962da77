"""Which faces of the film a candidate reports, beside how fast it is: edge-fer and peers by the same code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_fer.boxes import Box
from edge_fer.detectors import DEFAULT_DETECTOR, MIN_FACE_PX
from edge_fer_bench import following
from edge_fer_bench.following import POSES, FollowedFrame, ReportedFace
from edge_fer_bench.results import Following

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge_fer_bench.results import Measurement
    from edge_fer_bench.scene import Scene

COLUMNS: Final = ("faces", "coverage", *POSES, "false/100", "ids")
NO_VALUE: Final = following.NO_VALUE

Faces = list[list[list[float]] | None]
"""For each frame its faces, as x, y, width, height and, of a program that follows them, the track; None for a program
that does not tell where they are."""


def score(scene: Scene, faces: Faces) -> Following | None:
    """Return how well *faces* are those of the film of *scene*; None for a program that does not tell them."""
    camera = scene.camera()
    tally = following.Tally()
    for index, reported in enumerate(faces):
        if reported is None:
            return None
        truth = [following.true_face(face, MIN_FACE_PX) for face in camera.frame(scene.shown(index)).truth]
        tally.add(FollowedFrame(index / scene.fps, truth, [_reported(face) for face in reported]))
    counts = tally.counts()
    return Following(
        frames=counts.frames,
        visible=dict(counts.visible),
        covered=dict(counts.covered),
        false=counts.false,
        persons=counts.persons,
        ids=counts.ids,
    )


def _reported(face: Sequence[float]) -> ReportedFace:
    x, y, width, height, *track = face
    return ReportedFace(Box(x, y, width, height), int(track[0]) if track else None)


def rows(measurements: Iterable[Measurement]) -> list[tuple[str, ...]]:
    """Return a row of cells for each program, under `COLUMNS`; an empty list if no faces were asked for."""
    by_program: dict[str, Measurement] = {}
    for measurement in measurements:
        # Which faces are reported depends neither on the target nor on threads.
        name = measurement.bundle or measurement.name
        if measurement.detector != DEFAULT_DETECTOR:
            name += f" {measurement.detector}"
        by_program.setdefault(name, measurement)
    cells = [_cells(name, figures(measurement)) for name, measurement in by_program.items()]
    if all(measurement.following is None for measurement in by_program.values()):
        return []
    return [COLUMNS, *cells]


def figures(measurement: Measurement) -> dict[str, Any] | None:
    """Return the share of visible faces that was reported, in all and by pose, and the mistakes; None if unknown."""
    found = measurement.following
    if found is None:
        return None
    shares: dict[str, float | None] = {}
    for pose in POSES:
        visible = found.visible.get(pose, 0)
        shares[pose] = found.covered.get(pose, 0) / visible if visible else None
    visible = sum(found.visible.values())
    return {
        "coverage": sum(found.covered.values()) / visible if visible else None,
        "by_pose": shares,
        "false_in_100": 100 * found.false / found.frames,
        "ids_a_person": found.ids / found.persons if found.persons else None,
    }


def _cells(name: str, values: dict[str, Any] | None) -> tuple[str, ...]:
    if values is None:
        return (name, *[NO_VALUE] * (len(COLUMNS) - 1))
    shares = [values["coverage"], *values["by_pose"].values()]
    ids = values["ids_a_person"]
    return (
        name,
        *[NO_VALUE if share is None else f"{share:.1%}" for share in shares],
        f"{values['false_in_100']:.1f}",
        NO_VALUE if ids is None else f"{ids:.2f}",
    )
