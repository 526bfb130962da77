"""What can be judged: our bundles on any backend, another program's answers in a csv, any Python function."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation.conditions import ORIGINAL
from edge_fer.evaluation.tables import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from edge_fer.evaluation.labelled import LabelledFaces


class NoAnswer(Exception):
    """A system has nothing to say under a condition, which is no fault: a file holds what was asked at its time."""


class System(Protocol):
    """A classifier of faces."""

    name: str

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return ``(n, classes)`` scores in the order of ``faces.names``; *condition* says what was done to the faces.

        Raises `NoAnswer` when it cannot be asked under this condition.
        """
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class BundleSystem:
    """A target of a bundle, through the code that a device runs."""

    def __init__(self, spec: str, threads: int = 1) -> None:
        from edge_fer.classifier import Classifier

        path, _, target = spec.partition("@")
        self._classifier = Classifier.load(path, target or None, threads=threads)
        self.name = f"{self._classifier.bundle.manifest.name}@{self._classifier.target.name}"

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return the bundle's scores; labels are matched by name, and all of the faces' names must be the bundle's."""
        labels = self._classifier.labels
        del condition
        strange = [name for name in faces.names if name not in labels]
        if strange:
            raise BadInput(f"{self.name} knows {', '.join(labels)}, not {', '.join(strange)}; leave those faces out")
        order = [labels.index(name) for name in faces.names]
        return self._classifier.scores(faces.crops(self._classifier.preprocess))[:, order]

    def close(self) -> None:
        """Release the model."""
        self._classifier.close()


class CsvSystem:
    """Answers that another program wrote down: this is how a cloud service or a desktop program is compared.

    The csv has a column ``path`` (as the faces' paths) and either ``label``, or one column of scores a label; a column
    ``condition`` where it was asked about changed faces, too.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path
        rows = read_rows(path, ("path",), "table of answers (path, and label or a column a label)")
        self._rows = {(row.get("condition") or ORIGINAL.name, row["path"]): row for _, row in rows}

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return the answers for *faces*. Raises `BadInput` where one is missing or is no known label."""
        if not any(asked == condition for asked, _ in self._rows):
            raise NoAnswer(condition)
        answers = np.zeros((len(faces), len(faces.names)))
        for at, path in enumerate(faces.paths):
            row = self._rows.get((condition, path))
            if row is None:
                raise BadInput(f"{self._path} has no row for {path} ({condition}); it has {len(self._rows)} others")
            answers[at] = self._answer(row, path, faces.names)
        return answers

    def _answer(self, row: dict[str, str], path: str, names: tuple[str, ...]) -> Sequence[float]:
        if set(names) <= set(row):
            try:
                return [float(row[name]) for name in names]
            except (TypeError, ValueError) as exc:
                raise BadInput(f"{self._path}: the scores of {path} are no numbers: {exc}") from exc
        label = row.get("label")
        if label not in names:
            raise BadInput(f"{self._path} says {label!r} of {path}; labels are {', '.join(names)}")
        return [float(name == label) for name in names]

    def close(self) -> None:
        """Hold nothing, release nothing."""


class FunctionSystem:
    """A function of one's own: grey uint8 faces and label names in, ``(n, classes)`` scores out."""

    def __init__(self, spec: str) -> None:
        module, _, function = spec.partition(":")
        self.name = spec
        sys.path.insert(0, str(Path.cwd()))
        try:
            self._function: Callable[..., Any] = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as exc:
            raise BadInput(f"{spec} cannot be imported: {exc}; pass a module that lies here, and a function") from exc
        finally:
            sys.path.pop(0)

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return what the function answers."""
        del condition
        return np.asarray(self._function(list(faces.images), faces.names), np.float64)

    def close(self) -> None:
        """Hold nothing, release nothing."""


def open_system(spec: str, threads: int = 1) -> System:
    """Open what *spec* names. Raises `BadInput` when it is none of the forms."""
    if spec.endswith(".csv"):
        return CsvSystem(Path(spec))
    if ":" in spec and not Path(spec).exists():
        return FunctionSystem(spec)
    return BundleSystem(spec, threads)


def open_all(specs: Sequence[str], threads: int, stack: ExitStack) -> list[System]:
    """Open all of *specs*, to be closed by *stack*; two of one name get numbers."""
    systems: list[System] = []
    for spec in specs:
        system = open_system(spec, threads)
        stack.callback(system.close)
        taken = sum(other.name.partition(" #")[0] == system.name for other in systems)
        if taken:
            system.name = f"{system.name} #{taken + 1}"
        systems.append(system)
    return systems
