"""Evaluates several systems on the same faces under the same conditions, and keeps all their answers."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer import __version__, files
from edge_fer.errors import SinkError
from edge_fer.evaluation.classification import ClassificationReport, evaluate, evaluate_subset
from edge_fer.evaluation.conditions import ORIGINAL
from edge_fer.evaluation.face_set import stack
from edge_fer.evaluation.label_order import better_order
from edge_fer.evaluation.systems import NoAnswer
from edge_fer.progress import ProgressListener
from edge_fer.sinks import private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.evaluation.conditions import Condition
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.systems import System
    from edge_fer.evaluation.votes import FerPlusVotes

FORMAT_VERSION: Final = 1
ANSWERS: Final = "answers.csv"
"""Name of the csv that another program fills in."""
SAVED: Final = ("eval.json", "answers.npz", "report.html")
"""Names of what ``edge-fer eval --out`` writes."""


@dataclass(frozen=True)
class SystemResult:
    """The figures and scores of one system under one condition."""

    system: str
    condition: Condition
    report: ClassificationReport
    scores: NDArray[np.float32]
    """``(faces, classes)``."""
    deduplicated: ClassificationReport | None
    """On the faces without a near-copy in the training set; None unless that set is given."""
    votes: dict[str, Any] | None = None
    """The figures of `FerPlusVotes.figures`; None unless votes are given."""

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON, as shares of 1."""
        figures = {
            "system": self.system,
            "condition": self.condition.name,
            **self.report.as_dict(),
            "fresh": self.deduplicated.as_dict() if self.deduplicated else None,
        }
        if self.votes is not None:
            figures["votes"] = self.votes
        return figures


@dataclass(frozen=True)
class SystemComparison:
    """The results of several systems on the same faces."""

    data: str
    """Name of the file or folder of the faces."""
    faces: LabelledFaces
    results: tuple[SystemResult, ...]

    @property
    def systems(self) -> list[str]:
        """Return the names of the systems, in the order in which they were given."""
        return list(dict.fromkeys(result.system for result in self.results))

    @property
    def originals(self) -> list[SystemResult]:
        """Return the results on the faces as they are, in the order of `systems`."""
        return [result for result in self.results if result.condition == ORIGINAL]

    def reports(self, condition: Condition = ORIGINAL) -> dict[str, ClassificationReport]:
        """Return each system's report under *condition*; systems without an answer are left out."""
        return {result.system: result.report for result in self.results if result.condition == condition}

    def as_dict(self) -> dict[str, Any]:
        """Return all figures for JSON, as shares of 1."""
        return {
            "format_version": FORMAT_VERSION,
            "edge_fer": __version__,
            "data": self.data,
            "images": len(self.faces),
            "labels": list(self.faces.names),
            "judged": [result.as_dict() for result in self.results],
        }

    def save(self, folder: Path) -> None:
        """Write ``eval.json`` and ``answers.npz`` to *folder*. Raises `SinkError`.

        ``answers.npz`` holds the labels and, as ``system/condition``, each system's answers: its scores of the original
        faces as float16, rounded so that every winner stays the winner, and its winning labels under the other
        conditions as int8.
        """
        # Few bytes an answer, since such files are kept in git; figures have four digits at most.
        arrays: dict[str, Any] = {}
        for result in self.results:
            arrays[f"{result.system}/{result.condition.name}"] = _compact_answers(result)
        try:
            files.write(folder / "eval.json", json.dumps(self.as_dict(), indent=1) + "\n")
            with files.replacing(folder / "answers.npz") as path:
                np.savez_compressed(path, labels=self.faces.labels.astype(np.int8), **arrays)
        except OSError as exc:
            raise SinkError(f"{folder} cannot be written: {exc.strerror}; choose another with --out") from exc


def compare_systems(
    systems: Sequence[System],
    faces: LabelledFaces,
    data: str,
    conditions: Sequence[Condition] = (ORIGINAL,),
    deduplicated: NDArray[np.bool_] | None = None,
    progress: ProgressListener | None = None,
    votes: FerPlusVotes | None = None,
) -> SystemComparison:
    """Evaluate every system on *faces* under every condition.

    *data* is the name of the faces. *deduplicated*, ``(len(faces),)`` bool, marks those without a near-copy in the
    training set; under the original condition they are also evaluated on their own. With *votes* on the faces, every
    result has the figures by them as well.
    """
    listener = progress or ProgressListener()
    results = []
    steps = len(conditions) * len(systems)
    step = 0
    for condition in conditions:
        # Each condition once for all systems: changing the faces may take longer than asking a system.
        changed = apply_condition(faces, condition)
        for system in systems:
            listener.step(f"{system.name}, {condition.name}", step / steps)
            step += 1
            try:
                result = _evaluate_system(system, changed, condition, deduplicated, votes)
            except NoAnswer:
                continue
            results.append(result)
            if condition == ORIGINAL:
                _warn_of_order(result, faces.names, listener)
    return SystemComparison(data, faces, tuple(results))


def _warn_of_order(result: SystemResult, names: tuple[str, ...], listener: ProgressListener) -> None:
    """Warn when the answers of *result* fit other labels much better."""
    better = better_order(np.array(result.report.confusion), names)
    if better is not None:
        renamed = [f"{name} means {names[meant]}" for name, meant in zip(names, better.meant, strict=True)]
        moved = [text for text, name, meant in zip(renamed, names, better.meant, strict=True) if names[meant] != name]
        listener.warn(
            f"the answers of {result.system} fit much better if {', '.join(moved)} ({better.in_words(names)}); check "
            "the order of its labels"
        )


def apply_condition(faces: LabelledFaces, condition: Condition) -> LabelledFaces:
    """Return *faces* under *condition*."""
    if condition == ORIGINAL:
        return faces
    return replace(faces, images=stack([condition(image) for image in faces.images]))


def export(faces: LabelledFaces, conditions: Sequence[Condition], folder: Path, *, overwrite: bool = False) -> Path:
    """Write the faces under every condition as PNGs, and ``answers.csv`` for another program to fill.

    Returns the path of the csv. Raises `BadInput` when something of that is there, unless *overwrite*, and `SinkError`
    when *folder* cannot be written.
    """
    if not overwrite:
        refuse_exported(folder, conditions)
    table = folder / ANSWERS
    written = io.StringIO(newline="")
    rows = csv.writer(written)
    rows.writerow(["condition", "path", "image", "label"])
    try:
        for condition in conditions:
            images = _write_images(apply_condition(faces, condition), folder / condition.name)
            for path, image in zip(faces.paths, images, strict=True):
                rows.writerow([condition.name, path, image.relative_to(folder).as_posix(), ""])
        files.write(table, written.getvalue())
    except SinkError:  # an OSError, too, which says everything already
        raise
    except OSError as exc:
        raise SinkError(f"{folder} cannot be written: {exc.strerror}; choose another with --export") from exc
    return table


def refuse_exported(folder: Path, conditions: Sequence[Condition]) -> None:
    """Raise `BadInput` when *folder* holds what `export` would write: a filled ``answers.csv`` is work."""
    refuse_existing(folder, [ANSWERS, *(condition.name for condition in conditions)], "--export")


def refuse_existing(folder: Path, names: Sequence[str], option: str) -> None:
    """Raise `BadInput` when one of *names* is in *folder*, which the user chose with *option*."""
    for name in names:
        files.refuse_existing(folder / name, f"pass another {option}")


def _evaluate_system(
    system: System,
    faces: LabelledFaces,
    condition: Condition,
    deduplicated: NDArray[np.bool_] | None,
    votes: FerPlusVotes | None,
) -> SystemResult:
    """Return the result of *system* on *faces*, to which *condition* is already applied. Raises `NoAnswer`."""
    scores = np.asarray(system.scores(faces, condition.name), np.float32)
    report = evaluate(scores, faces.labels, faces.names)
    deduplicated_report = None
    if condition == ORIGINAL:
        deduplicated_report = evaluate_subset(scores, faces.labels, faces.names, deduplicated)
    by_votes = None
    if votes is not None:
        by_votes = votes.figures(scores)
        if not report.reliability:
            # The system returns labels only: a row of one 1 is no probability to compare with the votes.
            by_votes["cross_entropy"] = None
            by_votes["brier_score"] = None
            by_votes["calibration_error"] = None
    return SystemResult(system.name, condition, report, scores, deduplicated_report, by_votes)


def _compact_answers(result: SystemResult) -> NDArray[Any]:
    """Return what `SystemComparison.save` keeps of the scores of *result*."""
    winners = result.scores.argmax(axis=1)
    if result.condition != ORIGINAL:
        return np.asarray(winners, np.int8)
    rounded = np.asarray(result.scores, np.float16)
    # Two scores that differ in float32 may be equal in float16, and argmax takes the first of them. Raising the winner
    # to the next float16 keeps the figures that are derived from the file the same as those in eval.json.
    tied = np.flatnonzero(rounded.argmax(axis=1) != winners)
    tied_winners = winners[tied]
    rounded[tied, tied_winners] = np.nextafter(rounded[tied, tied_winners], np.float16(np.inf))
    return rounded


def _write_images(faces: LabelledFaces, folder: Path) -> list[Path]:
    """Write *faces* as numbered PNGs, for their owner's eyes only, to *folder*, and return their paths.

    Raises `OSError` and `SinkError`.
    """
    private.make_folder(folder)
    paths = []
    for number, image in enumerate(faces.images):
        path = folder / f"{number:06}.png"
        path.unlink(missing_ok=True)  # one that is replaced may be readable by others, or a link
        descriptor, path = private.create(path)
        with open(descriptor, "wb") as file:  # noqa: PTH123  (a descriptor)
            # Not cv2.imwrite, which returns False instead of raising an error.
            file.write(cv2.imencode(".png", image)[1].tobytes())
        paths.append(path)
    return paths
