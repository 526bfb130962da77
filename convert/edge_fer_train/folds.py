"""Cross-validation: one run per fold, and for every face the scores of the model that has not seen it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from edge_fer import files
from edge_fer.errors import BadInput
from edge_fer.evaluation import plots
from edge_fer.evaluation.classification import evaluate
from edge_fer_train import report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_fer.evaluation.classification import ClassificationReport
    from edge_fer.progress import ProgressListener
    from edge_fer_train.datasets import Dataset
    from edge_fer_train.datasets.splits import Split
    from edge_fer_train.run import TrainingRun


def cross_validate(
    runs: Sequence[TrainingRun], splits: Sequence[Split], dataset: Dataset, folder: Path, progress: ProgressListener
) -> ClassificationReport:
    """Execute *runs*, one per split, and write ``out-of-fold.npz``, ``report.json`` and ``confusion.png`` to *folder*.

    Each fold keeps the epoch that did best on its own validation faces, as the papers do; this flatters a little.
    Raises `BadInput` when a fold has no epochs.
    """
    faces = dataset.faces
    scores = np.zeros((len(faces), len(faces.names)), np.float32)
    accuracies = []
    for number, (run, split) in enumerate(zip(runs, splits, strict=True), start=1):
        progress.tell(f"fold {number} of {len(runs)}")
        classification = run.execute()
        if classification is None:
            raise BadInput(f"fold {number} was not trained; pass at least one epoch")
        accuracies.append(classification.accuracy)
        # The run returns a report only; its scores are in its folder.
        with np.load(run.folder / "scores.npz") as saved:
            scores[split.validation] = saved["scores"]
    classification = evaluate(scores, faces.labels, faces.names)
    with files.replacing(folder / "out-of-fold.npz") as beside:
        np.savez_compressed(beside, scores=scores, labels=faces.labels, paths=np.array(faces.paths))
    _write_report(folder, dataset.name, accuracies, classification)
    progress.tell(
        f"{len(runs)} folds of {dataset.name}: {np.mean(accuracies):.2%} ± {np.std(accuracies, ddof=1):.2%} a fold, "
        f"{classification.accuracy:.2%} of all faces out of fold; report in {folder}"
    )
    return classification


def _write_report(folder: Path, name: str, accuracies: Sequence[float], classification: ClassificationReport) -> None:
    content = {
        "data": name,
        "folds": len(accuracies),
        "accuracy_by_fold": list(accuracies),
        "out_of_fold": classification.as_dict(),
    }
    files.write(folder / "report.json", json.dumps(content, indent=1) + "\n")
    figure = plots.confusion(classification, f"{name}, {len(accuracies)} folds")
    report.save_figure(figure, folder / "confusion.png")
