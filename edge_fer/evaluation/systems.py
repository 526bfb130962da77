"""What can be evaluated: bundles on any backend, another program's answers in a csv, any Python function."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from edge_fer.emotions import find
from edge_fer.errors import BadInput, one_line
from edge_fer.evaluation.answers import AnswerTable
from edge_fer.evaluation.class_names import unknown_hint
from edge_fer.evaluation.probabilities import as_probabilities

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

    def check(self, faces: LabelledFaces, conditions: Sequence[str]) -> None:
        """Raise `BadInput` for what can be known to fail on *faces*, under *conditions*, before any work."""
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

    def check(self, faces: LabelledFaces, conditions: Sequence[str]) -> None:
        """Know of nothing that would fail."""

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
        from edge_fer import profile
        from edge_fer.classifier import Classifier

        path, _, target = spec.partition("@")
        self._classifier = Classifier(profile.open_bundle(path), target or None, threads=threads)
        self.name = f"{self._classifier.bundle.manifest.name}@{self._classifier.target.name}"

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return the model's scores. Raises `BadInput` for faces of a class that the bundle does not have."""
        del condition
        order = self._order(faces)
        return self._classifier.scores(faces.crops(self._classifier.preprocess))[:, order]

    def check(self, faces: LabelledFaces, conditions: Sequence[str]) -> None:
        """Raise `BadInput` for faces of a class that the bundle does not have."""
        del conditions
        self._order(faces)

    def _order(self, faces: LabelledFaces) -> list[int]:
        """Return for each class of *faces*, which may be fewer and in another order, its output of the model."""
        labels = self._classifier.labels
        positions = {name: find(name, labels) for name in faces.names}
        unknown = [name for name, position in positions.items() if position is None]
        if unknown:
            raise BadInput(f"{self.name} knows {', '.join(labels)}, not {', '.join(unknown)}: {unknown_hint(unknown)}")
        return [position for position in positions.values() if position is not None]

    def close(self) -> None:
        """Release the model."""
        self._classifier.close()


class CsvSystem(SystemBase):
    """Answers of another program in a csv; see `AnswerTable`."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._table = AnswerTable(path)

    def check(self, faces: LabelledFaces, conditions: Sequence[str]) -> None:
        """Raise `BadInput` for a missing or an unusable answer, under any of *conditions* that the csv has."""
        for condition in self._table.conditions.intersection(conditions):
            self.scores(faces, condition)

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return the answers for *faces*. Raises `BadInput` for a missing or an unusable answer."""
        if condition not in self._table.conditions:
            raise NoAnswer(condition)
        return self._table.scores(faces.paths, faces.names, condition)


class FunctionSystem(SystemBase):
    """A Python function: takes a list of grey uint8 faces and the label names, returns ``(n, classes)`` scores."""

    def __init__(self, spec: str) -> None:
        self.name = spec
        self._function = _imported(spec)

    def scores(self, faces: LabelledFaces, condition: str) -> NDArray[np.floating[Any]]:
        """Return what the function returns. Raises `BadInput` when it raises anything, and for no probabilities."""
        del condition
        # Copies, because a function that changes a face must not change it for the systems after it.
        images = [image.copy() for image in faces.images]
        try:
            returned = np.asarray(self._function(images, faces.names))
        # Whatever it is: the function is the user's. SystemExit, since a script may end itself.
        except (Exception, SystemExit) as exc:
            raise BadInput(
                f"{self.name} raised {type(exc).__name__}: {one_line(exc)}; edge-fer --debug eval … shows where"
            ) from exc
        wanted = (len(faces), len(faces.names))
        if returned.shape != wanted or returned.dtype.kind not in "fiub":
            raise BadInput(
                f"{self.name} returned {returned.dtype} of shape {returned.shape}; it should return numbers of shape "
                f"{wanted}, a score for each label of each face"
            )

        def place(row: int) -> str:
            return f"{self.name}, for {faces.paths[row]}"

        return as_probabilities(returned.astype(np.float64), place)


def _imported(spec: str) -> Callable[..., Any]:
    module, _, name = spec.partition(":")
    # As `python -m` does, and unlike a console script, so that a file of the current folder can be imported.
    sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module), name)
    # Importing runs the user's code, which may raise anything.
    except (Exception, SystemExit) as exc:
        raise BadInput(
            f"{spec} cannot be imported: {type(exc).__name__}: {one_line(exc)}; pass module:function, of a module that "
            "is installed or lies here"
        ) from exc
    finally:
        sys.path.pop(0)
    if not callable(function):
        raise BadInput(f"{spec} is {type(function).__name__}, no function; pass module:function")
    return function  # type: ignore[no-any-return]


def open_system(spec: str, threads: int = 1) -> System:
    """Open the system *spec*: a ``.csv``, ``module:function``, or a bundle with or without ``@target``.

    *threads* are those of a bundle. Raises `BadInput`, and what loading a bundle raises.
    """
    if spec.lower().endswith(".csv"):
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
