"""Cross-validation: one run a fold, and a prediction for every face by the model that has not seen it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation import plots
from edge_fer.evaluation.classification import evaluate
from edge_fer_train import report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edge_fer.evaluation.classification import ClassificationReport
    from edge_fer_train.datasets import Dataset
    from edge_fer_train.datasets.splits import Split
    from edge_fer_train.run import TrainingRun


def cross_validate(
    runs: Sequence[TrainingRun], splits: Sequence[Split], dataset: Dataset, folder: Path, say: Callable[[str], None]
) -> ClassificationReport:
    """Execute *runs*, one a split, and write ``out-of-fold.npz``, ``report.json`` and ``confusion.png`` into *folder*.

    Each fold keeps the epoch that did best on its own faces, as the papers do; that flatters by a little.
    """
    faces = dataset.faces
    scores = np.zeros((len(faces), len(faces.names)), np.float32)
    accuracies = []
    for number, (run, split) in enumerate(zip(runs, splits, strict=True), start=1):
        say(f"fold {number} of {len(runs)}\n")
        classification = run.execute()
        if classification is None:
            raise BadInput(f"fold {number} was not trained; pass at least one epoch")
        accuracies.append(classification.accuracy)
        with np.load(run.folder / "scores.npz") as kept:
            scores[split.validation] = kept["scores"]
    classification = evaluate(scores, faces.labels, faces.names)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "out-of-fold.npz", scores=scores, labels=faces.labels, paths=np.array(faces.paths))
    told = {
        "data": dataset.name,
        "folds": len(runs),
        "accuracy_by_fold": accuracies,
        "out_of_fold": classification.as_dict(),
    }
    (folder / "report.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    plots.confusion(classification, f"{dataset.name}, {len(runs)} folds").savefig(
        folder / "confusion.png", dpi=report.DPI
    )
    say(
        f"{len(runs)} folds of {dataset.name}: {np.mean(accuracies):.2%} ± {np.std(accuracies, ddof=1):.2%} a fold, "
        f"{classification.accuracy:.2%} of all faces out of fold; report in {folder}\n"
    )
    return classification
