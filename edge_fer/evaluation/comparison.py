"""Several systems on the same faces under the same conditions, with every answer kept."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer import __version__
from edge_fer.errors import SinkError
from edge_fer.evaluation.classification import ClassificationReport, evaluate
from edge_fer.evaluation.conditions import ORIGINAL
from edge_fer.evaluation.labelled import stack
from edge_fer.evaluation.systems import NoAnswer
from edge_fer.progress import ProgressListener

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.evaluation.conditions import Condition
    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer.evaluation.systems import System

FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class SystemResult:
    """One system under one condition."""

    system: str
    condition: Condition
    report: ClassificationReport
    scores: NDArray[np.float32]
    deduplicated: ClassificationReport | None
    """On the faces without a near-copy in the training set; None where that set was not given."""


@dataclass(frozen=True)
class SystemComparison:
    """What came out."""

    data: str
    faces: LabelledFaces
    results: tuple[SystemResult, ...]

    @property
    def systems(self) -> list[str]:
        """Return the systems in the order in which they were given."""
        return list(dict.fromkeys(entry.system for entry in self.results))

    def reports(self, condition: Condition = ORIGINAL) -> dict[str, ClassificationReport]:
        """Return what each system is worth under *condition*; those that had no answer are left out."""
        return {entry.system: entry.report for entry in self.results if entry.condition == condition}

    def as_dict(self) -> dict[str, Any]:
        """Return all figures for JSON, as shares of 1."""
        return {
            "format_version": FORMAT_VERSION,
            "edge_fer": __version__,
            "data": self.data,
            "images": len(self.faces),
            "labels": list(self.faces.names),
            "judged": [
                {
                    "system": entry.system,
                    "condition": entry.condition.name,
                    **entry.report.as_dict(),
                    "fresh": entry.deduplicated.as_dict() if entry.deduplicated else None,
                }
                for entry in self.results
            ],
        }

    def save(self, folder: Path) -> None:
        """Write ``eval.json`` and ``answers.npz``. Raises `SinkError`.

        The latter holds the labels and, as ``system/condition``, each system's scores of the original faces as float16,
        rounded so that the winners stay, and its winning labels under the other conditions as int8.
        """
        arrays: dict[str, Any] = {f"{e.system}/{e.condition.name}": _kept(e) for e in self.results}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "eval.json").write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")
            np.savez_compressed(folder / "answers.npz", labels=self.faces.labels.astype(np.int8), **arrays)
        except OSError as exc:
            raise SinkError(f"{folder} cannot be written: {exc.strerror}; choose another with --out") from exc


def _kept(entry: SystemResult) -> NDArray[Any]:
    winners = entry.scores.argmax(axis=1)
    if entry.condition != ORIGINAL:
        return np.asarray(winners, np.int8)
    kept = np.asarray(entry.scores, np.float16)
    tied = np.flatnonzero(kept.argmax(axis=1) != winners)  # by rounding alone
    kept[tied, winners[tied]] = np.nextafter(kept[tied, winners[tied]], np.float16(np.inf))
    return kept


def changed(faces: LabelledFaces, condition: Condition) -> LabelledFaces:
    """Return *faces* under *condition*."""
    if condition == ORIGINAL:
        return faces
    return replace(faces, images=stack([condition(image) for image in faces.images]))


def compare_systems(
    systems: Sequence[System],
    faces: LabelledFaces,
    data: str,
    conditions: Sequence[Condition] = (ORIGINAL,),
    deduplicated: NDArray[np.bool_] | None = None,
    progress: ProgressListener | None = None,
) -> SystemComparison:
    """Ask every system about *faces* under every condition; *deduplicated* tells which have no training copy."""
    listener = progress or ProgressListener()
    results = []
    for number, condition in enumerate(conditions):
        seen = changed(faces, condition)
        for at, system in enumerate(systems):
            done = (number * len(systems) + at) / len(conditions) / len(systems)
            listener.step(f"{system.name}, {condition.name}", done)
            try:
                scores = np.asarray(system.scores(seen, condition.name), np.float32)
            except NoAnswer:
                continue
            report = evaluate(scores, faces.labels, faces.names)
            apart = None
            if deduplicated is not None and condition == ORIGINAL and deduplicated.any():
                apart = evaluate(scores[deduplicated], faces.labels[deduplicated], faces.names)
            results.append(SystemResult(system.name, condition, report, scores, apart))
    return SystemComparison(data, faces, tuple(results))


def export(faces: LabelledFaces, conditions: Sequence[Condition], folder: Path) -> Path:
    """Write the faces under every condition as PNGs, and ``answers.csv`` to be filled by the program that is asked.

    Returns the csv. Raises `SinkError` when *folder* cannot be written.
    """
    table = folder / "answers.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["condition", "path", "image", "label"])
            for condition in conditions:
                for number, (image, path) in enumerate(zip(changed(faces, condition).images, faces.paths, strict=True)):
                    written = folder / condition.name / f"{number:06}.png"
                    written.parent.mkdir(exist_ok=True)
                    written.write_bytes(cv2.imencode(".png", image)[1].tobytes())
                    rows.writerow([condition.name, path, written.relative_to(folder), ""])
    except OSError as exc:
        raise SinkError(f"{folder} cannot be written: {exc.strerror}; choose another with --export") from exc
    return table
