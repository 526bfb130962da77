"""The report of a training run: curves, confusion matrix and figures, as PNG and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.evaluation import html, plots
from edge_fer.evaluation.classification import evaluate
from edge_fer.evaluation.metrics import bracketed
from edge_fer.evaluation.origin import Origin
from edge_fer.text import percent
from edge_fer_train import run_folder
from edge_fer_train.rates import mean_convergence_rate, mean_overfitting_rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from edge_fer.evaluation.classification import ClassificationReport
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.votes import FerPlusVotes

FORMAT_VERSION: Final = 1
DPI: Final = 120
FIGURES: Final = ("accuracy", "loss")
EPOCH_COLUMNS: Final = {
    "size px": "d",
    "loss": ".4f",
    "accuracy": ".2%",
    "validation loss": ".4f",
    "validation accuracy": ".2%",
    "seconds": ".0f",
}
"""Figures of an epoch in the page, with the format of each."""


def write(
    folder: Path,
    name: str,
    history: Sequence[Mapping[str, Any]],
    scores: NDArray[np.float32],
    faces: LabelledFaces,
    deduplicated: NDArray[np.bool_] | None,
    votes: FerPlusVotes | None = None,
) -> ClassificationReport:
    """Write ``report.json``, ``report.html`` and its figures as PNG to *folder*; return the report.

    *scores* ``(n, classes)`` are those of the best weights on *faces*. *deduplicated* ``(n,)`` says which of the faces
    have no near-copy among the training faces. Where *votes* on the faces are given, ``report.json`` has the figures by
    them as well.
    """
    classification = evaluate(scores, faces.labels, faces.names)
    without_copies = None
    if deduplicated is not None and deduplicated.any():
        without_copies = evaluate(scores[deduplicated], faces.labels[deduplicated], faces.names)
    content: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "epochs": len(history),
        "seconds": sum(entry["seconds"] for entry in history),
        **rates(history),
        "windows": windows(history),
        "validation": classification.as_dict(),
        # The key is part of the file format; it means the faces without near-copies.
        "validation_fresh": without_copies.as_dict() if without_copies else None,
    }
    if votes is not None:
        content["validation_votes"] = votes.figures(scores)
    content["history"] = list(history)  # last, since it is long
    run_folder.write(folder / "report.json", json.dumps(content, indent=1) + "\n")
    run_folder.write(folder / "report.html", html_page(content, Origin.now()))
    for figure in FIGURES:
        save_figure(_curves(name, figure, history), folder / f"{figure}.png")
    save_figure(plots.confusion(classification, name), folder / "confusion.png")
    return classification


def html_page(content: Mapping[str, Any], origin: Origin) -> str:
    """Return what ``report.json`` holds as one HTML page that needs no other file."""
    history = content["history"]
    curves = {}
    for figure in FIGURES:
        curves[figure] = html.inline(_curves(content["name"], figure, history), f"{figure} over the epochs")
    return html.render(
        "run.html.j2",
        "edge_fer_train",
        report=content,
        origin=origin,
        rows=_accuracies(content),
        labels=[entry["name"] for entry in content["validation"]["classes"]],
        curves=curves,
        epochs=[("epoch", *EPOCH_COLUMNS), *map(_epoch, history)],
    )


def _accuracies(content: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the accuracies as rows of cells, headings first."""
    rows: list[tuple[str, ...]] = [("by", "faces", "accuracy", "macro-F1", "mAP", "calibration error")]
    for title, key in (("labels", "validation"), ("labels, without near-copies", "validation_fresh")):
        report = content[key]
        if report is not None:
            means = (percent(report["macro_f1"]), percent(report["macro_average_precision"]))
            rows.append((title, *_accuracy(report["accuracy"], report["images"]), *means, _error(report)))
    votes = content.get("validation_votes")
    if votes is not None:
        figures = _accuracy(votes["accuracy_8_classes"], votes["images"])
        rows.append(("FER+, eight classes", *figures, "–", "–", _error(votes)))
    return rows


def _accuracy(share: float, images: int) -> tuple[str, str]:
    return str(images), f"{percent(share)} {bracketed(share, images)}"


def _error(report: Mapping[str, Any]) -> str:
    error = report["calibration_error"]
    return "–" if error is None else f"{error:.3f}"


def _epoch(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one epoch; histories of earlier versions have fewer figures."""
    cells = [str(entry["epoch"])]
    for name, style in EPOCH_COLUMNS.items():
        value = entry.get(name.replace(" ", "_"))
        cells.append("–" if value is None else format(value, style))
    return tuple(cells)


def _curves(name: str, figure: str, history: Sequence[Mapping[str, Any]]) -> Figure:
    epochs = [entry["epoch"] for entry in history]
    return plots.curves(f"{name}: {figure}", epochs, lines(figure, history), figure)


def save_figure(figure: Figure, path: Path) -> None:
    """Save *figure* as a PNG at *path*, completely or not at all. Raises `SinkError`."""
    with run_folder.replacing(path) as beside:
        figure.savefig(beside, dpi=DPI)


def lines(figure: str, history: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Return the curves of *figure* by their names: one value per epoch, None where the epoch has none.

    Models that join networks have a curve for each network alone, beside training and validation.
    """
    curves: dict[str, list[float | None]] = {}
    for part, key in _keys(figure).items():
        curves[part] = [entry.get(key) for entry in history]
    alone = [entry.get(f"validation_{figure}_alone", ()) for entry in history]
    networks = max(map(len, alone), default=0)
    for network in range(networks):
        # Epochs of stages without an auxiliary loss have no figures of a network alone.
        values = [of_epoch[network] if of_epoch else None for of_epoch in alone]
        curves[f"validation, network {network + 1} alone"] = values
    return curves


def windows(history: Sequence[Mapping[str, Any]], epochs: int = 5) -> list[dict[str, Any]]:
    """Return `rates` over windows of *epochs*, as Smelyakov et al., COLINS 2022, Tables 2 to 5, give them.

    A window begins with the last epoch of the one before, so that no change between epochs is left out.
    """
    rates_by_window = []
    for start in range(0, len(history), epochs):
        window = history[max(start - 1, 0) : start + epochs]
        if len(window) > 1:  # one epoch alone has no rate
            epochs_of_window = [entry["epoch"] for entry in window]
            rates_by_window.append({"epochs": epochs_of_window, **rates(window)})
    return rates_by_window


def rates(history: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return MCR and MOFR of accuracy and of loss, over the epochs that have both figures."""
    convergence: dict[str, float | None] = {}
    overfitting: dict[str, float | None] = {}
    for figure in FIGURES:
        train, validation = _both(figure, history)
        convergence[figure] = mean_convergence_rate(train)
        overfitting[figure] = mean_overfitting_rate(train, validation)
    return {"mcr": convergence, "mofr": overfitting}


def _both(figure: str, history: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    """Return *figure* on the training and on the validation faces, of the epochs that have both."""
    keys = _keys(figure)
    train: list[float] = []
    validation: list[float] = []
    for entry in history:
        of_train = entry.get(keys["training"])
        of_validation = entry.get(keys["validation"])
        if of_train is not None and of_validation is not None:
            train.append(of_train)
            validation.append(of_validation)
    return train, validation


def _keys(figure: str) -> dict[str, str]:
    """Return the keys of *figure* in an entry of the history."""
    return {"training": figure, "validation": f"validation_{figure}"}


def cross_entropy(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the mean of -log of the score of the right label, for ``(n, classes)`` *scores*."""
    of_label = scores[np.arange(len(labels)), labels]
    # A score of 0 would make the mean infinite; Keras clips likewise.
    return float(-np.log(np.maximum(of_label, 1e-7)).mean())
