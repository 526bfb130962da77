"""What a run leaves to be looked at: curves, confusion matrix and figures, as PNG and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.evaluation import plots
from edge_fer.evaluation.classification import evaluate
from edge_fer_train.rates import mean_convergence_rate, mean_overfitting_rate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.evaluation.classification import ClassificationReport
    from edge_fer.evaluation.labelled import LabelledFaces

FORMAT_VERSION: Final = 1
DPI: Final = 120


def write(
    folder: Path,
    name: str,
    history: Sequence[dict[str, Any]],
    scores: NDArray[np.float32],
    faces: LabelledFaces,
    deduplicated: NDArray[np.bool_] | None,
) -> ClassificationReport:
    """Write ``report.json``, ``accuracy.png``, ``loss.png`` and ``confusion.png`` into *folder*; return the worth.

    *scores* are those of the weights that were kept, on *faces*. *deduplicated* tells which of the faces have no
    near-copy among those that were learnt from.
    """
    classification = evaluate(scores, faces.labels, faces.names)
    apart = (
        evaluate(scores[deduplicated], faces.labels[deduplicated], faces.names)
        if deduplicated is not None and deduplicated.any()
        else None
    )
    told = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "epochs": len(history),
        "seconds": sum(entry["seconds"] for entry in history),
        **rates(history),
        "windows": windows(history),
        "validation": classification.as_dict(),
        "validation_fresh": apart.as_dict() if apart else None,
        "history": list(history),
    }
    (folder / "report.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    epochs = [entry["epoch"] for entry in history]
    for figure in ("accuracy", "loss"):
        plots.curves(f"{name}: {figure}", epochs, lines(figure, history), figure).savefig(
            folder / f"{figure}.png", dpi=DPI
        )
    plots.confusion(classification, name).savefig(folder / "confusion.png", dpi=DPI)
    return classification


def lines(figure: str, history: Sequence[dict[str, Any]]) -> dict[str, list[float | None]]:
    """Return what is drawn of *figure*, by its name: a value an epoch, None where the epoch has none.

    Beside training and validation, of networks whose scores are joined what each says alone.
    """
    drawn = {part: [entry.get(key) for entry in history] for part, key in _keys(figure).items()}
    alone = [entry.get(f"validation_{figure}_alone", ()) for entry in history]
    for at in range(max(map(len, alone), default=0)):
        drawn[f"validation, network {at + 1} alone"] = [told[at] if told else None for told in alone]
    return drawn


def windows(history: Sequence[dict[str, Any]], epochs: int = 5) -> list[dict[str, Any]]:
    """Return `rates` over every so many epochs, as Smelyakov et al., COLINS 2022, Tables 2 to 5, give them.

    A window begins with the last epoch of the one before, so that no change between epochs is left out.
    """
    return [
        {"epochs": [entry["epoch"] for entry in part], **rates(part)}
        for start in range(0, len(history), epochs)
        if len(part := history[max(start - 1, 0) : start + epochs]) > 1
    ]


def rates(history: Sequence[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return MCR and MOFR by accuracy and by loss, over the epochs that have both figures."""
    found: dict[str, dict[str, float | None]] = {"mcr": {}, "mofr": {}}
    for figure in ("accuracy", "loss"):
        keys = _keys(figure).values()
        told = [[entry[key] for key in keys] for entry in history if all(entry.get(key) is not None for key in keys)]
        train, validation = zip(*told, strict=True) if told else ((), ())
        found["mcr"][figure] = mean_convergence_rate(train)
        found["mofr"][figure] = mean_overfitting_rate(train, validation)
    return found


def _keys(figure: str) -> dict[str, str]:
    return {"training": figure, "validation": f"validation_{figure}"}


def cross_entropy(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the mean of -log of the score of the right label, of ``(n, classes)`` *scores*."""
    return float(-np.log(np.maximum(scores[np.arange(len(labels)), labels], 1e-7)).mean())
