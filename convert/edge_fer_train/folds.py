"""Cross-validation: one run per fold, and for every face the scores of the model that has not seen it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.evaluation import plots
from edge_fer.evaluation.classification import evaluate
from edge_fer_train import identity, report, run_folder
from edge_fer_train.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_fer.evaluation.classification import ClassificationReport
    from edge_fer.progress import ProgressListener
    from edge_fer_train.datasets import Dataset
    from edge_fer_train.datasets.splits import Split
    from edge_fer_train.run import TrainingRun

FOLD: Final = "fold"
"""The setting by which the runs of one cross-validation differ."""


def cross_validate(
    runs: Sequence[TrainingRun], splits: Sequence[Split], dataset: Dataset, folder: Path, progress: ProgressListener
) -> ClassificationReport:
    """Execute *runs*, one per split, and write ``out-of-fold.npz``, ``report.json`` and ``confusion.png`` to *folder*.

    Each fold keeps the epoch that did best on its own validation faces, as the papers do; this flatters a little.
    Raises the errors of `TrainingRun.execute`; those about a folder of any fold before the first fold is trained.
    """
    files = run_folder.RunFolder(folder)
    with files.locked():
        for run in runs:
            run.refuse_unusable()
        _begin(files, runs, dataset)
        classification, accuracies = _evaluated(runs, splits, dataset, folder, progress)
        _write_report(folder, dataset.name, accuracies, classification)
    progress.tell(
        f"{len(runs)} folds of {dataset.name}: {np.mean(accuracies):.2%} ± {np.std(accuracies, ddof=1):.2%} a fold, "
        f"{classification.accuracy:.2%} of all faces out of fold; report in {folder}"
    )
    return classification


def _begin(files: run_folder.RunFolder, runs: Sequence[TrainingRun], dataset: Dataset) -> None:
    """Make the folder that of this cross-validation, unless it is already. Raises `BadInput` for that of another."""
    first = runs[0]
    own = Identity({**first.identity.settings, FOLD: None}, {"the faces": identity.of_faces(dataset.faces)})
    if files.is_begun() and not first.start_over:
        files.refuse_other(own)
        return
    if first.start_over:  # all at once, or an interruption would leave folds of two runs
        for run in runs:
            run.files.clear()
    files.begin(own)


def _evaluated(
    runs: Sequence[TrainingRun], splits: Sequence[Split], dataset: Dataset, folder: Path, progress: ProgressListener
) -> tuple[ClassificationReport, list[float]]:
    """Execute *runs* and keep the scores of each face; return their report, and the accuracy of each fold."""
    faces = dataset.faces
    scores = np.zeros((len(faces), len(faces.names)), np.float32)
    accuracies = []
    for number, (run, split) in enumerate(zip(runs, splits, strict=True), start=1):
        progress.tell(f"fold {number} of {len(runs)}")
        run.later_runs = len(runs) - number
        accuracies.append(run.execute().accuracy)
        # The run returns a report only; its scores are in its folder.
        with np.load(run.folder / "scores.npz") as saved:
            scores[split.validation] = saved["scores"]
    with run_folder.replacing(folder / "out-of-fold.npz") as beside:
        np.savez_compressed(beside, scores=scores, labels=faces.labels, paths=np.array(faces.paths))
    return evaluate(scores, faces.labels, faces.names), accuracies


def _write_report(folder: Path, name: str, accuracies: Sequence[float], classification: ClassificationReport) -> None:
    content = {
        "data": name,
        "folds": len(accuracies),
        "accuracy_by_fold": list(accuracies),
        "out_of_fold": classification.as_dict(),
    }
    run_folder.write(folder / "report.json", json.dumps(content, indent=1) + "\n")
    figure = plots.confusion(classification, f"{name}, {len(accuracies)} folds")
    report.save_figure(figure, folder / "confusion.png")
