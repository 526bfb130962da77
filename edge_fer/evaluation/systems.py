"""What can be evaluated: bundles on any backend, another program's answers in a csv, any Python function."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation.conditions import ORIGINAL
from edge_fer.evaluation.tables import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces


class NoAnswer(Exception):
    """A system has no answers under a condition. This is no error: a csv may hold answers for some conditions only."""


class System(Protocol):
    """A classifier of faces."""

    name: str

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return the ``(n, classes)`` scores of *faces*, columns in the order of ``faces.names``.

        *condition* is the name of the condition that is already applied to the faces. Raises `NoAnswer` when the system
        has no answers under it.
        """
        ...

    def close(self) -> None:
        """Release what the system holds."""
        ...

    def __enter__(self) -> Self:
        """Return the system itself."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        ...


class SystemBase:
    """What every system shares: it is closed when its ``with`` block ends."""

    def close(self) -> None:
        """Release nothing."""

    def __enter__(self) -> Self:
        """Return the system itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        self.close()


class BundleSystem(SystemBase):
    """One target of a bundle, run by the code that a device runs."""

    def __init__(self, spec: str, threads: int = 1) -> None:
        from edge_fer.classifier import Classifier

        path, _, target = spec.partition("@")
        self._classifier = Classifier.load(path, target or None, threads=threads)
        self.name = f"{self._classifier.bundle.manifest.name}@{self._classifier.target.name}"

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return the model's scores. Raises `BadInput` for faces of a class that the bundle does not have."""
        del condition
        labels = self._classifier.labels
        unknown = [name for name in faces.names if name not in labels]
        if unknown:
            raise BadInput(
                f"{self.name} knows {', '.join(labels)}, not {', '.join(unknown)}: leave out the faces of those classes"
            )
        # The faces may have fewer classes than the bundle, and in another order.
        order = [labels.index(name) for name in faces.names]
        return self._classifier.scores(faces.crops(self._classifier.preprocess))[:, order]

    def close(self) -> None:
        """Release the model."""
        self._classifier.close()


class CsvSystem(SystemBase):
    """Answers of another program, a cloud service or a desktop program, in a csv.

    The csv has a column ``path``, with the paths of the faces, and either a column ``label`` or a column of scores for
    each label. A column ``condition`` names the condition of each answer; without it, all are of the original faces.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path
        self._rows: dict[tuple[str, str], dict[str, str]] = {}
        self._conditions: set[str] = set()
        for _, row in read_rows(path, ("path",), "table of answers (path, and label or a column for each label)"):
            # Without the column, or with an empty cell in it, as people leave it who fill a table by hand.
            condition = row.get("condition") or ORIGINAL.name
            self._rows[condition, row["path"]] = row
            self._conditions.add(condition)

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return the answers for *faces*. Raises `BadInput` for a missing or an unusable answer."""
        if condition not in self._conditions:
            raise NoAnswer(condition)
        scores = np.zeros((len(faces), len(faces.names)))
        for index, path in enumerate(faces.paths):
            row = self._rows.get((condition, path))
            if row is None:
                raise BadInput(
                    f"{self._path} has no row for {path} ({condition}), only {len(self._rows)} others: its column path "
                    "should be that of edge-fer eval --export"
                )
            scores[index] = self._row_scores(row, path, faces.names)
        return scores

    def _row_scores(self, row: dict[str, str], path: str, names: tuple[str, ...]) -> Sequence[float]:
        # Where a file has scores and a label, the scores: they give average precision and calibration, too.
        if set(names) <= set(row):
            try:
                return [float(row[name]) for name in names]
            except (TypeError, ValueError) as exc:
                raise BadInput(f"{self._path}: the scores of {path} are not numbers: {exc}") from exc
        label = row.get("label")
        if label not in names:
            raise BadInput(f"{self._path} has label {label!r} for {path}; it should be one of: {', '.join(names)}")
        return [float(name == label) for name in names]


class FunctionSystem(SystemBase):
    """A Python function: takes a list of grey uint8 faces and the label names, returns ``(n, classes)`` scores."""

    def __init__(self, spec: str) -> None:
        module, _, function = spec.partition(":")
        self.name = spec
        # As `python -m` does, and unlike a console script, so that a file of the current folder can be imported.
        sys.path.insert(0, str(Path.cwd()))
        try:
            self._function: Callable[..., Any] = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as exc:
            raise BadInput(
                f"{spec} cannot be imported: {exc}; pass module:function, of a module that is installed or lies here"
            ) from exc
        finally:
            sys.path.pop(0)

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return what the function returns."""
        del condition
        return np.asarray(self._function(list(faces.images), faces.names), np.float64)


def open_system(spec: str, threads: int = 1) -> System:
    """Open the system *spec*: a ``.csv``, ``module:function``, or a bundle with or without ``@target``.

    *threads* are those of a bundle. Raises `BadInput`, and what loading a bundle raises.
    """
    if spec.endswith(".csv"):
        return CsvSystem(Path(spec))
    # The path of a bundle may contain a colon, too.
    if ":" in spec and not Path(spec).exists():
        return FunctionSystem(spec)
    return BundleSystem(spec, threads)


def open_all(specs: Sequence[str], threads: int, stack: ExitStack) -> list[System]:
    """Open the systems *specs*, which *stack* closes. Systems of the same name are numbered: ``name #2``."""
    systems: list[System] = []
    counts: dict[str, int] = {}
    for spec in specs:
        # Entered at once, so that it is closed when a later one cannot be opened.
        system = stack.enter_context(open_system(spec, threads))
        counts[system.name] = counts.get(system.name, 0) + 1
        if counts[system.name] > 1:
            system.name = f"{system.name} #{counts[system.name]}"
        systems.append(system)
    return systems
